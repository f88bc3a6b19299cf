//! What a server says beside the echo: who it is, and that it handles something again.

/// A worker's answer to the question who it is: `gen=3 pid=1234`, and perhaps more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How often the code had been replaced, from 1.
    pub generation: u32,
    /// The worker's process.
    pub pid: u32,
}

/// The longest remark.
const REMARK_BYTES_MAX: usize = 128;

const MARK: &[u8] = b" attempt=";

/// `None` when the message is no such answer.
#[must_use]
pub fn answer(message: &[u8]) -> Option<Answer> {
    if message.len() > REMARK_BYTES_MAX || !message.starts_with(b"gen=") {
        return None;
    }
    let text = std::str::from_utf8(message).ok()?;
    let field = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name)?.parse().ok());
    Some(Answer { generation: field("gen=")?, pid: field("pid=")? })
}

/// A message without the mark that it was handled again (` attempt=2` at its end), and whether it had one. No payload of
/// the generator has a space in it.
#[must_use]
pub fn unmarked(message: &[u8]) -> (&[u8], bool) {
    let tail = message.len().saturating_sub(MARK.len() + 10);
    let Some(space) = message[tail..].iter().rposition(|&byte| byte == b' ') else { return (message, false) };
    let (before, mark) = message.split_at(tail + space);
    match mark.strip_prefix(MARK) {
        Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => (before, true),
        _ => (message, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_whatever_stands_behind_it() {
        assert_eq!(answer(b"gen=3 pid=1234"), Some(Answer { generation: 3, pid: 1234 }));
        assert_eq!(answer(b"gen=3 pid=1234 build=b"), Some(Answer { generation: 3, pid: 1234 }));
        for other in [&b"gen="[..], b"gen=3", b"gen=x pid=1", b"?gen", b"", b"@@@@gen=3 pid=1234"] {
            assert_eq!(answer(other), None);
        }
    }

    #[test]
    fn a_mark_is_taken_off() {
        assert_eq!(unmarked(b"@@@@ attempt=2"), (&b"@@@@"[..], true));
        assert_eq!(unmarked(b"gen=3 pid=9 attempt=12"), (&b"gen=3 pid=9"[..], true));
        for other in [&b""[..], b"@@@@", b"@@@@ attempt=", b"@@@@ attempt=x", b"gen=3 pid=9", b"attempt=2"] {
            assert_eq!(unmarked(other), (other, false));
        }
    }
}
