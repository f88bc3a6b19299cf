//! Load generator and floors for measuring WebSocket servers side by side.
//!
//! `README.md` beside this crate says how to run it and what each figure means.

pub mod client;
pub mod floor;
pub mod load;
pub mod poller;
pub mod process;
pub mod report;
