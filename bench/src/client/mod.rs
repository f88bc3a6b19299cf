//! The client side: connections, the messages they send, and the check of every delivery.

mod connection;
mod deliveries;
mod frames;
mod open;
mod payload;
mod remarks;

pub use connection::{Connection, Inbox};
pub use deliveries::Deliveries;
pub use frames::{Frames, MASK};
pub use open::{Target, open, open_deaf};
pub use payload::{PAYLOAD_BYTES_MIN, Payloads, Stamp};
pub use remarks::{Answer, answer, unmarked};
