//! What the network is made of.

use serde::Serialize;

/// What the network is made of. Every list is of servers that answered at their latest visit, the largest share first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Distributions {
    /// Implementations that they speak like.
    pub software: Vec<Share>,
    /// What they call themselves, version and all; printable.
    pub versions: Vec<Share>,
    /// Countries of their first address.
    pub countries: Vec<Share>,
    /// Autonomous systems of their first address: `AS16509 Amazon`.
    pub systems: Vec<Share>,
    /// Highest protocol version that they declare; printable.
    pub protocols: Vec<Share>,
    /// Versions of TLS.
    pub tls_versions: Vec<Share>,
    /// Transports at which they answered; a server may have several.
    pub transports: Vec<Share>,
    /// Shares of visits that found them up, in classes from the lowest to the highest.
    pub uptime: Vec<Share>,
    /// Certificate keys that several servers hold, those of most servers first.
    pub shared_keys: Vec<SharedKey>,
}

/// How many servers have a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The value; `unknown` where it is not known.
    pub value: String,
    /// Servers that have it.
    pub servers: usize,
    /// Share of all that answered, from 0 to 1.
    pub share: f64,
}

/// A certificate key that several servers hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SharedKey {
    /// SHA-256 of the key, in hex.
    pub spki_sha256: String,
    /// Who holds it.
    pub servers: Vec<String>,
}
