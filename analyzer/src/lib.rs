//! What follows from the bytes that servers sent: pure functions over visits, which look nothing up and
//! talk to nobody.

pub mod analysis;
pub mod assess;
pub mod attribution;
pub mod behaviour;
pub mod capture;
mod chance;
pub mod collect;
pub mod dossier;
pub mod exposure;
pub mod features;
pub mod figures;
mod forest;
pub mod gossip;
pub mod identify;
pub mod indicators;
pub mod mark;
pub mod measures;
pub mod operators;
pub mod outputs;
pub mod proof;
pub mod reading;
pub mod report;
pub mod server;
pub mod signs;
pub mod software;
pub mod survey;
pub mod tables;
pub mod truth;

#[cfg(test)]
mod hand_made;
#[cfg(test)]
mod testing;
