//! The program from outside: started as a user starts it, spoken to over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests panic like tests")]
#![allow(unreachable_pub, reason = "it is one program")]

/// How the servers of these tests run; `tests/base.rs` runs most of them the other way.
const MODE: &str = "process";

mod support;

mod accounts;
mod arrival;
mod changes;
mod control;
mod conversations;
mod durability;
mod errors;
mod http;
mod limits;
mod names;
mod oracle;
mod order;
mod people;
mod plain;
mod processes;
mod program;
mod rich;
mod search;
mod survival;
mod user;
mod whereabouts;
