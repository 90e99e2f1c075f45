//! What visits to one host show, one module for each kind: facts that later steps compare, and no conclusions.
//!
//! Each kind takes in one visit after the other, in the order of time, and is bounded whatever servers send. A visit
//! that broke off gives what it has. Kinds know nothing of each other, nor of other hosts.

pub mod claims;
pub mod twins;
