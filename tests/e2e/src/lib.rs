//! The parts of a real observatory, on this machine: a network whose truth is known, a Redis, a cluster with an operator.
//! Everything runs as a process of its own, from the programs as they were built, and ends with the test. It decides
//! nothing about what is right: that is for the tests.

pub mod monitor;
pub mod net;
pub mod permissions;
pub mod process;
pub mod site;
pub mod store;

pub use self::{net::Net, site::Site, store::Store};
