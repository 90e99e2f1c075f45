//! What is seen and concluded: visits, their exchanges, and the archive they are kept in.
//!
//! A visit keeps the exact bytes of both directions, because byte grammar is evidence; what the
//! bytes mean is derived later by pure functions, so that old visits can be read by newer code.
//! This crate neither scans nor judges.

pub mod archive;
pub mod assessment;
pub mod exchange;
pub mod facts;
pub mod finding;
pub mod geoip;
pub mod outcome;
pub mod purpose;
pub mod seconds;
pub mod visit;
pub mod watch;

pub use archive::Archive;
pub use assessment::Assessment;
pub use exchange::{Exchange, Recorded};
pub use finding::Finding;
pub use outcome::Outcome;
pub use purpose::Purpose;
pub use seconds::Seconds;
pub use visit::{Timings, Traffic, Visit};
