//! The client side: connections, the messages they send, and the check of every delivery.

mod channel;
mod connection;
mod deliveries;
mod dialect;
mod frames;
mod greet;
mod open;
mod payload;
mod remarks;

pub use channel::trust;
pub use connection::{Connection, Inbox};
pub use deliveries::Deliveries;
pub use dialect::{Dialect, Heard};
pub use frames::{Frames, MASK};
pub use greet::greet;
pub use open::{Deaf, Dialer, Target};
pub use payload::{PAYLOAD_BYTES_MIN, Payloads, SENDER_MAX, Stamp};
pub use remarks::{Answer, answer, unmarked};
