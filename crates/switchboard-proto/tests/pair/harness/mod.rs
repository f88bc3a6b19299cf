//! Both ends of a connection in one thread, with virtual time: bytes travel in pieces of any size and take any time.

mod endpoint;
mod wire;

pub(crate) use endpoint::{Endpoint, Heard};
pub(crate) use wire::Split;

use endpoint::State;
use switchboard_proto::deflate::{Offer, ServerSettings};
use switchboard_proto::handshake::{ClientHandshake, HeadLimits, HeadReader};
use wire::Wire;

/// A client and a server, and the two directions between them.
pub(crate) struct Pair {
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    pub(crate) now_ms: u64,
    to_server: Wire,
    to_client: Wire,
}

/// What a pair is made of.
pub(crate) struct Setup {
    /// How the bytes of both directions are cut.
    pub(crate) split: Split,
    /// How long a byte is on its way, in milliseconds.
    pub(crate) latency_ms: u64,
    /// The limit of the server on messages, in bytes.
    pub(crate) message_bytes_max: usize,
    /// What the client offers.
    pub(crate) protocols: Vec<&'static str>,
    /// What the client offers and the server is ready for, if both know compression.
    pub(crate) deflate: Option<(Offer, ServerSettings)>,
    /// When the server wants the request to be complete, in milliseconds of virtual time.
    pub(crate) handshake_deadline_ms: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            split: Split::Whole,
            latency_ms: 10,
            message_bytes_max: 1 << 20,
            protocols: Vec::new(),
            deflate: None,
            handshake_deadline_ms: 5_000,
        }
    }
}

impl Pair {
    /// Both ends before the handshake; the client's request is on its way.
    pub(crate) fn new(setup: Setup) -> Self {
        let mut handshake = ClientHandshake::new("pair.example", "/ws?x=1", [7; 16]);
        for protocol in setup.protocols {
            handshake = handshake.protocol(protocol);
        }
        if let Some((offer, _)) = setup.deflate {
            handshake = handshake.deflate(offer);
        }
        let request = handshake.request();
        let reader = HeadReader::new(HeadLimits::default(), setup.handshake_deadline_ms);
        let mut client = Endpoint::new(State::Asked { handshake, response: Vec::new() }, usize::MAX);
        client.out = request;
        let mut server = Endpoint::new(State::Listening(reader), setup.message_bytes_max);
        server.settings = setup.deflate.map(|(_, settings)| settings);
        Self {
            client,
            server,
            now_ms: 0,
            to_server: Wire::new(setup.split.clone(), setup.latency_ms),
            to_client: Wire::new(setup.split, setup.latency_ms),
        }
    }

    /// Both ends after the handshake, with nothing on its way.
    pub(crate) fn open(setup: Setup) -> Self {
        let mut pair = Self::new(setup);
        pair.drive();
        assert!(
            pair.client.is_open() && pair.server.is_open(),
            "{:?} {:?}",
            pair.client.heard,
            pair.server.heard
        );
        pair.client.heard.clear();
        pair.server.heard.clear();
        pair
    }

    /// Puts what both ends want to send on its way, then lets the next piece arrive. False if nothing is on its way.
    pub(crate) fn step(&mut self) -> bool {
        self.to_server.send(&mut self.client.out, self.now_ms);
        self.to_client.send(&mut self.server.out, self.now_ms);
        let (to_server, to_client) = (self.to_server.next_arrival_ms(), self.to_client.next_arrival_ms());
        let (wire, end) = match (to_server, to_client) {
            (None, None) => return false,
            (Some(server_ms), Some(client_ms)) if server_ms > client_ms => {
                (&mut self.to_client, &mut self.client)
            }
            (Some(_), _) => (&mut self.to_server, &mut self.server),
            (None, Some(_)) => (&mut self.to_client, &mut self.client),
        };
        if let Some((arrival_ms, bytes)) = wire.receive() {
            self.now_ms = self.now_ms.max(arrival_ms);
            end.receive(bytes, self.now_ms);
        }
        true
    }

    /// Steps until nothing is on its way.
    pub(crate) fn drive(&mut self) {
        while self.step() {}
    }
}
