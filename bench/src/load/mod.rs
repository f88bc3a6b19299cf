//! The three loads: echo, broadcast, idle.

mod broadcast;
mod echo;
mod idle;
mod session;
mod slow_readers;

pub use broadcast::{BroadcastLoad, Pace};
pub use echo::EchoLoad;
pub use idle::IdleLoad;
pub use session::{Session, Until};
pub use slow_readers::{OpenSlowReaders, SlowReaders};
