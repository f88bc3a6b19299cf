//! The tests of `tests/chat`, with the whole server in one process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests panic like tests")]
#![allow(unreachable_pub, reason = "it is one program")]

const MODE: &str = "base";

#[path = "chat/support/mod.rs"]
#[allow(dead_code, reason = "some of it is about processes")]
mod support;

#[path = "chat/accounts.rs"]
mod accounts;
#[path = "chat/arrival.rs"]
mod arrival;
#[path = "chat/changes.rs"]
mod changes;
#[path = "chat/control.rs"]
mod control;
#[path = "chat/conversations.rs"]
mod conversations;
#[path = "chat/durability.rs"]
mod durability;
#[path = "chat/errors.rs"]
mod errors;
#[path = "chat/http.rs"]
mod http;
#[path = "chat/limits.rs"]
mod limits;
#[path = "chat/names.rs"]
mod names;
#[path = "chat/order.rs"]
mod order;
#[path = "chat/people.rs"]
mod people;
#[path = "chat/plain.rs"]
mod plain;
#[path = "chat/program.rs"]
mod program;
#[path = "chat/rich.rs"]
mod rich;
#[path = "chat/search.rs"]
mod search;
#[path = "chat/user.rs"]
mod user;
