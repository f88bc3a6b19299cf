use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};
use switchboard_proto::handshake::{ClientError, ClientHandshake};
use switchboard_proto::{CloseCode, Connection, Event, OpCode, Role, encode_masked_frame};

use super::server::{DEADLINE, Server};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A WebSocket client that blocks, with a deadline on everything.
pub struct Client {
    stream: TcpStream,
    connection: Connection,
    frames: VecDeque<Value>,
    closed: Option<CloseCode>,
}

impl Client {
    /// A client that knows the smallest protocol alone.
    pub fn plain(server: &Server) -> Self {
        Self::open(server, "/", None, None).expect("accepted")
    }

    /// A v1 client that has not said anything.
    pub fn v1(server: &Server) -> Self {
        Self::open(server, "/ws", Some("switchboard.v1"), None).expect("accepted")
    }

    /// A v1 client of this name, in these rooms, that has read what it was sent so far.
    pub fn person(server: &Server, name: &str, rooms: &[&str]) -> Self {
        let mut client = Self::v1(server);
        client.send(json!({"type": "connect", "text": name}));
        client.await_type("welcome");
        client.await_type("connect");
        for room in rooms {
            client.send(json!({"type": "join", "room": room}));
            client.await_type("joined");
        }
        client
    }

    pub fn open(
        server: &Server,
        target: &str,
        subprotocol: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Self, ClientError> {
        Self::open_with(server, target, subprotocol, &[("Origin", origin)])
    }

    /// A v1 client with a cookie, which has connected and read its welcome; and that.
    pub fn signed_in(server: &Server, cookie: &str, name: &str) -> (Self, Value) {
        let mut client = Self::with_cookie(server, cookie);
        client.send(json!({"type": "connect", "text": name}));
        let welcome = client.await_type("welcome");
        client.await_type("connect");
        (client, welcome)
    }

    /// A v1 client with a cookie that has not said anything.
    pub fn with_cookie(server: &Server, cookie: &str) -> Self {
        Self::open_with(server, "/ws", Some("switchboard.v1"), &[("Cookie", Some(cookie))]).expect("accepted")
    }

    pub fn open_with(
        server: &Server,
        target: &str,
        subprotocol: Option<&str>,
        fields: &[(&str, Option<&str>)],
    ) -> Result<Self, ClientError> {
        let mut handshake = ClientHandshake::new(server.address(), target, *b"0123456789abcdef");
        if let Some(name) = subprotocol {
            handshake = handshake.protocol(name);
        }
        for (name, value) in fields {
            if let Some(value) = value {
                handshake = handshake.header(name, value);
            }
        }
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.set_nodelay(true).expect("set");
        stream.write_all(&handshake.request()).expect("sent");
        let mut head = Vec::new();
        let accepted = loop {
            if let Some(accepted) = handshake.receive(&head)? {
                break accepted;
            }
            head.extend(read(&mut stream).expect("an answer"));
        };
        assert_eq!(accepted.subprotocol.as_deref(), subprotocol);
        let connection = Connection::new(Role::Client, 16 << 20);
        let mut client = Self { stream, connection, frames: VecDeque::new(), closed: None };
        client.receive(head.split_off(accepted.head_len));
        Ok(client)
    }

    pub fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string());
    }

    pub fn send_text(&mut self, text: &str) {
        self.send_frame(OpCode::Text, text.as_bytes());
    }

    pub fn send_frame(&mut self, opcode: OpCode, payload: &[u8]) {
        self.try_send(opcode, payload).expect("sent");
    }

    pub fn try_send(&mut self, opcode: OpCode, payload: &[u8]) -> std::io::Result<()> {
        let mut out = Vec::new();
        encode_masked_frame(opcode, true, payload, KEY, &mut out);
        self.stream.write_all(&out)
    }

    /// The next frame; None once the connection is closed.
    pub fn try_next(&mut self) -> Option<Value> {
        let began = Instant::now();
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.closed.is_some() {
                return None;
            }
            assert!(began.elapsed() < DEADLINE, "nothing came");
            match read(&mut self.stream) {
                Some(bytes) => self.receive(bytes),
                None => self.closed = Some(CloseCode::ABNORMAL),
            }
        }
    }

    pub fn next(&mut self) -> Value {
        self.try_next().unwrap_or_else(|| panic!("closed with {:?}", self.closed))
    }

    pub fn next_many(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The next frame of this type; others are dropped.
    pub fn await_type(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next();
            assert!(frame["type"] != "error" || kind == "error", "{frame}");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Asks, and gives the next frame, which must be of this type.
    pub fn ask(&mut self, frame: Value, kind: &str) -> Value {
        self.send(frame);
        let answer = self.next();
        assert_eq!(answer["type"], kind, "{answer}");
        answer
    }

    /// Nothing has come and nothing is on its way: the answer to what is asked now is the next frame.
    pub fn expect_nothing(&mut self) {
        let before = self.catch_up();
        assert!(before.is_empty(), "there was something: {before:?}");
    }

    /// What it has been sent so far. It has a place in the order of things from then on.
    pub fn catch_up(&mut self) -> Vec<Value> {
        // Plain clients may not ask that, and are told so in their turn.
        self.send(json!({"type": "rooms", "id": "catching up"}));
        let mut frames = Vec::new();
        loop {
            let frame = self.next();
            if frame["id"] == "catching up" {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// The code with which the connection was closed, after everything that came before.
    pub fn await_close(&mut self) -> u16 {
        while self.try_next().is_some() {}
        self.closed.expect("it is closed").get()
    }

    fn receive(&mut self, mut bytes: Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            let received =
                self.connection.receive(&mut bytes[at..]).expect("the server keeps to the protocol");
            at += received.consumed;
            let done = received.consumed == 0 && received.event.is_none();
            match received.event {
                Some(Event::Message { payload, .. }) => {
                    self.frames.push_back(serde_json::from_slice(payload).expect("JSON"));
                }
                Some(Event::Close { code, .. }) => self.closed = Some(code),
                Some(Event::Ping(_) | Event::Pong(_)) | None => {}
            }
            let mut out = Vec::new();
            if self.connection.poll_transmit_masked(KEY, &mut out) {
                // A server that has closed already does not want it.
                let _ = self.stream.write_all(&out);
            }
            if done {
                break;
            }
        }
    }
}

/// Some bytes; None at the end of the stream.
fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let mut bytes = vec![0; 64 << 10];
    let mut once = || stream.read(&mut bytes);
    let read = loop {
        match once() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    match read {
        Ok(0) => None,
        Ok(count) => {
            bytes.truncate(count);
            Some(bytes)
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
        Err(error) => panic!("nothing came: {error}"),
    }
}
