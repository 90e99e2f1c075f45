//! What follows from the bytes that servers sent: pure functions over visits, which look nothing up and
//! talk to nobody. [`basis`] and [`folder`] read archives and write reports for whoever analyses; [`run`] is the program
//! that does so in a cluster, and the only part that knows of Redis and of Kubernetes.

pub mod analysis;
pub mod assess;
pub mod attribution;
pub mod basis;
pub mod behaviour;
pub mod capture;
mod chance;
pub mod collect;
pub mod dossier;
pub mod exposure;
pub mod features;
pub mod figures;
pub mod folder;
mod forest;
pub mod gossip;
pub mod identify;
pub mod indicators;
pub mod mark;
pub mod measures;
pub mod notes;
pub mod operators;
pub mod outputs;
pub mod proof;
pub mod reading;
pub mod report;
#[cfg(feature = "run")]
pub mod run;
pub mod server;
pub mod signs;
pub mod software;
pub mod survey;
pub mod tables;
pub mod text;
pub mod truth;
pub mod visited;

#[cfg(test)]
mod hand_made;
#[cfg(test)]
mod testing;
