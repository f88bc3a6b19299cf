//! Whoever follows what it is told has what is given to somebody who comes anew, whatever people ask for in whatever order, and
//! whatever becomes of their lines and of the server's processes meanwhile.

mod device;
mod room;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, Server, TempDirectory, until};
use device::Device;
use room::{list, text};

const PEOPLE: [&str; 4] = ["Ann", "Bob", "李雷", "Zoë"];
const EMOJI: [&str; 3] = ["👍", "❤️", "🎉"];
const STEPS: usize = 250;

/// Knuth's generator: who does what can be had again. In what order the server comes to it cannot.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn one_of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len())]
    }
}

struct World {
    seed: u64,
    server: Server,
    chance: Chance,
    devices: Vec<Device>,
}

impl World {
    fn new(seed: u64, directory: &TempDirectory) -> Self {
        let server = Server::on(directory.path(), ["--workers", "2", "--reactors", "2"]);
        let mut devices: Vec<_> =
            PEOPLE.iter().map(|name| Device::new(name, &format!("key of {name}"))).collect();
        // One of them has two.
        devices.push(Device::new(PEOPLE[0], "another key"));
        for device in &mut devices {
            device.connect(&server);
            device.ask(json!({"type": "join", "room": "lobby"}));
            device.read();
        }
        Self { seed, server, chance: Chance(seed), devices }
    }

    fn step(&mut self) {
        let who = self.chance.below(self.devices.len());
        if !self.devices[who].is_connected() {
            if self.chance.below(2) == 0 {
                self.devices[who].connect(&self.server);
            }
            return;
        }
        match self.chance.below(100) {
            0..82 => {
                if let Some(request) = self.request(who) {
                    self.devices[who].ask(request);
                }
            }
            82..88 => {
                let read = self.chance.below(40);
                self.devices[who].disconnect(read);
            }
            88..98 => self.devices[who].read(),
            _ => self.disturb(),
        }
    }

    /// What somebody may ask for who knows what this device knows.
    fn request(&mut self, who: usize) -> Option<Value> {
        let (chance, device) = (&mut self.chance, &mut self.devices[who]);
        let known: Vec<_> = device.known_rooms.iter().cloned().collect();
        let entered: Vec<_> = device.rooms.keys().cloned().collect();
        let any = chance.one_of(&known).clone();
        let room = if entered.is_empty() { any.clone() } else { chance.one_of(&entered).clone() };
        let last = device.rooms.get(&room).map_or(0, |room| room.seq) as usize;
        let seq = 1 + chance.below(last.max(1));
        let words = format!("*{}* 说 {}", device.name, chance.below(1_000_000));
        Some(match chance.below(100) {
            0..40 => json!({"type": "message", "room": room, "text": words}),
            40..48 => json!({"type": "message", "room": room, "text": words, "reply_to": seq}),
            48..58 => json!({"type": "edit", "room": room, "seq": seq, "text": words}),
            58..62 => json!({"type": "delete", "room": room, "seq": seq}),
            62..84 => {
                let (emoji, on) = (chance.one_of(&EMOJI), chance.below(3) > 0);
                json!({"type": "react", "room": room, "seq": seq, "emoji": emoji, "on": on})
            }
            84..90 => json!({"type": "join", "room": any}),
            90..93 => json!({"type": "leave", "room": room}),
            93..95 => json!({"type": "create", "room": format!("room {}", chance.below(6))}),
            _ => {
                device.is_away = !device.is_away;
                json!({"type": "away", "away": device.is_away})
            }
        })
    }

    /// New code, or a process that ends as in a crash.
    fn disturb(&mut self) {
        let names = ["reload", "worker 0", "worker 1", "hub", "manager"];
        let name = *self.chance.one_of(&names);
        if name != "reload" {
            let processes = self.server.processes();
            if let Some(process) = processes.iter().find(|process| process.name == name) {
                Server::kill_process(process.pid);
            }
        }
        until("it can be reloaded", || self.server.order("reload").0.status.success().then_some(()));
    }

    /// Everybody is connected, and has been answered.
    fn settle(&mut self) {
        for device in &mut self.devices {
            if !device.is_connected() {
                device.connect(&self.server);
            }
        }
        until("everybody is answered", || {
            self.devices.iter_mut().for_each(Device::read);
            (!self.devices.iter().any(Device::is_waiting)).then_some(())
        });
    }

    /// Everybody has what somebody of the same name and key is given who knows nothing.
    fn check(&mut self) {
        self.settle();
        for who in 0..self.devices.len() {
            self.check_messages(who);
        }
        self.check_members();
    }

    fn check_messages(&mut self, who: usize) {
        let device = &mut self.devices[who];
        device.read();
        let mut fresh = device.fresh();
        fresh.connect(&self.server);
        fresh.read();
        assert_eq!(device.known_rooms, fresh.known_rooms, "seed {}, {}", self.seed, device.name);
        let mut ids: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for key in device.known_rooms.clone() {
            let of = format!("seed {}, {} in {key}", self.seed, device.name);
            let given = fresh.all_of(&key);
            let messages: Vec<_> = list(&given["messages"]).collect();
            for message in messages.iter().filter(|message| message.get("id").is_some()) {
                ids.entry(text(&message["id"])).or_default().push((key.clone(), number(&message["seq"])));
            }
            let Some(held) = device.rooms.get(&key) else { continue };
            assert_eq!((held.seq, held.change), (number(&given["seq"]), number(&given["change"])), "{of}");
            // Whoever joins is given the last page; all that comes after it is held.
            let first = held.messages.keys().next().map_or(messages.len(), |seq| *seq as usize - 1);
            let held: Vec<_> = held.messages.values().collect();
            assert_eq!(held, messages[first..], "{of}");
        }
        for (room, seq, id) in &device.acknowledged {
            assert_eq!(
                ids.get(id),
                Some(&vec![(room.clone(), *seq)]),
                "seed {}: what has the id {id}",
                self.seed
            );
        }
    }

    /// Lines that have broken are noticed in their time.
    fn check_members(&mut self) {
        let mut observer = Client::person(&self.server, "an observer", &[]);
        until("all agree who is where", || {
            self.devices.iter_mut().for_each(Device::read);
            let mut who = |room: &str| {
                observer.send(json!({"type": "who", "room": room}));
                observer.await_type("who")
            };
            let agrees = |device: &Device| {
                device.rooms.iter().all(|(key, held)| {
                    let now = who(key);
                    let members: Vec<_> = list(&now["members"]).map(text).collect();
                    let presence: BTreeMap<_, _> = list(&now["people"])
                        .map(|one| (text(&one["name"]), text(&one["presence"])))
                        .collect();
                    let agrees = held.members.iter().eq(&members) && held.presence == presence;
                    if !agrees {
                        println!(
                            "{} in {key}: {:?}, and {now}",
                            device.name,
                            (&held.members, &held.presence)
                        );
                    }
                    agrees
                })
            };
            self.devices.iter().all(agrees).then_some(())
        });
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn run(seed: u64) {
    println!("seed {seed}");
    let directory = TempDirectory::new();
    let mut world = World::new(seed, &directory);
    for _ in 0..STEPS {
        world.step();
    }
    world.check();
}

#[test]
fn who_follows_has_what_who_comes_anew_is_given_whatever_happens() {
    match std::env::var("ORACLE_SEED") {
        Ok(seed) => run(seed.parse().expect("a number")),
        Err(_) => (1..=6).for_each(run),
    }
}
