//! The three loads: echo, broadcast, idle.

mod broadcast;
mod echo;
mod idle;
mod session;

pub use broadcast::{BroadcastLoad, Pace, SlowReaders};
pub use echo::EchoLoad;
pub use idle::IdleLoad;
pub use session::{Session, Until};
