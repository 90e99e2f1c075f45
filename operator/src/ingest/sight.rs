//! What one visit shows of a server, as a status has it. Pure; nothing here compares or decides.

use std::collections::BTreeSet;
use std::net::IpAddr;

use analyzer::identify::{Knowledge, identify};
use crds::{
    Text,
    server::{Features, Identified, Port, Protocol, Tip, Tls},
};
use electrum::{message::Answer, tls};
use fleet::visits::Delivered;
use jiff::Timestamp;
use model::{Outcome, Purpose, Seconds, Visit, facts::Facts};
use serde::Deserialize;

use crate::names::PERSONS;

/// What one visit shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub vantage: String,
    /// Where it was visited.
    pub port: Port,
    /// How that ended.
    pub outcome: Outcome,
    /// Whether it counts as up by that; none where it says nothing about it.
    pub up: Option<bool>,
    /// Whether the worker took its own network to be broken.
    pub doubtful: bool,
    /// Whether a person or a list of a person's named the server, and not only other servers.
    pub named: bool,
    /// Where its name led.
    pub addresses: BTreeSet<IpAddr>,
    /// What it calls itself.
    pub claimed: Option<Text<60>>,
    /// What it speaks like, and how sure that is; only from visits that ask much, and from the first that it answers.
    pub identified: Option<(Identified, f64)>,
    /// The versions of the protocol that it says it speaks.
    pub protocol: Option<Protocol>,
    /// What it shows when it shakes hands.
    pub tls: Option<Tls>,
    /// The block that it said is the newest.
    pub tip: Option<Tip>,
    /// What it says of itself.
    pub features: Option<Features>,
    /// How long it took to answer, in milliseconds.
    pub latency: Option<u32>,
}

impl Sight {
    /// What a visit shows. `unknown` says that its software is not known yet: then any visit is asked for that.
    #[must_use]
    pub fn of(delivered: &Delivered, knowledge: &Knowledge, unknown: bool) -> Self {
        let visit = &delivered.visit;
        let describes = visit.purpose.describes();
        let facts = if describes { Facts::of(visit) } else { Facts::default() };
        let asks = visit.purpose == Purpose::Deep || (unknown && describes);
        let answered = visit.exchanges.iter().any(|exchange| exchange.answer.is_some());
        let identified = (asks && answered).then(|| identify(knowledge, [visit])).flatten();
        Self {
            at: visit.started_at,
            vantage: visit.vantage.clone(),
            port: Port { port: visit.endpoint.port.get(), transport: visit.endpoint.transport },
            outcome: visit.outcome,
            up: delivered.up,
            doubtful: delivered.doubtful,
            named: visit.learnt_from.iter().any(|teller| names(teller)),
            addresses: visit
                .resolution
                .addresses
                .iter()
                .copied()
                .chain(visit.peer.map(|peer| peer.ip()))
                .collect(),
            claimed: facts.software.as_deref().map(Text::new),
            identified: identified.map(|found| (published(&found.range()), found.confidence)),
            protocol: facts
                .protocol
                .map(|[min, max]| Protocol { min: Text::new(&min), max: Text::new(&max) }),
            tls: if describes { certificate(visit) } else { None },
            tip: facts.tip.map(|tip| Tip { height: tip.height.into(), hash: Some(tip.hash) }),
            features: if describes { features(visit) } else { None },
            latency: facts.latency.map(millis),
        }
    }
}

/// Whether it is a person who told of a server. Of those that persons made it is their object that does, as long as it is
/// there.
fn names(teller: &str) -> bool {
    !teller.starts_with("peer:") && teller.strip_prefix("seeds:") != Some(PERSONS)
}

fn published(range: &model::assessment::VersionRange) -> Identified {
    Identified { name: range.name.clone(), min: range.min.clone(), max: range.max.clone() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a visit lasts seconds, and none is negative"
)]
fn millis(latency: Seconds) -> u32 {
    latency.as_millis().round() as u32
}

/// Its certificate, where it proved to hold the key.
fn certificate(visit: &Visit) -> Option<Tls> {
    let leaf = visit.tls.as_ref().filter(|facts| facts.key_proven)?.chain.first()?;
    let leaf = tls::describe(leaf.as_ref()).ok()?;
    Some(Tls {
        subject: Text::new(&leaf.subject),
        issuer: Text::new(&leaf.issuer),
        spki_sha256: leaf.spki_sha256.parse().ok()?,
        not_before: leaf.not_before,
        not_after: leaf.not_after,
        self_signed: leaf.self_signed,
    })
}

/// What a server says of itself (M1). Each member by itself: what one lacks or misspells hides no other.
fn features(visit: &Visit) -> Option<Features> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        genesis_hash: serde_json::Value,
        #[serde(default)]
        hash_function: serde_json::Value,
        #[serde(default)]
        pruning: serde_json::Value,
        #[serde(default)]
        hosts: serde_json::Value,
    }
    let exchange = visit.exchanges.iter().find(|exchange| &*exchange.probe == "M1")?;
    let said: Said = Answer::read(exchange.answer.as_ref()?.response.bytes())?.result()?;
    Some(Features {
        genesis_hash: said.genesis_hash.as_str().map(Text::new),
        hash_function: said.hash_function.as_str().map(Text::new),
        pruning: said.pruning.as_i64(),
        hosts: said.hosts.as_object().map_or(0, |hosts| i32::try_from(hosts.len()).unwrap_or(i32::MAX)),
    })
}
