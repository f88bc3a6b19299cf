//! What is sent to many is in everybody's order, whoever else is sent something in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use rustix::net::sockopt::set_socket_send_buffer_size;
use switchboard_proto::deflate::{Codec, Parameters};
use switchboard_proto::{Connection, Event, OpCode, Role, encode_masked_frame};

use super::rig::Rig;
use crate::{Config, ConnectionId, Deflate};

const CLIENTS: usize = 5;

/// Who is in which group.
const MEMBERS: [&[usize]; 3] = [&[0, 1, 2, 3, 4], &[0, 1, 2], &[1, 3, 4]];

#[derive(Debug, Clone)]
enum Step {
    /// To a group, by its number, but for some of the clients.
    Publish {
        group: usize,
        len: usize,
        except: Vec<usize>,
    },
    Broadcast {
        len: usize,
    },
    PushMany {
        to: Vec<usize>,
        len: usize,
    },
    Push {
        to: usize,
        len: usize,
    },
    /// The client sends a ping, of which the answer is no message.
    Ping {
        from: usize,
    },
    Turn,
    /// The client reads what has come for it.
    Read {
        client: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = || prop_oneof![5 => 6..80usize, 2 => 80..3_000usize, 1 => 60_000..70_000usize];
    let client = || 0..CLIENTS;
    let some = || proptest::collection::btree_set(0..CLIENTS, 0..3).prop_map(|set| set.into_iter().collect());
    let step = prop_oneof![
        8 => (0..MEMBERS.len(), len(), some())
            .prop_map(|(group, len, except)| Step::Publish { group, len, except }),
        2 => len().prop_map(|len| Step::Broadcast { len }),
        1 => (some(), len()).prop_map(|(to, len)| Step::PushMany { to, len }),
        2 => (client(), len()).prop_map(|(to, len)| Step::Push { to, len }),
        1 => client().prop_map(|from| Step::Ping { from }),
        2 => Just(Step::Turn),
        2 => client().prop_map(|client| Step::Read { client }),
    ];
    proptest::collection::vec(step, 0..120)
}

/// What reads for a client.
struct Client {
    socket: UnixStream,
    protocol: Connection,
    codec: Codec,
    /// The numbers of the messages that have come, and of those that have to.
    got: Vec<usize>,
    due: Vec<usize>,
}

impl Client {
    fn read(&mut self) -> usize {
        let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
        loop {
            let len = match self.socket.read(&mut buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return total,
                Err(error) => panic!("{error}"),
            };
            total += len;
            let mut at = 0;
            while at < len {
                let received = self.protocol.receive_with(&mut buffer[at..len], &mut self.codec).unwrap();
                at += received.consumed;
                if let Some(Event::Message { payload, .. }) = received.event {
                    let number = std::str::from_utf8(&payload[..6]).unwrap();
                    self.got.push(number.parse().unwrap());
                }
            }
        }
    }
}

struct Crowd {
    rig: Rig,
    clients: Vec<Client>,
    ids: Vec<ConnectionId>,
    sent: usize,
}

impl Crowd {
    /// Some of them have agreed to compression, two of those with windows of different sizes, and one takes contexts over.
    fn new() -> Crowd {
        let deflate = Deflate { message_bytes_min: 64, server_context_takeover: true, ..Deflate::default() };
        let config = Config { deflate: Some(deflate), output_bytes_max: 64 << 20, ..Config::default() };
        let mut rig = Rig::new(config);
        let offers = [
            "",
            "",
            "server_no_context_takeover",
            "server_no_context_takeover; server_max_window_bits=9",
            "client_max_window_bits",
        ];
        let (mut clients, mut ids) = (Vec::new(), Vec::new());
        for (index, offer) in offers.into_iter().enumerate() {
            let field = match index {
                0 | 1 => String::new(),
                _ => format!("Sec-WebSocket-Extensions: permessage-deflate; {offer}\r\n"),
            };
            let (key, socket, response) = rig.connect(&field);
            let connection = &rig.reactor.connections[key as usize];
            set_socket_send_buffer_size(&connection.socket, 8 << 10).unwrap();
            socket.set_nonblocking(true).unwrap();
            let mut protocol = Connection::new(Role::Client, 1 << 20);
            assert_eq!(response.contains("permessage-deflate"), index > 1, "{response}");
            if let Some(parameters) = connection.protocol.deflate() {
                protocol.use_deflate(Parameters { ..parameters });
            }
            ids.push(connection.id);
            clients.push(Client {
                socket,
                protocol,
                codec: Codec::default(),
                got: Vec::new(),
                due: Vec::new(),
            });
        }
        for (group, members) in MEMBERS.iter().enumerate() {
            members.iter().for_each(|member| rig.handle.join(ids[*member], &group.to_string()).unwrap());
        }
        Crowd { rig, clients, ids, sent: 0 }
    }

    /// The next message, which all of `to` have to get.
    fn message(&mut self, len: usize, to: impl Iterator<Item = usize>) -> String {
        self.sent += 1;
        to.for_each(|client| self.clients[client].due.push(self.sent));
        let mut text = format!("{:06} ", self.sent);
        text.extend("what many are told ".chars().cycle().take(len.saturating_sub(text.len())));
        text
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Publish { group, len, except } => {
                let to = MEMBERS[*group].iter().copied().filter(|member| !except.contains(member));
                let text = self.message(*len, to);
                let except: Vec<_> = except.iter().map(|client| self.ids[*client]).collect();
                self.rig.handle.publish(&group.to_string(), text, &except).unwrap();
            }
            Step::Broadcast { len } => {
                let text = self.message(*len, 0..CLIENTS);
                self.rig.handle.broadcast(text).unwrap();
            }
            Step::PushMany { to, len } => {
                let text = self.message(*len, to.iter().copied());
                let ids: Vec<_> = to.iter().map(|client| self.ids[*client]).collect();
                self.rig.handle.push_many(&ids, text).unwrap();
            }
            Step::Push { to, len } => {
                let text = self.message(*len, std::iter::once(*to));
                self.rig.handle.push(self.ids[*to], text).unwrap();
            }
            Step::Ping { from } => {
                let mut frame = Vec::new();
                encode_masked_frame(OpCode::Ping, true, b"?", [1, 2, 3, 4], &mut frame);
                self.clients[*from].socket.write_all(&frame).unwrap();
            }
            Step::Turn => drop(self.rig.turn()),
            Step::Read { client } => drop(self.clients[*client].read()),
        }
    }

    /// Until nothing comes any more.
    fn settle(&mut self) {
        let mut idle = 0;
        while idle < 3 {
            self.rig.turns();
            let read: usize = self.clients.iter_mut().map(Client::read).sum();
            idle = if read == 0 { idle + 1 } else { 0 };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn everybody_gets_all_messages_in_the_order_in_which_they_were_sent(steps in steps()) {
        let mut crowd = Crowd::new();
        steps.iter().for_each(|step| crowd.take(step));
        crowd.settle();
        for (index, client) in crowd.clients.iter().enumerate() {
            prop_assert_eq!(&client.got, &client.due, "client {}", index);
        }
        crowd.rig.reactor.logs.trim();
        prop_assert!(crowd.rig.reactor.logs.is_empty(), "nobody reads a log any more");
        for id in &crowd.ids {
            prop_assert_eq!(crowd.rig.handle.client_info(*id).unwrap().queued_bytes, 0);
        }
    }
}

#[test]
fn a_connection_that_ends_gives_its_part_of_a_log_back() {
    let mut crowd = Crowd::new();
    crowd.take(&Step::Broadcast { len: 100 });
    crowd.rig.handle.abort(crowd.ids[1]).unwrap();
    crowd.rig.handle.disconnect(crowd.ids[0], 4000, "bye").unwrap();
    crowd.rig.turns();
    crowd.rig.reactor.logs.trim();
    assert!(crowd.rig.reactor.logs.is_empty());
    crowd.clients[0].read();
    assert_eq!(crowd.clients[0].got, [1], "what was sent before the close frame comes before it");
}
