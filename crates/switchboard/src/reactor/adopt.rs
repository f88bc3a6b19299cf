//! Sockets that come from elsewhere.

use std::os::fd::OwnedFd;

use bytes::Bytes;

use super::Reactor;
use super::accept::Arrival;
use super::connection::{Link, Phase};
use super::handshake;
use crate::Request;
use crate::decision::Accept;
use crate::places::UpgradePlace;

/// A socket for a reactor that did not accept it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box")]
pub(crate) enum Adopted {
    /// Another reactor did, which has more than its share.
    Accepted(Arrival),
    /// It has served ordinary requests, and its upgrade has been answered with 101. `unread` came after the request.
    Upgraded { socket: OwnedFd, request: Request, accept: Accept, unread: Bytes, place: UpgradePlace },
}

impl Reactor {
    pub(super) fn adopt(&mut self, adopted: Adopted) {
        match adopted {
            Adopted::Accepted(arrival) => {
                if self.stopping.is_none() {
                    self.begin_handshake(arrival);
                }
            }
            Adopted::Upgraded { socket, request, accept, unread, place } => {
                let relayed = self.core.relays.find(&socket).and_then(|(_, id)| self.key_of(id));
                let key = match relayed {
                    Some(key) => self.end_relay(key, &socket, request, accept, &unread, place),
                    None => self.adopt_upgraded(socket, request, accept, &unread, place),
                };
                if let Some(key) = key.filter(|_| self.stopping.is_some()) {
                    self.close_for_stop(key);
                }
            }
        }
    }

    /// The socket is the client's. None: there is no room.
    fn adopt_upgraded(
        &mut self,
        socket: OwnedFd,
        request: Request,
        accept: Accept,
        unread: &Bytes,
        place: UpgradePlace,
    ) -> Option<u32> {
        let key = self.insert(socket, request.peer(), Phase::Head(None), Link::Plain)?;
        let connection = &mut self.connections[key as usize];
        connection.has_place = true;
        connection.counted = place.pass_on();
        connection.stash = (!unread.is_empty()).then(|| Box::new(unread.to_vec()));
        let deflate = handshake::agreed(&self.core.config, &request);
        self.open(key, request, accept, deflate);
        Some(key)
    }
}
