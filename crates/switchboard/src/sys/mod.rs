//! The only place with `unsafe` code, and the thin wrappers over system calls that the server needs.

mod doorbell;
mod mapping;
mod poller;
mod text;
mod unsent;

pub(crate) use doorbell::Doorbell;
pub(crate) use mapping::{Mapping, Zeroed, shared_struct};
pub(crate) use poller::{Event, Interest, Poller};
pub use text::Text;
pub(crate) use unsent::unsent_bytes;
