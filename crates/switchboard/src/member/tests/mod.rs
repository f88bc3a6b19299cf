mod events;
mod outward;
mod rig;
