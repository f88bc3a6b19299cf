//! What must hold for every order of writes, fetches, releases and deaths, and whatever the other side scribbles.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::Corrupt;
use super::ring::{Assembler, Consumer, Piece, PieceWriter, Producer, Record, Ring};
use crate::sys::{Memory, Ordering};

const CAPACITY: usize = 256;
const DATA: usize = 4096;
const WORDS: [usize; 3] = [0, 128, 256];
const PAYLOAD_MAX: usize = 1000;

/// The memory of one ring. The bytes on both sides of its data belong to nobody.
fn memory() -> Arc<Memory> {
    Memory::anonymous(3 * 4096).unwrap()
}

fn ring(memory: &Arc<Memory>) -> Ring {
    Ring {
        data: memory.area(DATA, CAPACITY).unwrap(),
        tail: memory.word(WORDS[0]).unwrap(),
        head: memory.word(WORDS[1]).unwrap(),
        space_wanted: memory.word(WORDS[2]).unwrap(),
    }
}

fn ends() -> (Producer, Consumer) {
    let memory = memory();
    (Producer::new(ring(&memory)), Consumer::new(ring(&memory)))
}

/// Bytes that differ from payload to payload.
fn payload(seed: u64, len: usize) -> Bytes {
    (0..len as u64).map(|n| (seed.wrapping_mul(0x9e37_79b9).wrapping_add(n * 31) >> 3) as u8).collect()
}

/// The producer's side of a stream: what does not fit now waits, as the callers of rings do it.
struct Sender {
    producer: Producer,
    waiting: VecDeque<Bytes>,
    pieces: Option<PieceWriter>,
}

impl Sender {
    fn new(producer: Producer) -> Sender {
        Sender { producer, waiting: VecDeque::new(), pieces: None }
    }

    /// Writes all that fits. Answers whether something still waits.
    fn write(&mut self) -> Result<bool, Corrupt> {
        self.producer.refresh()?;
        loop {
            if let Some(pieces) = &mut self.pieces {
                if !pieces.write(&mut self.producer) {
                    return Ok(true);
                }
                self.pieces = None;
            }
            let Some(next) = self.waiting.front() else {
                self.producer.publish();
                return Ok(false);
            };
            if next.len() > self.producer.payload_max() {
                let (head, body) = (next.slice(..next.len() / 5), next.slice(next.len() / 5..));
                self.pieces = Some(PieceWriter::new(head, body));
            } else if !self.producer.try_write(&[&next[..next.len() / 2], &next[next.len() / 2..]]) {
                self.producer.publish();
                return Ok(true);
            }
            self.waiting.pop_front();
        }
    }
}

/// The consumer's side: fetches, puts together, and remembers what is not dealt with.
struct Receiver {
    consumer: Consumer,
    assembler: Assembler,
    /// The ends of what was fetched and not released.
    ends: VecDeque<u64>,
    received: Vec<Bytes>,
}

impl Receiver {
    fn new(consumer: Consumer) -> Receiver {
        Receiver {
            consumer,
            assembler: Assembler::new(PAYLOAD_MAX),
            ends: VecDeque::new(),
            received: Vec::new(),
        }
    }

    fn fetch(&mut self) -> Result<(), Corrupt> {
        let tail = self.consumer.published()?;
        while let Some((record, mut payload)) = self.consumer.fetch(tail)? {
            self.ends.push_back(record.end);
            self.received.extend(self.assembler.push(&record, &mut payload)?.map(|whole| whole.payload));
        }
        assert_eq!(self.consumer.fetched(), tail);
        Ok(())
    }

    fn release(&mut self, count: usize) -> bool {
        let mut ends = self.ends.drain(..count.min(self.ends.len()));
        ends.next_back().is_some_and(|end| self.consumer.release(end))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Write,
    Fetch,
    Release(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..70usize).prop_map(Step::Send),
        1 => (0..=PAYLOAD_MAX).prop_map(Step::Send),
        2 => Just(Step::Write),
        2 => Just(Step::Fetch),
        3 => (0..6usize).prop_map(Step::Release),
    ];
    vec(step, 1..200)
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order(steps in steps()) {
        let (producer, consumer) = ends();
        let (mut sender, mut receiver) = (Sender::new(producer), Receiver::new(consumer));
        let mut sent = Vec::new();
        for step in steps {
            match step {
                Step::Send(len) => {
                    sent.push(payload(sent.len() as u64, len));
                    sender.waiting.extend(sent.last().cloned());
                }
                Step::Write => drop(sender.write().unwrap()),
                Step::Fetch => receiver.fetch().unwrap(),
                Step::Release(count) => drop(receiver.release(count)),
            }
            prop_assert!(sender.producer.position() - receiver.consumer.released() <= CAPACITY as u64);
            prop_assert_eq!(&receiver.received[..], &sent[..receiver.received.len()]);
        }
        while sender.write().unwrap() || receiver.received.len() < sent.len() {
            receiver.fetch().unwrap();
            receiver.release(usize::MAX);
        }
        prop_assert_eq!(receiver.received, sent);
        prop_assert_eq!(receiver.assembler.begun(), None);
    }

    #[test]
    fn a_successor_gets_what_was_not_released_and_nothing_else(
        lens in vec(0..40usize, 1..60),
        deaths in vec((0..6usize, 0..6usize), 1..20),
    ) {
        let mut waiting: VecDeque<_> = (0u64..).zip(lens).map(|(n, len)| payload(n, len)).collect();
        let mut expected = waiting.clone();
        let (mut producer, mut consumer) = ends();
        for (fetches, releases) in deaths {
            while waiting.front().is_some_and(|next| producer.try_write(&[next])) {
                waiting.pop_front();
            }
            producer.publish();
            let tail = consumer.published().unwrap();
            let mut fetched = VecDeque::new();
            while fetched.len() < fetches + releases
                && let Some(next) = consumer.fetch(tail).unwrap()
            {
                fetched.push_back(next);
            }
            for _ in 0..releases {
                let Some((record, payload)) = fetched.pop_front() else { break };
                prop_assert_eq!(&producer.record_at(record.start).unwrap(), &(record, payload.clone()));
                prop_assert_eq!(expected.pop_front().unwrap(), payload);
                let _ = consumer.release(record.end);
            }
            // The reader is dead. What it left goes into the ring of its successor.
            let released = producer.sample().unwrap();
            prop_assert_eq!(released, consumer.released());
            producer.accept(released);
            let left = producer.unreleased();
            (producer, consumer) = ends();
            for (_, payload) in left {
                prop_assert!(producer.try_write(&[&payload]));
            }
            producer.publish();
        }
        for (_, payload) in consumer.fetch_all().unwrap() {
            prop_assert_eq!(expected.pop_front().unwrap(), payload);
        }
        prop_assert_eq!(expected.len(), waiting.len());
    }

    #[test]
    fn no_scribbling_makes_a_side_panic_or_leave_its_ring(
        steps in vec((0..5usize, 0..4usize, any::<u64>(), 0..300u64), 1..200),
        scribble_to_end in any::<bool>(),
    ) {
        let memory = memory();
        let mut outside = memory.area(0, 4096).unwrap();
        outside.write(512, &[&[0xa5; 4096 - 512]]);
        memory.area(8192, 4096).unwrap().write(0, &[&[0xa5; 4096]]);
        let mut sender = Sender::new(Producer::new(ring(&memory)));
        let mut receiver = Receiver::new(Consumer::new(ring(&memory)));
        for (kind, word, value, near) in steps {
            match kind {
                0 => sender.waiting.push_back(payload(value, near as usize * 2)),
                1 => drop(sender.write()),
                2 if receiver.fetch().is_err() => receiver.assembler = Assembler::new(PAYLOAD_MAX),
                2 => {}
                3 => drop(receiver.release(near as usize % 7)),
                _ if word < 3 => {
                    // Values that are nearly right get past the first checks.
                    let base = if scribble_to_end { value } else { sender.producer.position() & !7 };
                    memory.word(WORDS[word]).unwrap().store(base.wrapping_add(near).wrapping_sub(150), Ordering::Relaxed);
                }
                _ => ring(&memory).data.write(value, &[&payload(value, near as usize % CAPACITY)]),
            }
            let _ = sender.producer.record_at(value.wrapping_rem(2 * CAPACITY as u64));
            let left = sender.producer.unreleased();
            prop_assert!(left.len() <= CAPACITY / 8 && sender.producer.free() <= CAPACITY);
            prop_assert!(receiver.received.iter().all(|payload| payload.len() <= PAYLOAD_MAX));
        }
        for (offset, len) in [(512, 4096 - 512), (DATA + CAPACITY, 4096 - CAPACITY), (8192, 4096)] {
            let mut bytes = Vec::new();
            memory.area(offset & !4095, 4096).unwrap().read(offset as u64 & 4095, len, &mut bytes);
            let expected = if offset == DATA + CAPACITY { 0 } else { 0xa5 };
            prop_assert!(bytes.iter().all(|byte| *byte == expected));
        }
    }

    #[test]
    fn any_bytes_are_records_or_corrupt(bytes in vec(any::<u8>(), 0..200), sound in any::<bool>(), words in 0..=32u64) {
        let mut bytes = bytes;
        if sound && bytes.len() >= 8 {
            bytes[0] %= 64;
            bytes[1..4].fill(0);
            bytes[4] %= 4;
            bytes[5..8].fill(0);
        }
        let memory = memory();
        ring(&memory).data.write(0, &[&bytes]);
        memory.word(WORDS[0]).unwrap().store(8 * words, Ordering::Relaxed);
        let mut receiver = Receiver::new(Consumer::new(ring(&memory)));
        let _ = receiver.fetch();
        prop_assert!(receiver.consumer.fetched() <= 8 * words);
        prop_assert!(receiver.received.iter().map(Bytes::len).sum::<usize>() <= CAPACITY);
    }
}

#[test]
fn a_producer_that_waits_is_told_once() {
    let (mut producer, mut consumer) = ends();
    while producer.try_write(&[b"12345678"]) {}
    producer.publish();
    assert_eq!(producer.want_space(), Ok(0));
    consumer.fetch_all().unwrap();
    assert!(consumer.release(16));
    assert!(!consumer.release(32));
    assert_eq!(producer.refresh(), Ok(32));
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    let (mut producer, mut consumer) = ends();
    assert!(producer.try_write(&[b"first"]));
    assert!(!consumer.has_more());
    producer.publish();
    assert!(consumer.has_more());
    let fetched = consumer.fetch_all().unwrap();
    assert!(!consumer.has_more());
    assert_eq!(fetched.len(), 1);
    assert_eq!((fetched[0].0.start, fetched[0].0.end, &fetched[0].1[..]), (0, 16, &b"first"[..]));
}

#[test]
fn room_is_free_only_once_it_is_accepted() {
    let (mut producer, mut consumer) = ends();
    assert!(producer.try_write(&[b"first"]));
    producer.publish();
    consumer.fetch_all().unwrap();
    let _ = consumer.release(16);
    let head = producer.sample().unwrap();
    assert_eq!((head, producer.free()), (16, CAPACITY - 16));
    assert!(producer.record_at(0).is_ok());
    producer.accept(head);
    assert_eq!(producer.free(), CAPACITY);
    assert!(producer.record_at(0).is_err());
}

#[test]
fn the_assembler_answers_what_does_not_fit_together() {
    let record = |piece: u8, payload: &[u8]| (piece, payload.to_vec());
    let outcome = |stream: &[(u8, Vec<u8>)]| {
        let mut assembler = Assembler::new(20);
        let mut wholes = Vec::new();
        for (piece, payload) in stream {
            let record = Record { piece: Piece::from_byte(*piece)?, start: 0, end: 0, len: payload.len() };
            wholes.extend(assembler.push(&record, &mut payload.clone())?.map(|whole| whole.payload.to_vec()));
        }
        Ok::<_, Corrupt>(wholes)
    };
    let first = |len: u64, bytes: &[u8]| record(1, &[&len.to_le_bytes(), bytes].concat());
    assert_eq!(outcome(&[first(3, b"a"), record(2, b"b"), record(3, b"c")]), Ok(vec![b"abc".to_vec()]));
    assert_eq!(outcome(&[first(0, b""), record(3, b""), record(0, b"x")]), Ok(vec![vec![], b"x".to_vec()]));
    for wrong in [
        vec![record(0, &[0; 21])],
        vec![first(21, b"")],
        vec![first(u64::MAX, b"")],
        vec![first(1, b"ab")],
        vec![record(1, b"short")],
        vec![record(2, b"")],
        vec![record(3, b"")],
        vec![record(4, b"")],
        vec![first(3, b"a"), record(3, b"b")],
        vec![first(3, b"a"), record(3, b"bcd")],
        vec![first(3, b"a"), record(0, b"")],
        vec![first(3, b"a"), first(3, b"a")],
    ] {
        assert!(outcome(&wrong).is_err(), "{wrong:?}");
    }
}
