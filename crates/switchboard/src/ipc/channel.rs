//! The shared memory between the master and one instance, and where everything is in it.
//!
//! It is two memfds. *Down* is written by the master, and the instance can only read it: the data and the tails of the
//! event rings, the heads of the command rings. *Up* is written by both: the data and the tails of the command rings,
//! the heads of the event rings, and the flags. So an instance that scribbles can spoil its own commands, but neither the
//! events that its successor needs nor anything of another instance.
//!
//! Each memfd is a header, lines of words, and the rings' data from a page boundary on. Every offset follows from the
//! number of reactors and the size of a ring, which the instance is told; none is read from memory. A word has a line
//! to itself, so that the two sides do not slow each other down.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::compiler_fence;

use super::ring::{CAPACITY_MIN, Consumer, Producer, Ring, Sleeping};
use crate::sys::{Access, Memory, Ordering, Word};

/// Raised with every change of the layout or of what the words mean.
pub(crate) const LAYOUT_VERSION: u64 = 1;

const DOWN_MAGIC: u64 = u64::from_le_bytes(*b"swb down");
const UP_MAGIC: u64 = u64::from_le_bytes(*b"swb up\0\0");

/// Two cache lines: processors fetch them in pairs.
const LINE: usize = 128;
/// Rings start at multiples of this.
const PAGE: usize = 4096;
/// The most reactors whose indices an [`EventPlace`] can carry.
const REACTORS_MAX: usize = 1 << 8;
/// Keeps every length within what an offset of a file can be.
const RING_BYTES_MAX: usize = 1 << 30;

// The header's words, in the first line of each memfd.
const MAGIC: usize = 0;
const VERSION: usize = 8;
const REACTORS: usize = 16;
const RING_BYTES: usize = 24;

// Down: what each lane has.
const EVENTS_TAIL: usize = 0;
const COMMANDS_HEAD: usize = LINE;
const DOWN_LANE: usize = 2 * LINE;

// Up: what the instance has, after the header.
const WORKER_SLEEPING: usize = LINE;
const POLLING: usize = 2 * LINE;
const SUSPECT: usize = 3 * LINE;
const UP_LANES: usize = 4 * LINE;

// Up: what each lane has.
const EVENTS_HEAD: usize = 0;
const EVENTS_SPACE_WANTED: usize = LINE;
const COMMANDS_TAIL: usize = 2 * LINE;
const COMMANDS_SPACE_WANTED: usize = 3 * LINE;
const REACTOR_SLEEPING: usize = 4 * LINE;
const UP_LANE: usize = 5 * LINE;

const _: () = {
    assert!(RING_BYTES + size_of::<u64>() <= LINE);
    assert!(COMMANDS_HEAD + LINE == DOWN_LANE && REACTOR_SLEEPING + LINE == UP_LANE);
    assert!(WORKER_SLEEPING >= LINE && SUSPECT + LINE == UP_LANES);
    assert!(PAGE.is_multiple_of(LINE) && PAGE >= CAPACITY_MIN);
    assert!(usize::BITS == 64, "positions and lengths are 64 bits wide");
};

/// What all offsets follow from.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    reactors: usize,
    ring_bytes: usize,
}

impl Geometry {
    fn new(reactors: usize, ring_bytes: usize) -> io::Result<Geometry> {
        let sound = (1..=REACTORS_MAX).contains(&reactors)
            && (PAGE..=RING_BYTES_MAX).contains(&ring_bytes)
            && ring_bytes.is_power_of_two();
        sound.then_some(Geometry { reactors, ring_bytes }).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no such number of reactors or size of a ring")
        })
    }

    fn down_lane(self, lane: usize) -> usize {
        LINE + lane * DOWN_LANE
    }

    fn down_data(self, lane: usize) -> usize {
        self.down_lane(self.reactors).next_multiple_of(PAGE) + lane * self.ring_bytes
    }

    fn up_lane(self, lane: usize) -> usize {
        UP_LANES + lane * UP_LANE
    }

    fn up_data(self, lane: usize) -> usize {
        self.up_lane(self.reactors).next_multiple_of(PAGE) + lane * self.ring_bytes
    }

    fn down_bytes(self) -> usize {
        self.down_data(self.reactors)
    }

    fn up_bytes(self) -> usize {
        self.up_data(self.reactors)
    }

    fn header(self, magic: u64) -> [(usize, u64); 4] {
        let (reactors, ring_bytes) = (self.reactors as u64, self.ring_bytes as u64);
        [(MAGIC, magic), (VERSION, LAYOUT_VERSION), (REACTORS, reactors), (RING_BYTES, ring_bytes)]
    }

    fn write_header(self, memory: &Arc<Memory>, magic: u64) -> io::Result<()> {
        self.header(magic).into_iter().try_for_each(|(offset, value)| {
            memory.word(offset)?.store(value, Ordering::Relaxed);
            Ok(())
        })
    }

    fn check_header(self, memory: &Arc<Memory>, magic: u64) -> io::Result<()> {
        for (offset, value) in self.header(magic) {
            if memory.word(offset)?.load(Ordering::Relaxed) != value {
                let why = "shared memory of another layout";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
        Ok(())
    }
}

/// Both memfds, mapped.
#[derive(Debug)]
struct Mapped {
    geometry: Geometry,
    down: Arc<Memory>,
    up: Arc<Memory>,
}

impl Mapped {
    fn events(&self, lane: usize) -> io::Result<Ring> {
        let (down, up) = (self.geometry.down_lane(lane), self.geometry.up_lane(lane));
        Ok(Ring {
            data: self.down.area(self.geometry.down_data(lane), self.geometry.ring_bytes)?,
            tail: self.down.word(down + EVENTS_TAIL)?,
            head: self.up.word(up + EVENTS_HEAD)?,
            space_wanted: self.up.word(up + EVENTS_SPACE_WANTED)?,
        })
    }

    fn commands(&self, lane: usize) -> io::Result<Ring> {
        let (down, up) = (self.geometry.down_lane(lane), self.geometry.up_lane(lane));
        Ok(Ring {
            data: self.up.area(self.geometry.up_data(lane), self.geometry.ring_bytes)?,
            tail: self.up.word(up + COMMANDS_TAIL)?,
            head: self.down.word(down + COMMANDS_HEAD)?,
            space_wanted: self.up.word(up + COMMANDS_SPACE_WANTED)?,
        })
    }

    fn reactor_sleeping(&self, lane: usize) -> io::Result<Sleeping> {
        Ok(Sleeping::new(self.up.word(self.geometry.up_lane(lane) + REACTOR_SLEEPING)?))
    }

    fn worker_sleeping(&self) -> io::Result<Sleeping> {
        Ok(Sleeping::new(self.up.word(WORKER_SLEEPING)?))
    }

    fn marks(&self) -> io::Result<Marks> {
        let reactors = self.geometry.reactors;
        Ok(Marks { polling: self.up.word(POLLING)?, suspect: self.up.word(SUSPECT)?, reactors })
    }
}

/// The master's side of a channel. What is in it keeps the memory mapped, each part by itself.
#[derive(Debug)]
pub(crate) struct MasterSide {
    /// One for each reactor, to be given to its thread.
    pub(crate) lanes: Vec<MasterLane>,
    pub(crate) marks: Marks,
    /// To be sent to the instance, and closed then.
    pub(crate) down: OwnedFd,
    /// As `down`.
    pub(crate) up: OwnedFd,
}

/// A reactor's side of its lane.
#[derive(Debug)]
pub(crate) struct MasterLane {
    pub(crate) events: Producer,
    pub(crate) commands: Consumer,
    /// The reactor announces here that it waits for commands, or for room for events.
    pub(crate) reactor_sleeping: Sleeping,
    /// The reactor asks here, after publishing events or releasing commands, whether to ring the instance's bell. All
    /// reactors share it.
    pub(crate) worker_sleeping: Sleeping,
}

impl MasterSide {
    /// Makes the channel of a new instance.
    pub(crate) fn create(reactors: usize, ring_bytes: usize) -> io::Result<MasterSide> {
        let geometry = Geometry::new(reactors, ring_bytes)?;
        let (down, down_fd) = Memory::create(c"switchboard-down", geometry.down_bytes(), Access::Read)?;
        let (up, up_fd) = Memory::create(c"switchboard-up", geometry.up_bytes(), Access::ReadWrite)?;
        geometry.write_header(&down, DOWN_MAGIC)?;
        geometry.write_header(&up, UP_MAGIC)?;
        let mapped = Mapped { geometry, down, up };
        let lane = |lane| {
            Ok(MasterLane {
                events: Producer::new(mapped.events(lane)?),
                commands: Consumer::new(mapped.commands(lane)?),
                reactor_sleeping: mapped.reactor_sleeping(lane)?,
                worker_sleeping: mapped.worker_sleeping()?,
            })
        };
        let lanes = (0..reactors).map(lane).collect::<io::Result<_>>()?;
        Ok(MasterSide { lanes, marks: mapped.marks()?, down: down_fd, up: up_fd })
    }
}

/// The instance's side of its channel.
#[derive(Debug)]
pub(crate) struct InstanceSide {
    /// One for each reactor.
    pub(crate) lanes: Vec<InstanceLane>,
    pub(crate) marks: Marks,
    /// The instance announces here that it waits for events, or for room for commands.
    pub(crate) worker_sleeping: Sleeping,
}

/// The instance's side of one lane.
#[derive(Debug)]
pub(crate) struct InstanceLane {
    pub(crate) events: Consumer,
    pub(crate) commands: Producer,
    /// The instance asks here, after publishing commands or releasing events, whether to ring the reactor's bell.
    pub(crate) reactor_sleeping: Sleeping,
}

impl InstanceSide {
    /// Maps what the master has sent, for as many reactors and rings of such a size as it has told.
    pub(crate) fn attach(
        down: impl AsFd,
        up: impl AsFd,
        reactors: usize,
        ring_bytes: usize,
    ) -> io::Result<InstanceSide> {
        let geometry = Geometry::new(reactors, ring_bytes)?;
        let down = Memory::attach(down, geometry.down_bytes(), Access::Read)?;
        let up = Memory::attach(up, geometry.up_bytes(), Access::ReadWrite)?;
        geometry.check_header(&down, DOWN_MAGIC)?;
        geometry.check_header(&up, UP_MAGIC)?;
        let mapped = Mapped { geometry, down, up };
        let lane = |lane| {
            Ok(InstanceLane {
                events: Consumer::new(mapped.events(lane)?),
                commands: Producer::new(mapped.commands(lane)?),
                reactor_sleeping: mapped.reactor_sleeping(lane)?,
            })
        };
        let lanes = (0..reactors).map(lane).collect::<io::Result<_>>()?;
        Ok(InstanceSide { lanes, marks: mapped.marks()?, worker_sleeping: mapped.worker_sleeping()? })
    }
}

/// An event, by where its record starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EventPlace {
    /// The index of the reactor's lane.
    pub(crate) reactor: usize,
    /// In that lane's event ring.
    pub(crate) position: u64,
}

/// What the instance says of the event that it is busy with, for the case that this kills it.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    polling: Word,
    suspect: Word,
    reactors: usize,
}

impl Marks {
    /// Instance: the handler of this event is about to be polled; None: it has returned.
    pub(crate) fn set_polling(&self, event: Option<EventPlace>) {
        mark(&self.polling, event);
    }

    /// Instance: this suspect event is the only one that runs; None: no suspect runs.
    pub(crate) fn set_suspect(&self, event: Option<EventPlace>) {
        mark(&self.suspect, event);
    }

    /// Master: the event whose handler was being polled when the instance died. Whether there is such an event is for
    /// the caller to find out.
    pub(crate) fn polling(&self) -> Option<EventPlace> {
        unpack(self.polling.load(Ordering::Acquire)).filter(|event| event.reactor < self.reactors)
    }

    /// Master: as [`polling`](Marks::polling), of the suspect event that was running.
    pub(crate) fn suspect(&self) -> Option<EventPlace> {
        unpack(self.suspect.load(Ordering::Acquire)).filter(|event| event.reactor < self.reactors)
    }
}

/// The processor shows a dead process's stores in their order; this keeps the compiler from moving the handler across.
fn mark(word: &Word, event: Option<EventPlace>) {
    compiler_fence(Ordering::SeqCst);
    word.store(event.map_or(0, pack), Ordering::Release);
    compiler_fence(Ordering::SeqCst);
}

/// The reactor in the upper 8 bits and the position in the lower 56, in units of its alignment; plus one, for 0 is none.
fn pack(event: EventPlace) -> u64 {
    (((event.reactor as u64) << 56) | (event.position / 8)) + 1
}

fn unpack(word: u64) -> Option<EventPlace> {
    let word = word.checked_sub(1)?;
    Some(EventPlace { reactor: (word >> 56) as usize, position: (word & (u64::MAX >> 8)) * 8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(reactors: usize) -> (MasterSide, InstanceSide) {
        let master = MasterSide::create(reactors, PAGE).unwrap();
        let instance = InstanceSide::attach(&master.down, &master.up, reactors, PAGE).unwrap();
        (master, instance)
    }

    fn send(producer: &mut Producer, consumer: &mut Consumer, payload: &[u8]) {
        assert!(producer.try_write(&[payload]));
        producer.publish();
        let (record, fetched) = consumer.fetch_all().unwrap().remove(0);
        assert_eq!(fetched, payload);
        assert!(!consumer.release(record.end));
        assert_eq!(producer.refresh(), Ok(PAGE));
    }

    #[test]
    fn every_lane_carries_its_own_in_both_directions() {
        let (mut master, mut instance) = pair(3);
        for turn in 0..2000 {
            for (lane, (ours, theirs)) in master.lanes.iter_mut().zip(&mut instance.lanes).enumerate() {
                let payload = format!("{turn} {lane}").repeat(lane + 1);
                send(&mut ours.events, &mut theirs.events, payload.as_bytes());
                send(&mut theirs.commands, &mut ours.commands, payload.as_bytes());
            }
        }
    }

    #[test]
    fn full_rings_leave_each_other_alone() {
        let (mut master, mut instance) = pair(3);
        for (lane, (ours, theirs)) in master.lanes.iter_mut().zip(&mut instance.lanes).enumerate() {
            while ours.events.try_write(&[&[lane as u8; 100]]) {}
            ours.events.publish();
            while theirs.commands.try_write(&[&[lane as u8 + 100; 100]]) {}
            theirs.commands.publish();
        }
        for (lane, (ours, theirs)) in master.lanes.iter_mut().zip(&mut instance.lanes).enumerate() {
            for (consumer, byte) in [(&mut theirs.events, lane as u8), (&mut ours.commands, lane as u8 + 100)]
            {
                for (_, payload) in consumer.fetch_all().unwrap() {
                    assert_eq!(payload, [byte; 100]);
                }
            }
        }
    }

    #[test]
    fn flags_are_seen_on_the_other_side_and_only_where_they_belong() {
        let (master, instance) = pair(2);
        instance.worker_sleeping.announce();
        assert!(master.lanes[1].worker_sleeping.wake());
        assert!(!master.lanes[0].worker_sleeping.wake());
        Sleeping::announce_all(master.lanes.iter().map(|lane| &lane.reactor_sleeping));
        assert!(instance.lanes[0].reactor_sleeping.wake());
        assert!(instance.lanes[1].reactor_sleeping.wake());
        assert!(!instance.worker_sleeping.wake());
        assert!(!instance.lanes[0].events.space_wanted());
        master.lanes[0].events.ask_for_space();
        assert!(!instance.lanes[1].events.space_wanted());
        assert!(instance.lanes[0].events.space_wanted());
        instance.lanes[1].commands.ask_for_space();
        assert!(!master.lanes[0].commands.space_wanted());
        assert!(master.lanes[1].commands.space_wanted());
    }

    #[test]
    fn marks_come_across_and_are_checked() {
        let (master, instance) = pair(2);
        assert_eq!(master.marks.polling(), None);
        let event = EventPlace { reactor: 1, position: 8 * 12345 };
        instance.marks.set_polling(Some(event));
        instance.marks.set_suspect(Some(EventPlace { reactor: 0, position: 0 }));
        assert_eq!(master.marks.polling(), Some(event));
        assert_eq!(master.marks.suspect(), Some(EventPlace { reactor: 0, position: 0 }));
        instance.marks.set_polling(Some(EventPlace { reactor: 2, position: 0 }));
        assert_eq!(master.marks.polling(), None);
        instance.marks.set_suspect(None);
        assert_eq!(master.marks.suspect(), None);
        assert_eq!(unpack(u64::MAX), Some(EventPlace { reactor: 255, position: ((1 << 56) - 2) * 8 }));
    }

    #[test]
    fn another_geometry_or_layout_is_refused() {
        let master = MasterSide::create(2, PAGE).unwrap();
        assert!(InstanceSide::attach(&master.down, &master.up, 2, PAGE).is_ok());
        assert!(InstanceSide::attach(&master.up, &master.down, 2, PAGE).is_err());
        assert!(InstanceSide::attach(&master.down, &master.up, 1, PAGE).is_err());
        assert!(InstanceSide::attach(&master.down, &master.up, 2, 2 * PAGE).is_err());
        // Down and up are both of the size that one ring of twice the size would need.
        assert!(InstanceSide::attach(&master.down, &master.up, 1, 2 * PAGE).is_err());
        for (reactors, ring_bytes) in
            [(0, PAGE), (257, PAGE), (1, 0), (1, PAGE + 8), (1, PAGE / 2), (1, 1 << 40)]
        {
            assert!(MasterSide::create(reactors, ring_bytes).is_err());
        }
    }

    #[test]
    fn the_instance_cannot_write_what_the_master_sends_down() {
        let master = MasterSide::create(1, PAGE).unwrap();
        let len = Geometry::new(1, PAGE).unwrap().down_bytes();
        assert!(Memory::attach(&master.down, len, Access::ReadWrite).is_err());
    }
}
