//! Connections: any bytes in any split give the same events and replies; frames mean what a second, naive reading of
//! RFC 6455 says; memory stays within its bound.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switchboard_proto::{
    CloseCode, Connection, Event, MessageKind, OpCode, ProtocolError, Role, encode_frame, encode_masked_frame,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    client: bool,
    message_bytes_max: u8,
    sizes: [u8; 4],
    /// Before which frame, if any, this end closes.
    close_before: Option<u8>,
    frames: Vec<Frame<'a>>,
    garbage: &'a [u8],
}

#[derive(Debug, Arbitrary)]
struct Frame<'a> {
    opcode: Kind,
    fin: bool,
    key: [u8; 4],
    payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl From<Kind> for OpCode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Continuation => Self::Continuation,
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
            Kind::Close => Self::Close,
            Kind::Ping => Self::Ping,
            Kind::Pong => Self::Pong,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, Vec<u8>),
    Failed(u16),
}

fuzz_target!(|input: Input<'_>| {
    let role = if input.client { Role::Client } else { Role::Server };
    let limit = usize::from(input.message_bytes_max);

    frames_mean_what_the_model_says(role, limit, &input);

    let mut stream: Vec<u8> = input.frames.iter().flat_map(|frame| wire(role, frame)).collect();
    stream.extend_from_slice(input.garbage);
    let mut whole = Driver::new(role, limit);
    whole.feed(&stream, &[usize::MAX]);
    let sizes = input.sizes.map(usize::from);
    for sizes in [&sizes[..], &[1]] {
        let mut parts = Driver::new(role, limit);
        parts.feed(&stream, sizes);
        assert_eq!((&parts.seen, &parts.out), (&whole.seen, &whole.out), "pieces of {sizes:?}");
    }
});

fn frames_mean_what_the_model_says(role: Role, limit: usize, input: &Input<'_>) {
    let mut driver = Driver::new(role, limit);
    let mut model = Model { limit, message: None, closing: false, over: false, seen: Vec::new() };
    for (index, frame) in input.frames.iter().enumerate() {
        if input.close_before.map(usize::from) == Some(index) {
            let _ = driver.connection.close(CloseCode::NORMAL, "");
            driver.transmit();
            model.closing = true;
        }
        driver.feed(&wire(role, frame), &input.sizes.map(usize::from));
        model.receive(frame);
        assert_eq!(driver.seen, model.seen);
        if model.message.is_none() || model.over {
            assert_eq!(driver.connection.buffered_bytes(), 0, "nothing is incomplete");
        }
    }
}

fn wire(role: Role, frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match role {
        Role::Server => {
            encode_masked_frame(frame.opcode.into(), frame.fin, frame.payload, frame.key, &mut out)
        }
        Role::Client => {
            encode_frame(frame.opcode.into(), frame.payload, &mut out);
            out[0] &= if frame.fin { 0xff } else { 0x7f };
        }
    }
    out
}

/// A connection, and everything that came of it.
struct Driver {
    connection: Connection,
    role: Role,
    limit: usize,
    seen: Vec<Seen>,
    out: Vec<u8>,
}

impl Driver {
    fn new(role: Role, limit: usize) -> Self {
        let connection = Connection::new(role, limit);
        Self { connection, role, limit, seen: Vec::new(), out: Vec::new() }
    }

    fn feed(&mut self, stream: &[u8], sizes: &[usize]) {
        let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
        while !rest.is_empty() {
            let size = sizes.next().map_or(1, |size| (*size).clamp(1, rest.len()));
            let (part, after) = rest.split_at(size);
            self.feed_part(&mut part.to_vec());
            rest = after;
        }
    }

    fn feed_part(&mut self, part: &mut [u8]) {
        let mut at = 0;
        loop {
            let over = match self.connection.receive(&mut part[at..]) {
                Ok(received) => {
                    at += received.consumed;
                    let over = received.consumed == 0 && received.event.is_none();
                    self.seen.extend(received.event.map(own));
                    over
                }
                Err(error) => {
                    self.failed(&error);
                    true
                }
            };
            self.transmit();
            // Twice what may have arrived, a control frame's parts, and the fixed part.
            assert!(self.connection.buffered_bytes() <= 2 * self.limit + 3 * 125 + 256);
            if over {
                break;
            }
        }
        assert!(at == part.len() || self.connection.is_closing(), "everything is consumed");
        assert!(!self.connection.has_transmit());
    }

    fn failed(&mut self, error: &ProtocolError) {
        assert!(error.reason().len() <= 123 && error.section.starts_with("RFC 6455 §"));
        self.seen.push(Seen::Failed(error.code.get()));
    }

    fn transmit(&mut self) {
        match self.role {
            Role::Server => {
                self.connection.poll_transmit(&mut self.out);
            }
            Role::Client => while self.connection.poll_transmit_masked([0; 4], &mut self.out) {},
        }
    }
}

fn own(event: Event<'_>) -> Seen {
    match event {
        Event::Message { kind, payload } => {
            assert!(kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok());
            Seen::Message(kind, payload.to_vec())
        }
        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
        Event::Close { code, reason } => Seen::Close(code.get(), reason.as_bytes().to_vec()),
    }
}

/// RFC 6455 §5.4, §5.5, §7, §8.1 for frames that are there as a whole, in the plainest way.
struct Model {
    limit: usize,
    message: Option<(MessageKind, Vec<u8>)>,
    closing: bool,
    over: bool,
    seen: Vec<Seen>,
}

impl Model {
    fn receive(&mut self, frame: &Frame<'_>) {
        if self.over {
            return;
        }
        match self.event(frame) {
            Ok(seen) => {
                self.over = matches!(seen, Some(Seen::Close(..)));
                self.seen.extend(seen);
            }
            Err(code) => {
                self.over = true;
                self.seen.push(Seen::Failed(code));
            }
        }
    }

    fn event(&mut self, frame: &Frame<'_>) -> Result<Option<Seen>, u16> {
        let payload = frame.payload.to_vec();
        if matches!(frame.opcode, Kind::Close | Kind::Ping | Kind::Pong)
            && (!frame.fin || payload.len() > 125)
        {
            return Err(1002);
        }
        match frame.opcode {
            Kind::Ping => Ok(Some(Seen::Ping(payload))),
            Kind::Pong => Ok(Some(Seen::Pong(payload))),
            Kind::Close => close(&payload).map(Some),
            Kind::Text => self.start(MessageKind::Text, frame),
            Kind::Binary => self.start(MessageKind::Binary, frame),
            Kind::Continuation => self.data(frame),
        }
    }

    fn start(&mut self, kind: MessageKind, frame: &Frame<'_>) -> Result<Option<Seen>, u16> {
        if self.message.is_some() {
            return Err(1002);
        }
        self.message = Some((kind, Vec::new()));
        self.data(frame)
    }

    fn data(&mut self, frame: &Frame<'_>) -> Result<Option<Seen>, u16> {
        let Some((kind, mut payload)) = self.message.take() else { return Err(1002) };
        if !self.closing {
            payload.extend_from_slice(frame.payload);
            if payload.len() > self.limit {
                return Err(1009);
            }
            let hopeless = match std::str::from_utf8(&payload) {
                Ok(_) => false,
                Err(error) => error.error_len().is_some() || frame.fin,
            };
            if kind == MessageKind::Text && hopeless {
                return Err(1007);
            }
        }
        if !frame.fin {
            self.message = Some((kind, payload));
            return Ok(None);
        }
        Ok((!self.closing).then_some(Seen::Message(kind, payload)))
    }
}

fn close(payload: &[u8]) -> Result<Seen, u16> {
    match payload {
        [] => Ok(Seen::Close(1005, Vec::new())),
        [_] => Err(1002),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) << 8 | u16::from(*low);
            let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
            if !registered.contains(&code) && !(3000..5000).contains(&code) {
                return Err(1002);
            }
            std::str::from_utf8(reason).map_err(|_| 1007u16)?;
            Ok(Seen::Close(code, reason.to_vec()))
        }
    }
}
