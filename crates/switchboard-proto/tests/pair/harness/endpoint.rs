//! One end: a driver as small as one can be, without a socket.

use switchboard_proto::deflate::{Codec, ServerSettings};
use switchboard_proto::handshake::{ClientHandshake, HandshakeError, HeadLimits, HeadReader, Request};
use switchboard_proto::{
    CloseCode, Connection, Event, MessageKind, OpCode, Role, encode_frame, encode_masked_frame,
};

/// What an end has heard, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Open(Option<String>),
    Refused(u16),
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(u16),
    /// Bytes after the transport was closed.
    Late,
}

pub(crate) enum State {
    Listening(HeadReader),
    Asked { handshake: ClientHandshake, response: Vec<u8> },
    Open(Connection),
    Gone,
}

pub(crate) struct Endpoint {
    pub(crate) heard: Vec<Heard>,
    pub(crate) out: Vec<u8>,
    pub(crate) state: State,
    /// What it is ready for as a server.
    pub(crate) settings: Option<ServerSettings>,
    codec: Codec,
    message_bytes_max: usize,
    next_key: u32,
}

impl Endpoint {
    pub(crate) fn new(state: State, message_bytes_max: usize) -> Self {
        Self {
            heard: Vec::new(),
            out: Vec::new(),
            state,
            settings: None,
            codec: Codec::default(),
            message_bytes_max,
            next_key: 1,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Is the transport closed at this end?
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        match &mut self.state {
            State::Open(connection) => connection,
            _ => panic!("not open: {:?}", self.heard),
        }
    }

    pub(crate) fn send(&mut self, opcode: OpCode, payload: &[u8]) {
        self.send_fragment(opcode, true, payload);
    }

    pub(crate) fn send_fragment(&mut self, opcode: OpCode, fin: bool, payload: &[u8]) {
        let (key, role) = (self.key(), self.connection().role());
        match role {
            Role::Client => encode_masked_frame(opcode, fin, payload, key, &mut self.out),
            Role::Server => {
                let start = self.out.len();
                encode_frame(opcode, payload, &mut self.out);
                self.out[start] &= if fin { 0xff } else { 0x7f };
            }
        }
    }

    /// Sends a message compressed, if that makes it smaller, in fragments that end at `cuts` of what it has become. True
    /// if it was compressed.
    pub(crate) fn send_deflated(&mut self, opcode: OpCode, payload: &[u8], cuts: &[usize]) -> bool {
        let mut codec = std::mem::take(&mut self.codec);
        let compressed = self.connection().compress(payload, &mut codec).map(<[u8]>::to_vec);
        self.codec = codec;
        let wire = compressed.as_deref().unwrap_or(payload);
        let (mut at, mut opcode, mut rsv) = (0, opcode, if compressed.is_some() { 0x40 } else { 0 });
        for cut in cuts.iter().map(|cut| cut % (wire.len() + 1)).chain([wire.len()]) {
            let (last, cut) = (cut == wire.len(), cut.max(at));
            let start = self.out.len();
            self.send_fragment(opcode, last, &wire[at..cut]);
            self.out[start] |= rsv;
            (at, opcode, rsv) = (cut, OpCode::Continuation, 0);
            if last {
                break;
            }
        }
        compressed.is_some()
    }

    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        assert!(self.connection().close(code, reason).is_ok());
        self.transmit();
    }

    pub(crate) fn receive(&mut self, bytes: Vec<u8>, now_ms: u64) {
        match &mut self.state {
            State::Listening(reader) => match reader.receive(&bytes, now_ms) {
                Ok(None) => {}
                Ok(Some(head_len)) => {
                    let buffer = reader.buffer().to_vec();
                    self.answer(&buffer, head_len);
                }
                Err(error) => self.refuse(&error),
            },
            State::Asked { handshake, response } => {
                response.extend_from_slice(&bytes);
                match handshake.receive(response) {
                    Ok(None) => {}
                    Ok(Some(accepted)) => {
                        let rest = response.split_off(accepted.head_len);
                        self.heard.push(Heard::Open(accepted.subprotocol));
                        let mut connection = Connection::new(Role::Client, self.message_bytes_max);
                        if let Some(parameters) = accepted.deflate {
                            connection.use_deflate(parameters);
                        }
                        self.state = State::Open(connection);
                        self.frames(rest);
                    }
                    Err(error) => panic!("the client refused the response: {error}"),
                }
            }
            State::Open(_) => self.frames(bytes),
            State::Gone => self.heard.push(Heard::Late),
        }
    }

    fn answer(&mut self, buffer: &[u8], head_len: usize) {
        let upgrade = Request::parse(buffer, &HeadLimits::default())
            .and_then(|request| request.map(|request| request.upgrade()).transpose());
        let upgrade = match upgrade {
            Ok(Some(upgrade)) => upgrade,
            Ok(None) => panic!("the reader found a whole head, the parser did not"),
            Err(error) => return self.refuse(&error),
        };
        let subprotocol = upgrade.protocols.first().copied();
        let agreement = self.settings.as_ref().and_then(|settings| upgrade.deflate(settings));
        assert!(upgrade.accept(subprotocol, agreement.as_ref(), &[], &mut self.out).is_ok());
        self.heard.push(Heard::Open(subprotocol.map(str::to_owned)));
        let mut connection = Connection::new(Role::Server, self.message_bytes_max);
        if let Some(agreement) = agreement {
            connection.use_deflate(agreement.parameters);
        }
        self.state = State::Open(connection);
        self.frames(buffer[head_len..].to_vec());
    }

    fn refuse(&mut self, error: &HandshakeError) {
        error.response(&mut self.out);
        self.heard.push(Heard::Refused(error.status));
        self.state = State::Gone;
    }

    fn frames(&mut self, mut bytes: Vec<u8>) {
        let mut at = 0;
        loop {
            let State::Open(connection) = &mut self.state else { panic!("not open: {:?}", self.heard) };
            let over = match connection.receive_with(&mut bytes[at..], &mut self.codec) {
                Ok(received) => {
                    at += received.consumed;
                    let over = received.consumed == 0 && received.event.is_none();
                    let heard = received.event.map(own);
                    self.heard.extend(heard);
                    over
                }
                Err(error) => {
                    self.heard.push(Heard::Failed(error.code.get()));
                    true
                }
            };
            self.transmit();
            if over {
                break;
            }
        }
        if self.connection().is_finished() {
            self.state = State::Gone;
        }
    }

    fn transmit(&mut self) {
        let State::Open(connection) = &mut self.state else {
            return;
        };
        match connection.role() {
            Role::Server => {
                connection.poll_transmit(&mut self.out);
            }
            Role::Client => {
                while connection.poll_transmit_masked(self.next_key.to_be_bytes(), &mut self.out) {
                    self.next_key = self.next_key.wrapping_mul(0x9e37_79b1).wrapping_add(1);
                }
            }
        }
    }

    fn key(&mut self) -> [u8; 4] {
        self.next_key = self.next_key.wrapping_mul(0x9e37_79b1).wrapping_add(1);
        self.next_key.to_be_bytes()
    }
}

fn own(event: Event<'_>) -> Heard {
    match event {
        Event::Message { kind: MessageKind::Text, payload } => match String::from_utf8(payload.to_vec()) {
            Ok(text) => Heard::Text(text),
            Err(error) => panic!("a text message that is not UTF-8: {error}"),
        },
        Event::Message { kind: MessageKind::Binary, payload } => Heard::Binary(payload.to_vec()),
        Event::Ping(payload) => Heard::Ping(payload.to_vec()),
        Event::Pong(payload) => Heard::Pong(payload.to_vec()),
        Event::Close { code, reason } => Heard::Close(code.get(), reason.to_owned()),
    }
}
