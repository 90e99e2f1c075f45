//! What follows from the bytes that servers sent: pure functions over visits, which look nothing up and
//! talk to nobody.

pub mod attribution;
pub mod behaviour;
pub mod capture;
pub mod dossier;
pub mod features;
mod forest;
pub mod gossip;
pub mod identify;
pub mod indicators;
pub mod mark;
pub mod reading;
pub mod server;
pub mod survey;
#[cfg(test)]
mod testing;
