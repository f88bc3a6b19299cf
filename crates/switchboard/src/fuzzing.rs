//! What fuzzing reaches: everything that reads what another process has written. Not for programs.

use std::io;
use std::sync::Arc;

use crate::ipc::codec::{Delivery, Order, SmallPush};
use crate::ipc::control::{FromManager, ToManager};
use crate::ipc::link::{ToInstance, ToMaster};
use crate::ipc::ring::{Assembler, Consumer, Record, Ring};
use crate::pipe::{Pipes, Receipt};
use crate::sys::{Memory, Ordering};

/// Of the ring that is read.
const RING_BYTES: usize = 1 << 14;
/// The longest payload that a ring's records may make.
const PAYLOAD_MAX: usize = 1 << 16;

/// Reads bytes as what stands in a ring, which ends at `tail` if its producer is believed, and what is in the records as
/// both sides would.
pub fn ring(bytes: &[u8], tail: u64) {
    thread_local! {
        static MEMORY: Option<Arc<Memory>> = Memory::anonymous(4096 + RING_BYTES).ok();
    }
    MEMORY.with(|memory| memory.as_ref().map(|memory| read(memory, bytes, tail)));
}

fn read(memory: &Arc<Memory>, bytes: &[u8], tail: u64) -> io::Result<()> {
    let mut data = memory.area(4096, RING_BYTES)?;
    let bytes = &bytes[..bytes.len().min(RING_BYTES)];
    data.write(0, &[bytes]);
    let ring = Ring { data, tail: memory.word(0)?, head: memory.word(128)?, space_wanted: memory.word(256)? };
    ring.tail.store(tail, Ordering::Relaxed);
    let pipes = Pipes::new(2, vec!["hub".into()], 1 << 20);
    let (mut consumer, mut assembler) = (Consumer::new(ring), Assembler::new(PAYLOAD_MAX));
    // Most tails are nonsense, which is soon found out; then all of the bytes are looked at.
    let tail = consumer.published().unwrap_or(bytes.len().next_multiple_of(8) as u64);
    let mut record = Record::default();
    while let Ok(true) = consumer.next(tail, &mut record) {
        let mut payload = Vec::new();
        consumer.copy(&record, 0, &mut payload);
        let push = SmallPush::read(&record, consumer.first_bytes(&record));
        let mut message = Vec::new();
        consumer.copy(&record, SmallPush::HEAD_BYTES, &mut message);
        assert!(push.is_none_or(|push| push.len == message.len()));
        let Ok(whole) = assembler.push(&record, &mut payload) else { break };
        if let Some(whole) = whole {
            let _ = Order::decode(&whole.payload);
            // Only the master can write these, and it has checked what is text.
            if whole.payload.is_ascii() {
                let _ = Delivery::decode(whole.payload, Receipt::None, &pipes);
            }
        }
    }
    Ok(())
}

/// Reads bytes as each kind of message that goes over a socket between processes.
pub fn message(bytes: &[u8]) {
    let _ = ToMaster::decode(bytes);
    let _ = ToInstance::decode(bytes);
    let _ = ToManager::decode(bytes);
    let _ = FromManager::decode(bytes);
}
