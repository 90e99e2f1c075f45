//! The bytes of each implementation and version. One engine speaks all of them, driven by the data in
//! `simulator/grammars/`; it does no I/O and has no clock.
//!
//! The way of a line: [`json`] reads it as the server's library would; [`envelope`] finds the calls in it and what is
//! wrong with their form; [`call`] looks the method up and reads its parameters ([`arguments`]), which makes a typed
//! [`question::Question`]; [`answer`] answers that from a node's view with a typed [`reply::Reply`]; [`write`] makes
//! bytes of it; [`pacer`] decides when they leave. [`Session`] holds it together and knows what one client has
//! agreed on, subscribed to and cost.

mod answer;
mod arguments;
mod call;
mod cost;
mod data;
mod envelope;
mod greeting;
mod histogram;
mod identity;
mod json;
mod library;
mod outbox;
mod pacer;
mod question;
mod reply;
mod session;
mod subscriptions;
mod verbose;
mod words;
mod write;

pub(crate) use answer::decoded;
pub(crate) use call::Fault;
pub use data::{Grammar, HalfClose, Protocol};
pub use identity::{Identity, Peer, Service};
pub use library::{Library, LibraryError};
pub use outbox::{End, Framing, Reaction};
pub(crate) use question::Question;
pub(crate) use reply::Reply;
pub use session::Session;
