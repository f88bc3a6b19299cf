//! Prebuilt masked frames: a message costs the sender 16 bytes of XOR, whatever its size.

use switchboard_proto::{MessageKind, OpCode, encode_masked_frame};

use super::dialect::Dialect;
use super::payload::{PAYLOAD_BYTES_MIN, Payloads, Session, Stamp};

/// The same for every frame: a server has to unmask with any key, and cannot gain from knowing this one.
pub const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x0f];

/// Frames of one size that lie one after the other, so that any number of them leaves in one send.
#[derive(Debug)]
pub struct Frames {
    bytes: Vec<u8>,
    frame_bytes: usize,
    session: Session,
    stamps: Vec<Place>,
}

/// Where a stamp stands in a frame, and the key as it falls there.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: usize,
    mask: u32,
}

impl Frames {
    /// Room for `count` frames with payloads of `payload_bytes` each, as `dialect` wants them of somebody in this room.
    #[must_use]
    pub fn new(
        dialect: Dialect,
        room: usize,
        payloads: &Payloads,
        kind: MessageKind,
        payload_bytes: usize,
        count: usize,
    ) -> Self {
        let opcode = match kind {
            MessageKind::Text => OpCode::Text,
            MessageKind::Binary => OpCode::Binary,
        };
        let payload = payloads.make(Stamp { sender: 0, number: 0 }, payload_bytes);
        let envelope = dialect.envelope(room);
        let message = [&envelope.before[..], &payload, envelope.after].concat();
        let mut frame = Vec::new();
        encode_masked_frame(opcode, true, &message, MASK, &mut frame);
        let header_bytes = frame.len() - message.len();
        let place = |offset: usize| {
            let mut mask = MASK;
            mask.rotate_left(offset % MASK.len());
            Place { offset: header_bytes + offset, mask: u32::from_ne_bytes(mask) }
        };
        Self {
            frame_bytes: frame.len(),
            session: payloads.session(),
            stamps: envelope.stamp_offset.into_iter().chain([envelope.before.len()]).map(place).collect(),
            bytes: frame.repeat(count),
        }
    }

    /// How many frames there is room for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bytes.len() / self.frame_bytes
    }

    /// Frames with the numbers `first` to `first + count - 1` of `sender`; at most [`Frames::count`] of them.
    pub fn stamped(&mut self, sender: u32, first: u32, count: usize) -> &[u8] {
        let mut number = first;
        for frame in self.bytes.chunks_exact_mut(self.frame_bytes).take(count) {
            let stamp = self.session.encode(Stamp { sender, number });
            for place in &self.stamps {
                let mut masked = stamp;
                for group in masked.as_chunks_mut::<4>().0 {
                    *group = (u32::from_ne_bytes(*group) ^ place.mask).to_ne_bytes();
                }
                frame[place.offset..][..PAYLOAD_BYTES_MIN].copy_from_slice(&masked);
            }
            number = number.wrapping_add(1);
        }
        &self.bytes[..self.bytes.len().min(count * self.frame_bytes)]
    }
}

#[cfg(test)]
mod tests {
    use switchboard_proto::{Connection, Event, Role};

    use super::*;

    #[test]
    fn a_server_reads_the_stamped_messages_in_order() {
        let payloads = Payloads::new(70_000);
        for payload_bytes in [16, 125, 126, 65_535, 70_000] {
            let mut frames = Frames::new(Dialect::Plain, 0, &payloads, MessageKind::Text, payload_bytes, 3);
            assert_eq!(frames.count(), 3);
            let mut input = frames.stamped(7, 40, 3).to_vec();
            let mut server = Connection::new(Role::Server, 1 << 20);
            let mut start = 0;
            for number in 40..43 {
                let received = server.receive(&mut input[start..]).unwrap();
                start += received.consumed;
                let Some(Event::Message { kind: MessageKind::Text, payload }) = received.event else {
                    panic!("no text message")
                };
                assert_eq!(payload.len(), payload_bytes);
                assert_eq!(payloads.check(payload), Some(Stamp { sender: 7, number }));
            }
            assert_eq!(start, input.len());
        }
    }

    #[test]
    fn a_message_of_the_chat_has_its_stamp_as_id_too() {
        let payloads = Payloads::new(64);
        let mut frames = Frames::new(Dialect::Chat, 0, &payloads, MessageKind::Text, 64, 1);
        let mut input = frames.stamped(1, 2, 1).to_vec();
        let mut server = Connection::new(Role::Server, 1 << 20);
        let received = server.receive(&mut input).unwrap().event;
        let Some(Event::Message { payload, .. }) = received else { panic!("no message") };
        let stamp = Stamp { sender: 1, number: 2 };
        let (id, text) = (payloads.session().encode(stamp), payloads.make(stamp, 64));
        let (id, text) = (str::from_utf8(&id).unwrap(), str::from_utf8(&text).unwrap());
        let expected = format!(r#"{{"type":"message","room":"bench-0","id":"{id}","text":"{text}"}}"#);
        assert_eq!(str::from_utf8(payload).unwrap(), expected);
    }
}
