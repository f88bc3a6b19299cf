//! Sockets that come from elsewhere.

use std::os::fd::OwnedFd;

use bytes::Bytes;

use super::Reactor;
use super::connection::{Link, Phase};
use crate::decision::Accept;
use crate::{PeerAddr, Request};

/// A socket for a reactor that did not accept it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box")]
pub(crate) enum Adopted {
    /// Another reactor did, which has more than its share.
    Accepted { socket: OwnedFd, peer: PeerAddr, is_tls: bool },
    /// It has served ordinary requests, and its upgrade has been answered with 101. `unread` came after the request. A
    /// place has been taken for it.
    Upgraded { socket: OwnedFd, request: Request, accept: Accept, unread: Bytes },
}

impl Reactor {
    pub(super) fn adopt(&mut self, adopted: Adopted) {
        match adopted {
            Adopted::Accepted { socket, peer, is_tls } => {
                if self.stopping.is_none() {
                    self.begin_handshake(socket, peer, is_tls);
                }
            }
            Adopted::Upgraded { socket, request, accept, unread } => {
                let relayed = self.core.relays.find(&socket).and_then(|(_, id)| self.key_of(id));
                let key = match relayed {
                    Some(key) => {
                        self.end_relay(key, &socket, request, accept, &unread);
                        key
                    }
                    None => match self.insert(socket, request.peer(), Phase::Head(None), Link::Plain) {
                        Some(key) => {
                            let connection = &mut self.connections[key as usize];
                            connection.has_place = true;
                            connection.stash = (!unread.is_empty()).then(|| Box::new(unread.to_vec()));
                            self.open(key, request, accept);
                            key
                        }
                        None => return self.core.give_place_back(),
                    },
                };
                if self.stopping.is_some() {
                    self.close_for_stop(key);
                }
            }
        }
    }
}
