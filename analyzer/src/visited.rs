//! What is told of a visit itself: when it went where, and how it ended. Nothing of what was said.

use electrum::{Endpoint, Network};
use jiff::Timestamp;
use model::{Outcome, Seconds, Visit, finding::Digest};
use serde::{Deserialize, Serialize};

/// What is told of a visit itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visited {
    /// By what it is found: the digest of its line.
    pub digest: Digest,
    /// The network the endpoint was listed for.
    pub network: Network,
    /// Where it went.
    pub endpoint: Endpoint,
    /// From where.
    pub vantage: Box<str>,
    /// What for, by its name in tables.
    pub purpose: Box<str>,
    /// Whether a visit for this shows what a server is like.
    pub describes: bool,
    /// When it began.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub started_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What exactly ended it.
    pub detail: Option<Box<str>>,
    /// How long it took to resolve the name.
    pub dns: Option<Seconds>,
    /// To connect.
    pub connect: Option<Seconds>,
    /// To shake hands.
    pub handshake: Option<Seconds>,
    /// To the first byte of the first answer.
    pub first_byte: Option<Seconds>,
    /// How long all of it took.
    pub total: Seconds,
    /// The version of TLS that was spoken.
    pub tls_version: Option<Box<str>>,
    /// How often something was asked.
    pub exchanges: u32,
    /// How often an answer came.
    pub answers: u32,
    /// How many messages came that answered nothing.
    pub unasked: u32,
    /// Bytes from the server.
    pub read: u64,
    /// Bytes to the server.
    pub written: u64,
    /// What the visit cost the server by our ledger.
    pub cost: f64,
}

impl Visited {
    /// What is told of a visit, whose digest is that of its line.
    #[must_use]
    pub fn of(visit: &Visit, digest: Digest) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            digest,
            network: visit.network,
            endpoint: visit.endpoint.clone(),
            vantage: visit.vantage.as_str().into(),
            purpose: visit.purpose.name().into(),
            describes: visit.purpose.describes(),
            started_at: visit.started_at,
            outcome: visit.outcome,
            detail: visit.detail.as_deref().map(Box::from),
            dns: visit.timings.dns,
            connect: visit.timings.connect,
            handshake: visit.timings.tls,
            first_byte: visit.timings.first_byte,
            total: visit.timings.total,
            tls_version: visit.tls.as_ref().and_then(|facts| Some(facts.version.as_deref()?.into())),
            exchanges: count(visit.exchanges.len()),
            answers: count(visit.exchanges.iter().filter(|exchange| exchange.answer.is_some()).count()),
            unasked: visit.unasked.count,
            read: visit.traffic.read,
            written: visit.traffic.written,
            cost: visit.cost,
        }
    }
}
