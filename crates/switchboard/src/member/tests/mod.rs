#[cfg(feature = "counting")]
mod counted;
mod events;
mod outward;
mod rig;
