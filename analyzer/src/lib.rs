//! What follows from the bytes that servers sent: pure functions over visits, which look nothing up and
//! talk to nobody.

pub mod capture;
pub mod dossier;
pub mod features;
#[cfg(test)]
mod hand_made;
pub mod identify;
pub mod indicators;
pub mod proof;
pub mod reading;
pub mod server;
pub mod survey;
pub mod truth;
