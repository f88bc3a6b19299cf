//! Frames for many connections, each kept once: a connection that has nothing else to send only notes which of them it is to get,
//! and is sent them from here.

use crate::frame::Frame;

/// Larger frames are not gathered: what is put before and behind them is small beside them.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// What one log holds at most, in bytes and in frames. More is queued for each connection by itself.
const LOG_BYTES_MAX: usize = 1 << 20;
const FRAMES_MAX: usize = 4 << 10;
/// Memory that an empty log keeps.
const SPARE_BYTES_MAX: usize = 256 << 10;

/// In which form the frames of a log are: plain, or compressed for one size of the window (8 to 15 bits, RFC 7692).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Form(u8);

impl Form {
    pub(super) const PLAIN: Form = Form(0);

    pub(super) fn compressed(window_bits: u8) -> Form {
        Form(window_bits.clamp(8, 15) - 7)
    }

    /// None: it is plain.
    pub(super) fn window_bits(self) -> Option<u8> {
        (self != Form::PLAIN).then_some(self.0 + 7)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0) % FORMS
    }
}

/// How many there are.
pub(super) const FORMS: usize = 9;

/// What a connection is to get of a log: frames that follow each other there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part {
    from: u16,
    to: u16,
    form: Form,
}

const _: () = assert!(FRAMES_MAX <= u16::MAX as usize && size_of::<Part>() == 6);

impl Part {
    pub(super) fn is_empty(self) -> bool {
        self.from == self.to
    }
}

/// All logs of a reactor.
#[derive(Debug, Default)]
pub(super) struct Logs([Log; FORMS]);

/// Frames in the order in which they were published.
#[derive(Debug, Default)]
struct Log {
    frames: Vec<Frame>,
    /// Where each of them ends in `bytes`.
    ends: Vec<usize>,
    /// All of them, one right after the other.
    bytes: Vec<u8>,
    /// Connections that have a part of it before them.
    readers: usize,
}

impl Logs {
    /// Appends a frame. Answers which one it is; None: there is no room for it.
    pub(super) fn append(&mut self, form: Form, frame: &Frame) -> Option<u16> {
        let log = &mut self.0[form.index()];
        let fits = frame.len() <= FRAME_BYTES_MAX && log.bytes.len() + frame.len() <= LOG_BYTES_MAX;
        if !fits || log.frames.len() >= FRAMES_MAX {
            return None;
        }
        log.bytes.extend_from_slice(frame.head());
        log.bytes.extend_from_slice(frame.body());
        log.ends.push(log.bytes.len());
        log.frames.push(frame.clone());
        Some(log.frames.len() as u16 - 1)
    }

    /// Adds frame `at` to what a connection is to get, unless that would not be one piece, or be more than `bytes_max` if it
    /// is more than one frame. `Some(true)`: it had nothing before.
    #[inline]
    pub(super) fn add(&mut self, part: &mut Part, form: Form, at: u16, bytes_max: usize) -> Option<bool> {
        let log = &mut self.0[form.index()];
        if part.is_empty() {
            *part = Part { from: at, to: at + 1, form };
            log.readers += 1;
            return Some(true);
        }
        let extended = Part { to: at + 1, ..*part };
        let follows = part.to == at && part.form == form;
        // Most logs are short, so that all of it fits.
        let fits = log.bytes.len() <= bytes_max || log.slice(extended).len() <= bytes_max;
        (follows && fits).then(|| {
            *part = extended;
            false
        })
    }

    /// The bytes of a part, as they are sent.
    pub(super) fn bytes(&self, part: Part) -> &[u8] {
        self.0[part.form.index()].slice(part)
    }

    /// The same as frames.
    pub(super) fn frames(&self, part: Part) -> &[Frame] {
        let range = usize::from(part.from)..usize::from(part.to);
        self.0[part.form.index()].frames.get(range).unwrap_or_default()
    }

    /// A connection has got its part, or gets it in another way.
    pub(super) fn release(&mut self, part: Part) {
        if !part.is_empty() {
            self.0[part.form.index()].readers -= 1;
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|log| log.frames.is_empty())
    }

    /// Forgets what nobody is to get any more.
    pub(super) fn trim(&mut self) {
        for log in &mut self.0 {
            if log.readers == 0 && !log.frames.is_empty() {
                log.frames.clear();
                log.ends.clear();
                log.bytes.clear();
                log.bytes.shrink_to(SPARE_BYTES_MAX);
            }
        }
    }
}

impl Log {
    fn slice(&self, part: Part) -> &[u8] {
        let end_of = |frames: u16| match frames {
            0 => Some(0),
            frames => self.ends.get(usize::from(frames) - 1).copied(),
        };
        let (from, to) = (end_of(part.from).unwrap_or(0), end_of(part.to).unwrap_or(0));
        self.bytes.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::shared(text.into())
    }

    #[test]
    fn a_part_is_what_follows_each_other() {
        let (mut logs, mut part) = (Logs::default(), Part::default());
        let plain = Form::PLAIN;
        let [a, b, c] = ["a", "bb", "ccc"].map(|text| logs.append(plain, &frame(text)).unwrap());
        assert_eq!(logs.add(&mut part, plain, b, 100), Some(true));
        assert_eq!(logs.add(&mut part, plain, c, 100), Some(false));
        assert_eq!(logs.bytes(part), b"\x81\x02bb\x81\x03ccc");
        assert_eq!(logs.frames(part).len(), 2);
        assert_eq!(logs.add(&mut part, plain, a, 100), None, "it came before");
        let d = logs.append(plain, &frame("d")).unwrap();
        assert_eq!(logs.add(&mut part, plain, d, 9), None, "more than it may be");
        assert_eq!(logs.add(&mut part, Form::compressed(15), 3, 100), None, "of another log");
    }

    #[test]
    fn a_log_is_kept_as_long_as_somebody_is_to_get_a_part_of_it() {
        let (mut logs, mut part) = (Logs::default(), Part::default());
        let first = logs.append(Form::PLAIN, &frame("first")).unwrap();
        logs.add(&mut part, Form::PLAIN, first, 100);
        logs.trim();
        assert_eq!(logs.append(Form::PLAIN, &frame("second")), Some(1));
        assert_eq!(logs.bytes(part), b"\x81\x05first");
        logs.release(part);
        logs.trim();
        assert_eq!(logs.append(Form::PLAIN, &frame("third")), Some(0), "it has begun anew");
    }

    #[test]
    fn a_log_has_a_bound() {
        let mut logs = Logs::default();
        assert_eq!(logs.append(Form::PLAIN, &frame(&"x".repeat(FRAME_BYTES_MAX))), None);
        let large = frame(&"x".repeat(FRAME_BYTES_MAX - 100));
        let taken = (0..100).take_while(|_| logs.append(Form::PLAIN, &large).is_some()).count();
        assert_eq!(taken, LOG_BYTES_MAX / FRAME_BYTES_MAX);
        let mut logs = Logs::default();
        let taken =
            (0..2 * FRAMES_MAX).take_while(|_| logs.append(Form::PLAIN, &frame("x")).is_some()).count();
        assert_eq!(taken, FRAMES_MAX);
    }
}
