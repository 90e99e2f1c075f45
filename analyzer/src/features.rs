//! What visits to one host show, one module for each kind: facts that later steps compare, and no conclusions.
//!
//! Each kind takes in one visit after the other, in the order of time, and is bounded whatever servers send. A visit
//! that broke off gives what it has. Kinds know nothing of each other, nor of other hosts.

pub mod canary;
pub mod claims;
pub mod identity;
pub mod names;
pub mod node;
pub mod place;
pub mod refusals;
pub mod software;
pub mod spans;
pub mod timing;
pub mod tls;
pub mod twins;
pub mod uptime;

/// The versions of all kinds together. Each only rises, so that this is another number whenever one of them is.
pub(crate) const VERSION: u32 = canary::VERSION
    + claims::VERSION
    + identity::VERSION
    + names::VERSION
    + node::VERSION
    + place::VERSION
    + refusals::VERSION
    + software::VERSION
    + timing::VERSION
    + tls::VERSION
    + twins::VERSION
    + uptime::VERSION;
