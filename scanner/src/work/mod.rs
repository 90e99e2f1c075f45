//! One of the many workers that share a campaign: claims what is due, visits it, reports what it saw. docs/fleet.md
//! tells how they share it. Knows nothing of Kubernetes.
//!
//! ```text
//! campaign file ─► orders ─► worker ─► task (one claim) ─► Visitor ─► report, settle
//!                              │  └──► discovery (the campaign's own claim) ─► enrol
//!                              ├─► doubt: is it them or us?
//!                              └─► metrics ─► http
//! ```

pub mod cadence;
pub mod discovery;
pub mod doubt;
pub mod entry;
pub mod health;
pub mod http;
pub mod metrics;
pub mod orders;
mod persistence;
mod task;
mod telling;
mod upkeep;
pub mod worker;

pub use orders::{Orders, OrdersError};
pub use worker::Worker;
