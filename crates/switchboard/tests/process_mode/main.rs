//! The public API in Process mode: servers of several workers and a user process, each in processes of its own. This test
//! starts itself again as the server, whose processes start it again and again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod authorize;
mod bounds;
mod deflate;
mod dispatch;
mod ends;
mod handlers;
mod http;
mod life;
mod looking;
mod messages;
mod reload;
mod rig;
mod sending;
mod server;
mod state;
#[allow(dead_code, unused_imports, reason = "the other tests use the rest of it")]
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

type Test = (&'static str, fn());

/// `tests![a, b]`: the functions with their paths, as test runners name them.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn())),*];
    };
}
pub(crate) use tests;

const ALL: [&[Test]; 13] = [
    sending::TESTS,
    state::TESTS,
    looking::TESTS,
    bounds::TESTS,
    deflate::TESTS,
    ends::TESTS,
    handlers::TESTS,
    authorize::TESTS,
    dispatch::TESTS,
    messages::TESTS,
    http::TESTS,
    reload::TESTS,
    tls::TESTS,
];

fn main() {
    if std::env::var_os(server::FOLDER).is_some() {
        return server::run();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `--format terse`: it is terse anyhow.
    let mut words = arguments.iter().filter(|argument| *argument != "terse");
    let wanted = words.find(|argument| !argument.starts_with('-'));
    let chosen = |name: &str| match wanted {
        Some(wanted) if has("--exact") => name == wanted,
        Some(wanted) => name.contains(wanted.as_str()),
        None => true,
    };
    let name = |path: &'static str| path.split_once("::").map_or(path, |(_, name)| name);
    let all = ALL.into_iter().chain([life::TESTS]).flatten();
    let tests = all.map(|(path, test)| (name(path), test)).filter(|(name, _)| chosen(name));
    if has("--list") {
        // As test runners ask for it; none is ignored.
        return tests.filter(|_| !has("--ignored")).for_each(|(name, _)| println!("{name}: test"));
    }
    let mut failed = Vec::new();
    for (name, test) in tests {
        let begun = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {} ({:.2?})", if passed { "ok" } else { "FAILED" }, begun.elapsed());
        if !passed {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        println!("failed: {failed:?}");
        std::process::exit(1);
    }
}
