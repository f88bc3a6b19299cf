//! The only place with `unsafe` code, and the thin wrappers over system calls that the server needs.

mod biased;
#[cfg(test)]
mod biased_tests;
mod doorbell;
mod fences;
mod mapping;
mod memory;
mod parent;
mod poller;
mod text;
mod title;
mod unsent;

/// What a ring needs of the processor. Its tests put a model in the place of these and of the memory.
pub(crate) use std::sync::atomic::{Ordering, fence};

pub(crate) use biased::BiasedMutex;
pub(crate) use doorbell::{Doorbell, Ear};
pub(crate) use mapping::{Mapping, Zeroed, shared_struct};
pub(crate) use memory::{Access, Area, Memory, Word};
pub(crate) use parent::{die_with_parent, outlive_parent};
pub(crate) use poller::{Event, Interest, Poller};
pub use text::Text;
pub(crate) use title::{set_short_name, set_title};
pub(crate) use unsent::unsent_bytes;
