//! A WebSocket client on a blocking socket. Every wait has a deadline.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use switchboard_proto::deflate::Codec;
use switchboard_proto::handshake::ClientHandshake;
use switchboard_proto::{CloseCode, Connection, Event, MessageKind, OpCode, Role, encode_masked_frame};

use super::http::Answer;
use super::stream::{self, Stream};
use super::{PATIENCE, unique};

/// What the client hears, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    /// The transport ended.
    End,
    /// The transport was reset.
    Reset,
}

pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) subprotocol: Option<String>,
    /// The head of the 101 response.
    pub(crate) response: String,
    pub(crate) protocol: Connection,
    codec: Codec,
    /// Bytes of frames that have come.
    pub(crate) received_bytes: usize,
    heard: VecDeque<Heard>,
    /// Answer pings and close frames, as RFC 6455 asks.
    polite: bool,
    over: bool,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::open(Stream::tcp(address), &handshake("/"))
    }

    pub(crate) fn connect_to(address: SocketAddr, target: &str) -> Client {
        Client::open(Stream::tcp(address), &handshake(target))
    }

    pub(crate) fn connect_unix(path: &Path) -> Client {
        Client::open(Stream::unix(path), &handshake("/"))
    }

    /// Does the handshake, which the server must accept.
    #[track_caller]
    pub(crate) fn open(stream: Stream, handshake: &ClientHandshake) -> Client {
        Client::open_and_send(stream, handshake, &[])
    }

    /// As [`open`](Client::open), with `frames` in the same segment as the request.
    #[track_caller]
    pub(crate) fn open_and_send(mut stream: Stream, handshake: &ClientHandshake, frames: &[u8]) -> Client {
        stream.set_write_timeout(PATIENCE);
        let mut request = handshake.request();
        request.extend_from_slice(frames);
        stream.write_all(&request).unwrap();
        Client::await_101(stream, handshake).unwrap_or_else(|answer| panic!("refused: {answer:?}"))
    }

    /// Does the handshake, which the server may refuse.
    pub(crate) fn try_open(mut stream: Stream, handshake: &ClientHandshake) -> Result<Client, Answer> {
        stream.write_all(&handshake.request()).unwrap();
        Client::await_101(stream, handshake)
    }

    /// Reads the answer to a request that has been sent.
    #[track_caller]
    pub(crate) fn await_101(mut stream: Stream, handshake: &ClientHandshake) -> Result<Client, Answer> {
        let mut handshake = handshake.clone();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        stream.set_read_timeout(PATIENCE);
        loop {
            match handshake.receive(&bytes) {
                Ok(Some(accepted)) => {
                    let rest = bytes.split_off(accepted.head_len);
                    let mut protocol = Connection::new(Role::Client, 64 << 20);
                    if let Some(parameters) = accepted.deflate {
                        protocol.use_deflate(parameters);
                    }
                    let mut client = Client {
                        stream,
                        subprotocol: accepted.subprotocol,
                        response: String::from_utf8(bytes).unwrap(),
                        protocol,
                        codec: Codec::default(),
                        received_bytes: 0,
                        heard: VecDeque::new(),
                        polite: true,
                        over: false,
                    };
                    client.take(rest);
                    return Ok(client);
                }
                Ok(None) => {}
                Err(_) => return Err(Answer::read_rest(&mut stream, bytes)),
            }
            match stream.read(&mut buffer).expect("no answer to the handshake") {
                0 => return Err(Answer::parse(&bytes)),
                len => bytes.extend_from_slice(&buffer[..len]),
            }
        }
    }

    /// From now on neither pings nor close frames are answered.
    pub(crate) fn impolite(mut self) -> Client {
        self.polite = false;
        self
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(OpCode::Text, text.as_bytes());
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.frame(OpCode::Binary, bytes);
    }

    pub(crate) fn ping(&mut self, payload: &[u8]) {
        self.frame(OpCode::Ping, payload);
    }

    /// Starts the close handshake.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.protocol.close(CloseCode::new(code), reason).unwrap();
        self.transmit();
    }

    pub(crate) fn frame(&mut self, opcode: OpCode, payload: &[u8]) {
        let frame = Client::encoded(opcode, payload);
        self.raw(&frame);
    }

    /// Sends a message compressed.
    #[track_caller]
    pub(crate) fn deflated(&mut self, opcode: OpCode, payload: &[u8]) {
        let compressed =
            self.protocol.compress(payload, &mut self.codec).expect("it does not become smaller");
        let mut frame = Client::encoded(opcode, compressed);
        frame[0] |= 0x40;
        self.raw(&frame);
    }

    pub(crate) fn encoded(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_masked_frame(opcode, true, payload, key(), &mut out);
        out
    }

    pub(crate) fn encoded_texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<u8> {
        let frames = texts.into_iter().map(|text| Client::encoded(OpCode::Text, text.as_ref().as_bytes()));
        frames.collect::<Vec<_>>().concat()
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next thing that happens.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Heard {
        self.next_within(PATIENCE).expect("nothing was heard in time")
    }

    /// The next thing that happens, unless it takes longer.
    pub(crate) fn next_within(&mut self, time: Duration) -> Option<Heard> {
        self.next_before(Instant::now() + time)
    }

    fn next_before(&mut self, deadline: Instant) -> Option<Heard> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Some(heard);
            }
            if self.over {
                return Some(Heard::End);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            self.stream.set_read_timeout(left);
            match self.stream.read(&mut buffer) {
                Ok(0) => self.over(Heard::End),
                Ok(len) => self.take(buffer[..len].to_vec()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.over(Heard::Reset),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next text message; pings are passed over.
    #[track_caller]
    pub(crate) fn next_text(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_before(deadline) {
                Some(Heard::Text(text)) => return text,
                Some(Heard::Ping) => {}
                other => panic!("a text message was expected, not {other:?}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn next_texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_text()).collect()
    }

    #[track_caller]
    pub(crate) fn expect_text(&mut self, text: &str) {
        assert_eq!(self.next_text(), text);
    }

    /// The close frame; whatever comes before it is passed over.
    #[track_caller]
    pub(crate) fn next_close(&mut self) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_before(deadline) {
                Some(Heard::Close(code, reason)) => return (code, reason),
                Some(Heard::End | Heard::Reset) => panic!("the transport ended without a close frame"),
                Some(_) => {}
                None => panic!("no close frame in time"),
            }
        }
    }

    /// Waits for one thing; whatever comes before it is passed over.
    #[track_caller]
    pub(crate) fn until(&mut self, awaited: &Heard) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.next_before(deadline).expect("not heard in time");
            assert!(!matches!(heard, Heard::End | Heard::Reset), "the transport ended");
            if heard == *awaited {
                return;
            }
        }
    }

    /// Everything until the transport ends.
    #[track_caller]
    pub(crate) fn until_end(&mut self) -> Vec<Heard> {
        let deadline = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        loop {
            let heard = self.next_before(deadline).expect("the transport did not end in time");
            let over = matches!(heard, Heard::End | Heard::Reset);
            all.push(heard);
            if over {
                return all;
            }
        }
    }

    /// Sends a text and waits for its echo, so that everything before is known to be done.
    #[track_caller]
    pub(crate) fn round_trip(&mut self, text: &str) {
        self.text(text);
        self.expect_text(text);
    }

    /// A text, and the answer that it must get.
    #[track_caller]
    pub(crate) fn round_trip_to(&mut self, text: &str, answer: &str) {
        self.text(text);
        self.expect_text(answer);
    }

    pub(crate) fn reset(self) {
        stream::reset(self.stream);
    }

    fn over(&mut self, how: Heard) {
        self.over = true;
        self.heard.push_back(how);
    }

    fn take(&mut self, mut bytes: Vec<u8>) {
        self.received_bytes += bytes.len();
        let mut at = 0;
        loop {
            let received = match self.protocol.receive_with(&mut bytes[at..], &mut self.codec) {
                Ok(received) => received,
                Err(error) => panic!("the server broke the protocol: {error}"),
            };
            at += received.consumed;
            let done = received.consumed == 0 && received.event.is_none();
            let heard = received.event.map(own);
            self.heard.extend(heard);
            if self.polite {
                self.transmit();
            }
            if done {
                return;
            }
        }
    }

    fn transmit(&mut self) {
        let mut out = Vec::new();
        while self.protocol.poll_transmit_masked(key(), &mut out) {}
        // The server may be gone already.
        let _ = self.stream.write_all(&out);
    }
}

fn own(event: Event<'_>) -> Heard {
    match event {
        Event::Message { kind: MessageKind::Text, payload } => {
            Heard::Text(String::from_utf8(payload.to_vec()).unwrap())
        }
        Event::Message { kind: MessageKind::Binary, payload } => Heard::Binary(payload.to_vec()),
        Event::Ping(_) => Heard::Ping,
        Event::Pong(payload) => Heard::Pong(payload.to_vec()),
        Event::Close { code, reason } => Heard::Close(code.get(), reason.to_owned()),
    }
}

/// A handshake for this target.
pub(crate) fn handshake(target: &str) -> ClientHandshake {
    let mut nonce = [7; 16];
    nonce[..4].copy_from_slice(&unique().to_le_bytes());
    ClientHandshake::new("localhost", target, nonce)
}

fn key() -> [u8; 4] {
    unique().wrapping_mul(0x9e37_79b1).to_le_bytes()
}
