//! What each server counts, and as what.

use serde::Serialize;

/// What a server counts, and as what. One that did not answer at its latest visit counts nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Member {
    /// What it is called by.
    pub server: String,
    /// Who runs it, as far as known: a group's id, else the first server's name.
    pub operator: String,
    /// Its autonomous system: that of its first address.
    pub system: Option<u32>,
    /// Who runs that.
    pub organisation: Option<String>,
    /// ISO 3166.
    pub country: Option<String>,
    /// The implementation that it speaks like.
    pub software: Option<String>,
    /// Hosts under which it is advertised.
    pub adverts: u32,
    /// Neighbourhoods, those that it shares in part.
    pub buckets: f64,
    /// The chance that Electrum asks it about a wallet, in a session without Tor.
    pub selection: f64,
    /// Share of the visits that found it up, from 0 to 1.
    pub availability: Option<f64>,
    /// The median time from the greeting to its answer, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Lowest and highest protocol version, as it declares; printable.
    pub protocol: Option<[String; 2]>,
}
