//! A labelled network of Electrum servers whose truth is known, so that claims of detection can be measured.
//!
//! Everything here is a pure function of a seed and of [`SimTime`]: no clock, no randomness of the machine's. This
//! crate knows nothing of how servers are scanned or judged.

pub mod behaviour;
pub mod chain;
pub mod chance;
pub mod grammar;
pub mod hostile;
pub mod node;
pub mod scenario;
pub mod serve;
pub mod time;
pub mod world;

pub use time::SimTime;
