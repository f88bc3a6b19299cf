//! The program from outside: started as a user starts it, spoken to over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests panic like tests")]
#![allow(unreachable_pub, reason = "it is one program")]

mod support;

mod durability;
mod errors;
mod http;
mod order;
mod plain;
mod program;
mod rich;
