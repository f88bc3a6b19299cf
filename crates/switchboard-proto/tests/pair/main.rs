//! Both ends of a connection in one thread: conversations, and properties that hold for all of them.

mod conversations;
mod deflate;
mod harness;
mod properties;
