//! The models. A ring of 64 bytes holds four records of eight bytes.

use bytes::Bytes;
use loom::sync::{Arc, Notify};
use loom::thread;

use crate::ipc::ring::{Assembler, CAPACITY_MIN, Consumer, PieceWriter, Producer, Ring, Sleeping};
use crate::sys::{Area, Word, forget_fences};

fn ends() -> (Producer, Consumer) {
    let (data, tail, head, wanted) = (Area::new(CAPACITY_MIN), Word::new(), Word::new(), Word::new());
    let ring =
        || Ring { data: data.clone(), tail: tail.clone(), head: head.clone(), space_wanted: wanted.clone() };
    (Producer::new(ring()), Consumer::new(ring()))
}

fn payload(n: u64) -> [u8; 8] {
    n.to_le_bytes()
}

/// Of a model whose every order would take minutes, tries those with at most so many switches from a thread that could
/// have gone on.
pub(crate) fn model_within(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(model);
}

/// Fetches what is there, checks that it goes on at `next`, and releases it.
fn take(consumer: &mut Consumer, next: &mut u64) {
    for (record, bytes) in consumer.fetch_all().unwrap() {
        assert_eq!(bytes, payload(*next));
        *next += 1;
        consumer.advance(record.end);
    }
}

#[test]
fn what_is_published_is_whole() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        let writer = thread::spawn(move || {
            for n in 0..3 {
                assert!(producer.try_write(&[&payload(n)]));
                producer.publish();
            }
        });
        let mut next = 0;
        take(&mut consumer, &mut next);
        take(&mut consumer, &mut next);
        writer.join().unwrap();
        take(&mut consumer, &mut next);
        assert_eq!(next, 3);
    });
}

#[test]
fn room_is_used_again_only_after_its_release() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        for n in 0..4 {
            assert!(producer.try_write(&[&payload(n)]));
        }
        producer.publish();
        let reader = thread::spawn(move || {
            let mut next = 0;
            take(&mut consumer, &mut next);
            (consumer, next)
        });
        let mut n = 4;
        for _ in 0..2 {
            producer.refresh().unwrap();
            while n < 6 && producer.try_write(&[&payload(n)]) {
                producer.publish();
                n += 1;
            }
        }
        let (mut consumer, mut next) = reader.join().unwrap();
        take(&mut consumer, &mut next);
        assert_eq!(next, n);
    });
}

/// A consumer that sleeps when there is nothing, a producer that wakes it.
fn sleeping_consumer() {
    let (mut producer, mut consumer) = ends();
    let bell = Arc::new(Notify::new());
    let ours = Sleeping::new(Word::new());
    let (theirs, their_bell) = (ours.clone(), bell.clone());
    let writer = thread::spawn(move || {
        for n in 0..2 {
            assert!(producer.try_write(&[&payload(n)]));
            producer.publish();
            if theirs.wake() {
                their_bell.notify();
            }
        }
    });
    let mut next = 0;
    loop {
        take(&mut consumer, &mut next);
        if next == 2 {
            break;
        }
        ours.announce();
        if !consumer.has_more() {
            bell.wait();
        }
        ours.cancel();
    }
    writer.join().unwrap();
}

#[test]
fn no_wake_up_is_lost() {
    model_within(5, sleeping_consumer);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_fences_a_wake_up_is_lost() {
    forget_fences();
    loom::model(sleeping_consumer);
}

/// A producer that sleeps when there is no room, a consumer that wakes it.
fn sleeping_producer() {
    let (mut producer, mut consumer) = ends();
    for n in 0..4 {
        assert!(producer.try_write(&[&payload(n)]));
    }
    producer.publish();
    let bell = Arc::new(Notify::new());
    let their_bell = bell.clone();
    let reader = thread::spawn(move || {
        let mut next = 0;
        take(&mut consumer, &mut next);
        if consumer.space_wanted() {
            their_bell.notify();
        }
        (consumer, next)
    });
    while !producer.try_write(&[&payload(4)]) {
        if producer.want_space().unwrap() == 0 {
            bell.wait();
            producer.refresh().unwrap();
        }
    }
    producer.publish();
    let (mut consumer, mut next) = reader.join().unwrap();
    take(&mut consumer, &mut next);
    assert_eq!(next, 5);
}

#[test]
fn no_room_is_overlooked() {
    loom::model(sleeping_producer);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_fences_room_is_overlooked() {
    forget_fences();
    loom::model(sleeping_producer);
}

#[test]
fn two_producers_wake_one_sleeper() {
    model_within(2, || {
        let bell = Arc::new(Notify::new());
        let ours = Sleeping::new(Word::new());
        let mut consumers = Vec::new();
        let mut writers = Vec::new();
        for _ in 0..2 {
            let (mut producer, consumer) = ends();
            let (theirs, their_bell) = (ours.clone(), bell.clone());
            consumers.push(consumer);
            writers.push(thread::spawn(move || {
                assert!(producer.try_write(&[&payload(0)]));
                producer.publish();
                if theirs.wake() {
                    their_bell.notify();
                }
            }));
        }
        let mut taken = [0, 0];
        loop {
            for (consumer, next) in consumers.iter_mut().zip(&mut taken) {
                take(consumer, next);
            }
            if taken == [1, 1] {
                break;
            }
            ours.announce();
            if !consumers.iter().any(Consumer::has_more) {
                bell.wait();
            }
            ours.cancel();
        }
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn pieces_go_through_a_ring_that_is_smaller() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        let sent = Bytes::from_static(b"a payload that is longer than that");
        let mut pieces = PieceWriter::new(sent.slice(..5), sent.slice(5..));
        assert!(!pieces.write(&mut producer));
        let reader = thread::spawn(move || {
            let mut assembler = Assembler::new(100);
            let received = assemble(&mut consumer, &mut assembler);
            (consumer, assembler, received)
        });
        producer.refresh().unwrap();
        pieces.write(&mut producer);
        let (mut consumer, mut assembler, mut received) = reader.join().unwrap();
        producer.refresh().unwrap();
        pieces.write(&mut producer);
        received = received.or_else(|| assemble(&mut consumer, &mut assembler));
        producer.refresh().unwrap();
        assert!(pieces.write(&mut producer));
        received = received.or_else(|| assemble(&mut consumer, &mut assembler));
        assert_eq!(received.as_deref(), Some(&sent[..]));
    });
}

fn assemble(consumer: &mut Consumer, assembler: &mut Assembler) -> Option<Vec<u8>> {
    let mut received = None;
    for (record, mut bytes) in consumer.fetch_all().unwrap() {
        received = assembler.push(&record, &mut bytes).unwrap().map(|whole| whole.payload.to_vec());
        let _ = consumer.release(record.end);
    }
    received
}
