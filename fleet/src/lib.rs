//! What the workers of a fleet, the operator and the analyzer share: who is visited when and by whom, what may be spent
//! on whom, and the stream of visits. In Redis, or in the memory of one process.
//!
//! This crate opens no connection to a server under study and concludes nothing; what a record of a server says is the
//! scanner's business.

mod address;
pub mod arguments;
pub mod campaign;
mod clock;
mod connect;
pub mod error;
pub mod exclusions;
mod keys;
pub mod pack;
pub mod permits;
mod rendezvous;
pub mod schedule;
mod told;
mod uptime;
pub mod visits;

pub use address::Address;
pub use clock::Clock;
pub use connect::{Credentials, Redis};
pub use error::FleetError;
pub use uptime::Uptime;
