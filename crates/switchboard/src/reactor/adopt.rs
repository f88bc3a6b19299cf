//! Sockets that come from elsewhere.

use std::os::fd::OwnedFd;

use bytes::Bytes;

use super::Reactor;
use super::connection::Phase;
use crate::decision::Accept;
use crate::{PeerAddr, Request};

/// A socket for a reactor that did not accept it.
#[derive(Debug)]
pub(crate) enum Adopted {
    /// Another reactor did, which has more than its share.
    Accepted { socket: OwnedFd, peer: PeerAddr },
    /// It has served ordinary requests, and its upgrade has been answered with 101. `unread` came after the request. A
    /// place has been taken for it.
    Upgraded { socket: OwnedFd, request: Request, accept: Accept, unread: Bytes },
}

impl Reactor {
    pub(super) fn adopt(&mut self, adopted: Adopted) {
        match adopted {
            Adopted::Accepted { socket, peer } => {
                if self.stopping.is_none() {
                    self.begin_handshake(socket, peer);
                }
            }
            Adopted::Upgraded { socket, request, accept, unread } => {
                let Some(key) = self.insert(socket, request.peer(), Phase::Head(None)) else {
                    return self.core.give_place_back();
                };
                let connection = &mut self.connections[key as usize];
                connection.has_place = true;
                connection.stash = (!unread.is_empty()).then(|| Box::new(unread.to_vec()));
                self.open(key, request, accept);
                if self.stopping.is_some() {
                    self.close_for_stop(key);
                }
            }
        }
    }
}
