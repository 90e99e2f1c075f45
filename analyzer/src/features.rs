//! What visits to one host show, one module for each kind: facts that later steps compare, and no conclusions.
//!
//! Each kind has two halves. Its `Note` is what one visit shows, read from its bytes, whatever other visits showed; a visit
//! that broke off gives what it has. Its `take` adds one note after the other, in the order of time, sees nothing but notes,
//! and is bounded whatever servers send. Kinds know nothing of each other, nor of other hosts.

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
