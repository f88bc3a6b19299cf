//! A WebSocket server whose connections outlive its code.
//!
//! A [`Server`] has an `open`, a `message` and a `close` event, as Swoole's has. Handlers answer through the [`Conn`] that
//! they are given, or through a [`Handle`], which reaches every connection of the server from any task or thread.
//!
//! ```no_run
//! use switchboard::{Conn, Message, Server};
//!
//! fn main() -> Result<(), switchboard::StartError> {
//!     Server::new("127.0.0.1:9501")
//!         .on_message(async |conn: Conn, message: Message| conn.handle().broadcast(message))
//!         .start()
//! }
//! ```
//!
//! With [`Mode::Process`] the sockets belong to a master process and the code to workers, which can be replaced
//! ([`Handle::reload`], SIGUSR1), or crash, while every client stays connected. `main` then runs in each process up to the
//! `start` of the server: see [`role`]. `docs/processes.md` in the repository has what that guarantees and how it is run.
#![deny(unsafe_code)]

// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

// What a program makes and gives handlers.
mod closures;
mod config;
mod handler;
mod server;
mod user;

// What handlers are given.
mod client_info;
mod conn;
mod connection_id;
mod decision;
mod deflate;
mod error;
mod event;
mod handle;
mod listener;
mod message;
mod pipe;
mod process;
mod request;
mod stats;
mod status;

// What passes between a reactor and the handlers, and what they share.
mod addresses;
mod admission;
mod command;
mod core;
mod frame;
mod inbox;
mod instance;
mod places;
mod ports;
mod rate;
mod table;
mod trusted;

// The two sides, and what starts them.
mod base;
mod certificates;
#[cfg(all(test, feature = "counting"))]
mod counted;
mod descriptors;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod launch;
mod manager;
mod master;
mod member;
mod reactor;
mod role;
mod worker;

mod ipc;
#[allow(unsafe_code)]
mod sys;

pub use certificates::{TlsConfig, TlsError};
pub use client_info::{ClientInfo, ConnectionState, PeerAddr, Transport};
pub use closures::{Authorize, Closures, OnClose, OnMessage, OnOpen, Outcome, Unset};
pub use config::{Config, DispatchBy, Mode, Overflow, USER_NAME_BYTES_LIMIT};
pub use conn::Conn;
pub use connection_id::{CONNECTION_ID_MAX, ConnectionId};
pub use decision::Decision;
pub use deflate::Deflate;
pub use error::{
    BoxError, ConfigError, ConnectionError, MessageError, NameError, PublishError, PushError, QueryError,
    ReloadError, StartError, UserError,
};
pub use event::{Closed, ClosedBy};
pub use handle::Handle;
pub use handler::{Handler, Worker};
pub use listener::{Listen, ListenAddr};
pub use message::Message;
pub use pipe::{PipeMessage, Recipient};
pub use process::Process;
pub use request::Request;
pub use role::{Role, role};
pub use server::{Server, WorkerStart};
pub use stats::Stats;
pub use status::{ProcessInfo, ProcessRole, ProcessState, Reloaded, Status};
pub use sys::Text;
pub use trusted::{ForwardedField, TrustedProxy, TrustedProxyError};
pub use user::User;
pub use worker::HttpService;
