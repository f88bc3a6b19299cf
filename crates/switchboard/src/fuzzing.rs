//! What fuzzing reaches: everything that reads what another process has written. Not for programs.

use bytes::Bytes;

use crate::ipc::codec::{Delivery, Keep, Order, SmallPush};
use crate::ipc::control::{FromManager, ToManager};
use crate::ipc::link::{ToInstance, ToMaster};
use crate::ipc::ring::{Assembler, Records};
use crate::pipe::{Pipes, Receipt};

/// The longest payload that a ring's records may make.
const PAYLOAD_MAX: usize = 1 << 16;

/// Reads bytes as a batch of records that was fetched from a ring, and what is in these as both sides would.
pub fn ring(bytes: &[u8], position: u64) {
    let pipes = Pipes::new(2, vec!["hub".into()], 1 << 20);
    let mut assembler = Assembler::new(PAYLOAD_MAX);
    let mut records = Records::new(bytes, position);
    while let Ok(Some(record)) = records.next() {
        let _ = SmallPush::read(&record);
        let Ok(whole) = assembler.push(record) else { return };
        if let Some(whole) = whole {
            let payload = Bytes::copy_from_slice(&whole.payload);
            let _ = Order::decode(&payload, Keep::Copy);
            // Only the master can write these, and it has checked what is text.
            if payload.is_ascii() {
                let _ = Delivery::decode(&payload, Receipt::None, &pipes);
            }
        }
    }
}

/// Reads bytes as each kind of message that goes over a socket between processes.
pub fn message(bytes: &[u8]) {
    let _ = ToMaster::decode(bytes);
    let _ = ToInstance::decode(bytes);
    let _ = ToManager::decode(bytes);
    let _ = FromManager::decode(bytes);
}
