//! The operator: campaigns become a fleet of scanners, and what becomes of them is told in statuses.
//!
//! Every replica watches; only the one that holds the Lease writes, and every write goes through
//! [`writer::Writer`], which knows until when. Decisions are pure functions; what talks to the API server says so in its
//! first line. Nothing here talks to the network under study.

pub mod campaign;
pub mod cleanup;
pub mod error;
pub mod exclusion;
pub mod gauges;
pub mod health;
pub mod http;
pub mod ingest;
pub mod leader;
pub mod metrics;
pub mod names;
pub mod run;
pub mod settings;
pub mod watch;
pub mod writer;

pub use error::Error;
pub use run::run;
pub use settings::Settings;
