//! Visits to Electrum servers, and what comes before them.
//!
//! Discovery, probes, politeness, the work schedule and the fleet worker. This crate faces hostile
//! servers: it knows nothing of Kubernetes and draws no conclusions from what it sees.

pub mod discovery;
