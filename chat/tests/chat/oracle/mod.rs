//! Whoever follows what it is told has what is given to somebody who comes anew, whatever people ask for in whatever order, and
//! whatever becomes of their lines and of the server's processes meanwhile.

mod actions;
mod administrator;
mod device;
mod listing;
mod messages;
mod room;

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Browser, Server, TempDirectory, until};
use administrator::Administrator;
use device::Device;
use listing::known;
use messages::{list, number};
use room::text;

const PEOPLE: [&str; 4] = ["Ann", "Bob", "李雷", "Zoë"];
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
    administrator: Administrator,
}

impl World {
    fn new(seed: u64, directory: &TempDirectory) -> Self {
        let server = Server::on(directory.path(), ["--workers", "2", "--reactors", "2"]);
        let administrator = Administrator::new(&server);
        let cookies = PEOPLE.map(|name| Browser::guest(&server, name).cookie().to_owned());
        let device = |(name, cookie): (&&str, &String)| Device::new(name, &format!("key of {name}"), cookie);
        let mut devices: Vec<_> = PEOPLE.iter().zip(&cookies).map(device).collect();
        // One of them has two.
        devices.push(Device::new(PEOPLE[0], "another key", &cookies[0]));
        for device in &mut devices {
            device.connect(&server);
            device.ask(json!({"type": "join", "room": "lobby"}));
            device.read();
        }
        Self { seed, server, chance: Chance(seed), devices, administrator }
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
                let people: Vec<_> = self.devices.iter().map(|device| device.person).collect();
                let request = actions::request(&mut self.chance, &mut self.devices[who], &people);
                self.devices[who].ask(request);
            }
            82..88 => {
                let read = self.chance.below(40);
                self.devices[who].disconnect(read);
            }
            88..96 => self.devices[who].read(),
            96..98 => {
                let name = PEOPLE[who % PEOPLE.len()];
                let to =
                    if self.chance.below(2) == 0 { name.to_owned() } else { format!("{name} the Second") };
                self.administrator.rename(self.devices[who].person, &to);
            }
            _ => self.disturb(),
        }
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
            self.administrator.read();
            self.devices.iter_mut().for_each(Device::read);
            let waits = self.administrator.is_waiting() || self.devices.iter().any(Device::is_waiting);
            (!waits).then_some(())
        });
    }

    /// Everybody has what somebody of the same name and key is given who knows nothing.
    fn check(&mut self) {
        self.settle();
        for who in 0..self.devices.len() {
            self.check_messages(who);
        }
        self.check_members();
        self.check_whereabouts();
    }

    fn check_messages(&mut self, who: usize) {
        let device = &mut self.devices[who];
        device.read();
        let mut fresh = device.fresh();
        fresh.connect(&self.server);
        fresh.read();
        let of = format!("seed {}, {}", self.seed, device.name);
        assert_eq!(device.listing.keys(), fresh.listing.keys(), "{of}");
        let mut ids: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for (key, listed) in &device.listing.0 {
            let of = format!("{of} in {key}");
            let mut given = fresh.listing.0[key].clone();
            given["joined"] = json!(device.rooms.contains_key(key));
            assert_eq!(known(listed), known(&given), "{of}");
            let (messages, change) = fresh.all_of(key);
            for message in messages.iter().filter(|message| message.get("id").is_some()) {
                ids.entry(text(&message["id"])).or_default().push((key.clone(), number(&message["seq"])));
            }
            let Some(held) = device.rooms.get(key) else { continue };
            assert_eq!((held.messages.seq, held.messages.change), (messages.len() as u64, change), "{of}");
            // Whoever joins is given the last page; all that comes after it is held.
            let first = held.messages.by_seq.keys().next().map_or(messages.len(), |seq| *seq as usize - 1);
            let held: Vec<_> = held.messages.by_seq.values().cloned().collect();
            assert_eq!(held, messages[first..], "{of}");
        }
        let visible = |(room, _, _): &&(String, u64, String)| device.listing.0.contains_key(room);
        for (room, seq, id) in device.acknowledged.iter().filter(visible) {
            assert_eq!(ids.get(id), Some(&vec![(room.clone(), *seq)]), "{of}: what has the id {id}");
        }
    }

    /// Those who talk with somebody know whether they are there.
    fn check_whereabouts(&mut self) {
        until("all agree who is there", || {
            let agrees = |device: &mut Device| {
                let given = device.given();
                assert!(!given.betrays(), "{}: {given:?}", device.name);
                let (given, held) = (given.whereabouts(), device.listing.whereabouts());
                if given != held {
                    println!("{}: {held:?}, and {given:?}", device.name);
                }
                given == held
            };
            self.devices.iter_mut().all(agrees).then_some(())
        });
    }

    /// Lines that have broken are noticed in their time.
    fn check_members(&mut self) {
        until("all agree who is where", || {
            self.devices.iter_mut().for_each(Device::read);
            let agrees = |device: &mut Device| {
                device.rooms.clone().iter().all(|(key, held)| {
                    let now = device.who(key);
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
            self.devices.iter_mut().all(agrees).then_some(())
        });
    }
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
