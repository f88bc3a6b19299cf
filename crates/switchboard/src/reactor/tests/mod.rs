//! A reactor in Base mode whose turns the test takes, and whose sockets are ends of pairs.

#[cfg(feature = "counting")]
mod counted;
mod fan_out;
mod order;
mod rig;
