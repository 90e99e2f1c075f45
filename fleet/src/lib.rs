//! What the workers of a fleet, the operator and the analyzer share: who is visited when and by whom, what may be spent
//! on whom, and the stream of visits. In Redis, or in the memory of one process.
//!
//! This crate opens no connection to a server under study and concludes nothing; what a record of a server says is the
//! scanner's business.

pub mod error;
pub mod schedule;

pub use error::FleetError;
