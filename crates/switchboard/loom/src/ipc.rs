//! The sources under test, and what they need of their surroundings.
#![allow(dead_code, unused_imports)]

#[path = "../../src/ipc/ring/mod.rs"]
pub(crate) mod ring;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupt(pub(crate) &'static str);
