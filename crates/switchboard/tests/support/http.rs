//! Requests and responses byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use super::PATIENCE;
use super::stream::Stream;

/// A connection on which a test writes what it likes.
pub(crate) struct Raw {
    pub(crate) stream: Stream,
    unread: Vec<u8>,
}

/// A response. What cannot be parsed stands in `body`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Raw {
        Raw::over(Stream::tcp(address))
    }

    pub(crate) fn over(stream: Stream) -> Raw {
        stream.set_read_timeout(PATIENCE);
        stream.set_write_timeout(PATIENCE);
        Raw { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// One response, its body by Content-Length.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let mut buffer = [0; 4096];
        loop {
            if let Some(len) = Answer::complete(&self.unread) {
                let rest = self.unread.split_off(len);
                let bytes = std::mem::replace(&mut self.unread, rest);
                return Answer::parse(&bytes);
            }
            match self.stream.read(&mut buffer).expect("no response in time") {
                0 => panic!("the transport ended: {:?}", String::from_utf8_lossy(&self.unread)),
                len => self.unread.extend_from_slice(&buffer[..len]),
            }
        }
    }

    #[track_caller]
    pub(crate) fn request(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Everything that still comes; a reset ends it too.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.unread);
        read_rest(&mut self.stream, &mut bytes);
        bytes
    }

    /// The head of a response, and what has been read after it.
    #[track_caller]
    pub(crate) fn head_and_rest(&mut self) -> (String, Vec<u8>) {
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                let head = std::mem::take(&mut self.unread);
                return (String::from_utf8(head).unwrap(), rest);
            }
            let len = self.stream.read(&mut buffer).expect("no response in time");
            assert_ne!(len, 0, "the transport ended");
            self.unread.extend_from_slice(&buffer[..len]);
        }
    }

    /// Reads on until there is as much as `expected`, of which `read` has been read.
    #[track_caller]
    pub(crate) fn expect_bytes(&mut self, mut read: Vec<u8>, expected: &[u8]) {
        let already = read.len();
        read.resize(expected.len().max(already), 0);
        self.stream.read_exact(&mut read[already..]).expect("not enough bytes in time");
        assert_eq!(read, expected);
    }

    /// The stream, for a WebSocket.
    #[track_caller]
    pub(crate) fn into_stream(self) -> Stream {
        assert!(self.unread.is_empty(), "bytes were read too much");
        self.stream
    }
}

#[track_caller]
fn read_rest(stream: &mut Stream, bytes: &mut Vec<u8>) {
    stream.set_read_timeout(PATIENCE);
    match stream.read_to_end(bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the transport did not end: {error}"),
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut fields = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn parse(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Answer { body: text, ..Answer::default() };
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    #[track_caller]
    pub(crate) fn read_rest(stream: &mut Stream, mut bytes: Vec<u8>) -> Answer {
        read_rest(stream, &mut bytes);
        Answer::parse(&bytes)
    }

    /// The length of the response at the start of `bytes`, if it is all there.
    fn complete(bytes: &[u8]) -> Option<usize> {
        let head_len = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let answer = Answer::parse(&bytes[..head_len]);
        let body_len: usize = answer.header("content-length").map_or(0, |len| len.parse().unwrap());
        (bytes.len() >= head_len + body_len).then_some(head_len + body_len)
    }
}

/// An opening handshake with further header lines, each ended by CRLF.
pub(crate) fn upgrade_request(target: &str, lines: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}
