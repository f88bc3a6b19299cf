//! Promises of the server, kept on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod authorize;
mod bombs;
mod bounds;
mod closing;
mod deflate;
mod events;
mod fairness;
mod groups;
mod heartbeat;
mod http;
mod ids;
mod listeners;
mod order;
mod output_limit;
mod promises;
mod proxies;
mod push;
mod rates;
mod shutdown;
mod slots;
mod threads;
mod tls;
mod tls_http;
mod users;
mod within;
