//! Discovery, probes, politeness, and the visits that come of them.
//!
//! This crate talks to servers and to nobody else: it knows nothing of Kubernetes, and concludes
//! nothing from what it hears.

pub mod acquaintance;
pub mod agenda;
pub mod aside;
pub mod caller;
pub mod cli;
pub mod conversation;
mod course;
pub mod discovery;
pub mod gate;
mod itinerary;
pub mod kin;
pub mod ledger;
mod listen;
pub mod objects;
pub mod origin;
pub mod outcome;
pub mod plan;
pub mod probe;
pub mod rehearsal;
pub mod sweep;
mod term;
pub mod visit;
pub mod watch;
pub mod work;
