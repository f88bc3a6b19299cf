//! From bytes to events: headers, payloads, and what they mean in the state of the connection (RFC 6455 §5.2–§5.5).

use std::ops::Range;

use super::partial::{Delivered, OpenFrame, Partial};
use super::{CloseFrame, Connection, MessageKind};
use crate::close::{self, CloseCode};
use crate::deflate;
use crate::error::{self, Violation};
use crate::frame::{FrameHeader, OpCode};
use crate::mask::apply_mask;
use crate::utf8;

/// An event, before its bytes are borrowed.
pub(super) enum Found {
    Message { kind: MessageKind, source: Source, compressed: bool },
    Ping(Source),
    Pong(Source),
    Close { code: CloseCode, source: Source },
}

impl Found {
    pub(super) fn inflated(kind: MessageKind) -> Found {
        Found::Message { kind, source: Source::Inflated, compressed: false }
    }
}

/// Where the payload of an event lies.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Input {
        start: usize,
        end: usize,
    },
    Message,
    Control,
    /// The codec.
    Inflated,
}

impl Connection {
    /// Nothing is incomplete, nothing waits, nobody closes.
    #[inline(always)]
    pub(super) fn is_quiet(&self) -> bool {
        self.partial.is_none() && self.close_frame == CloseFrame::None && !self.close_received && !self.failed
    }

    /// The hot path: a message in one frame, all of it in the input: where its payload lies. None if it is anything else.
    #[inline(always)]
    pub(super) fn whole_message(
        &self,
        input: &mut [u8],
    ) -> Result<Option<(MessageKind, Range<usize>)>, Violation> {
        let Some((header, start)) = FrameHeader::read(input, self.rules(false))? else {
            return Ok(None);
        };
        let Some(kind) = MessageKind::of(header.opcode) else {
            return Ok(None);
        };
        if header.is_compressed() {
            return Ok(None);
        }
        if header.payload_len > self.message_bytes_max as u64 {
            return Err(error::MESSAGE_TOO_BIG);
        }
        if !header.fin || header.payload_len > (input.len() - start) as u64 {
            return Ok(None);
        }

        let end = start + header.payload_len as usize;
        let payload = &mut input[start..end];
        if let Some(key) = header.mask {
            apply_mask(payload, key, 0);
        }
        check_text(kind, payload)?;
        Ok(Some((kind, start..end)))
    }

    /// Everything but the hot path: frames in parts, fragments, control frames, a connection that closes. Up to the first
    /// event: how many bytes of `input` are done with, and the event.
    pub(super) fn advance_in_parts(&mut self, input: &mut [u8]) -> Result<(usize, Option<Found>), Violation> {
        if let Some(partial) = &mut self.partial {
            partial.drop_delivered();
        }
        let mut at = 0;
        let mut found = None;
        if self.close_received || self.failed {
            at = input.len();
        }
        while at < input.len() && found.is_none() {
            found = if self.partial.as_deref().is_some_and(|partial| partial.frame.is_some()) {
                self.continue_frame(input, &mut at)?
            } else {
                self.start_frame(input, &mut at)?
            };
        }
        self.free_if_empty();
        Ok((at, found))
    }

    /// A frame from its header on.
    fn start_frame(&mut self, input: &mut [u8], at: &mut usize) -> Result<Option<Found>, Violation> {
        let Some(header) = self.take_header(input, at)? else {
            return Ok(None);
        };
        if !header.opcode.is_control() {
            self.check_size(&header)?;
        }
        if header.payload_len > (input.len() - *at) as u64 {
            return self.open_frame(header, input, at);
        }

        let (start, end) = (*at, *at + header.payload_len as usize);
        *at = end;
        let payload = &mut input[start..end];
        if let Some(key) = header.mask {
            apply_mask(payload, key, 0);
        }
        let source = Source::Input { start, end };
        if header.opcode.is_control() {
            return self.control(header.opcode, payload, source).map(Some);
        }
        self.whole_data_frame(&header, payload, source)
    }

    /// The header at `at`, or none if its last bytes are still to come; then those that are here are kept.
    #[inline]
    fn take_header(&mut self, input: &[u8], at: &mut usize) -> Result<Option<FrameHeader>, Violation> {
        let rules = self.rules(self.partial.as_deref().is_some_and(Partial::is_message_open));
        if let Some(partial) = &mut self.partial
            && partial.header_len > 0
        {
            while let Some(octet) = input.get(*at) {
                *at += 1;
                partial.header[usize::from(partial.header_len)] = *octet;
                partial.header_len += 1;
                let octets = &partial.header[..usize::from(partial.header_len)];
                if let Some((header, _)) = FrameHeader::read(octets, rules)? {
                    partial.header_len = 0;
                    return Ok(Some(header));
                }
            }
            return Ok(None);
        }

        let rest = &input[*at..];
        if let Some((header, len)) = FrameHeader::read(rest, rules)? {
            *at += len;
            return Ok(Some(header));
        }
        let partial = self.partial.get_or_insert_default();
        partial.header[..rest.len()].copy_from_slice(rest);
        partial.header_len = rest.len() as u8;
        *at = input.len();
        Ok(None)
    }

    /// RFC 6455 §7.4.1, code 1009: as soon as a header says that the message will be too big.
    #[inline]
    fn check_size(&self, header: &FrameHeader) -> Result<(), Violation> {
        let before = self.partial.as_deref().map_or(0, |partial| partial.message_len());
        let size = header.payload_len.saturating_add(before as u64);
        if size > self.arriving_bytes_max(header) && !self.drops_data() {
            return Err(error::MESSAGE_TOO_BIG);
        }
        Ok(())
    }

    /// What the message that this frame is a part of may take on the wire.
    #[inline]
    fn arriving_bytes_max(&self, header: &FrameHeader) -> u64 {
        let continues = self.partial.as_deref().is_some_and(Partial::is_message_compressed);
        if header.is_compressed() || continues {
            deflate::wire_bytes_max(self.message_bytes_max)
        } else {
            self.message_bytes_max as u64
        }
    }

    /// After our close frame the peer's data are of no use, but its close frame may stand behind them.
    #[inline]
    fn drops_data(&self) -> bool {
        self.close_frame != CloseFrame::None
    }

    /// A data frame, all of it in the input: a message of its own, or a fragment of one (RFC 6455 §5.4).
    fn whole_data_frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        source: Source,
    ) -> Result<Option<Found>, Violation> {
        let (drops, bytes_max) = (self.drops_data(), self.arriving_bytes_max(header));
        if header.fin
            && let Some(kind) = MessageKind::of(header.opcode)
        {
            if drops {
                return Ok(None);
            }
            let compressed = header.is_compressed();
            if !compressed {
                check_text(kind, payload)?;
            }
            return Ok(Some(Found::Message { kind, source, compressed }));
        }
        let partial = self.partial.get_or_insert_default();
        partial.open_message(header);
        if !drops {
            let most = if header.fin { 0 } else { bytes_max };
            partial.append(payload, most)?;
        }
        if header.fin { self.finish_message() } else { Ok(None) }
    }

    /// A frame whose payload is not all here.
    fn open_frame(
        &mut self,
        header: FrameHeader,
        input: &mut [u8],
        at: &mut usize,
    ) -> Result<Option<Found>, Violation> {
        let partial = self.partial.get_or_insert_default();
        partial.open_message(&header);
        partial.frame = Some(OpenFrame { header, arrived: 0 });
        self.continue_frame(input, at)
    }

    /// The next bytes of a payload that arrives in parts.
    fn continue_frame(&mut self, input: &mut [u8], at: &mut usize) -> Result<Option<Found>, Violation> {
        let Some(header) = self.partial.as_deref().and_then(Partial::frame_header) else {
            return Ok(None);
        };
        let (drops, bytes_max) = (self.drops_data(), self.arriving_bytes_max(&header));
        let Some(partial) = self.partial.as_deref_mut() else {
            return Ok(None);
        };
        let Some(frame) = &mut partial.frame else {
            return Ok(None);
        };

        let missing = header.payload_len - frame.arrived;
        let available = input.len() - *at;
        let len = usize::try_from(missing).map_or(available, |missing| missing.min(available));
        let part = &mut input[*at..*at + len];
        *at += len;
        if let Some(key) = header.mask {
            apply_mask(part, key, (frame.arrived % 4) as usize);
        }
        frame.arrived += len as u64;
        let missing = missing - len as u64;
        if missing == 0 {
            partial.frame = None;
        }

        if header.opcode.is_control() {
            partial.control.extend_from_slice(part);
            return if missing == 0 { self.gathered_control(header.opcode) } else { Ok(None) };
        }
        if !drops {
            // The last fragment tells how long the message will be; before it only the limit is known.
            let rest = partial.message_len() as u64 + len as u64 + missing;
            partial.append(part, if header.fin { rest } else { bytes_max })?;
        }
        if missing == 0 && header.fin { self.finish_message() } else { Ok(None) }
    }

    fn finish_message(&mut self) -> Result<Option<Found>, Violation> {
        let drops = self.drops_data();
        let Some(partial) = self.partial.as_deref_mut() else {
            return Ok(None);
        };
        if drops {
            partial.close_message();
            return Ok(None);
        }
        let (kind, compressed) = partial.finish_message()?;
        Ok(Some(Found::Message { kind, source: Source::Message, compressed }))
    }

    /// A control frame that came in parts.
    fn gathered_control(&mut self, opcode: OpCode) -> Result<Option<Found>, Violation> {
        let Some(partial) = self.partial.as_deref_mut() else {
            return Ok(None);
        };
        let payload = std::mem::take(&mut partial.control);
        let found = self.control(opcode, &payload, Source::Control)?;
        let partial = self.partial.get_or_insert_default();
        partial.control = payload;
        partial.delivered = Delivered::Control;
        Ok(Some(found))
    }

    /// A control frame (RFC 6455 §5.5). The replies that it calls for wait from now on.
    fn control(&mut self, opcode: OpCode, payload: &[u8], source: Source) -> Result<Found, Violation> {
        match opcode {
            OpCode::Ping => {
                // Nothing follows our close frame (§5.5.1).
                if self.close_frame != CloseFrame::Sent {
                    self.partial.get_or_insert_default().pong = Some(payload.to_vec());
                }
                Ok(Found::Ping(source))
            }
            OpCode::Close => {
                let code = close::check_payload(payload)?;
                self.close_received = true;
                let partial = self.partial.get_or_insert_default();
                partial.drop_input();
                if self.close_frame == CloseFrame::None {
                    self.close_frame = CloseFrame::Waiting;
                    // The peer's code is sent back, or an empty frame for an empty one (§5.5.1).
                    partial.close = Some(payload.get(..2).map(<[u8]>::to_vec).unwrap_or_default());
                }
                Ok(Found::Close { code, source })
            }
            _ => Ok(Found::Pong(source)),
        }
    }
}

/// RFC 6455 §8.1, for a message that is there at once.
#[inline(always)]
fn check_text(kind: MessageKind, payload: &[u8]) -> Result<(), Violation> {
    if kind == MessageKind::Text && !utf8::is_valid(payload) {
        return Err(error::TEXT_UTF8);
    }
    Ok(())
}
