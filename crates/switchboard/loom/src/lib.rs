//! Tries every order in which two processes can see each other's writes to a ring.
//!
//! The sources of the ring, and of the lock of who writes to it, are compiled here, over [loom](https://docs.rs/loom)'s memory in the place of shared memory. They
//! are apart from the library because loom needs small programs, and everything else of it is in the way.
//! `cargo test --manifest-path crates/switchboard/loom/Cargo.toml` runs them.
#![cfg(test)]

mod ipc;
mod lock;
mod models;
mod sys;
