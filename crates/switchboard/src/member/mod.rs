//! The side of a worker's or user process's process.
//!
//! [`RingPorts`] takes the commands of the user's code to the master's reactors; a [`Member`](run::Member) takes the
//! events, and hands them to a handler or a user process; a thread of its own reads the link to the master.

mod alarm;
mod attach;
mod intake;
mod journal;
mod link;
mod on_the_way;
mod outlet;
mod ports;
mod process;
mod refuse;
mod run;
mod sessions;
mod start;
mod tickets;
mod turn;
mod worker;

pub(crate) use attach::Program;
pub(crate) use refuse::refuse;
pub(crate) use start::{run_process, run_worker};

#[cfg(test)]
mod tests;
