//! The loads: echo, broadcast, idle, storm.

mod broadcast;
mod echo;
mod idle;
mod session;
mod slow_readers;
mod storm;

pub use broadcast::{BroadcastLoad, Pace};
pub use echo::EchoLoad;
pub use idle::IdleLoad;
pub use session::{Session, Until};
pub use slow_readers::{OpenSlowReaders, SlowReaders};
pub use storm::StormLoad;
