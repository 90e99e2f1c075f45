//! What the network is made of.

use std::collections::{BTreeMap, BTreeSet};

use electrum::text::printable;
use model::Assessment;
use serde::Serialize;

use super::Member;
use crate::{server::Server, survey::Survey};

/// Where it is not known.
const UNKNOWN: &str = "unknown";
/// Longest value, in characters.
const MAX_TEXT: usize = 80;

/// What the network is made of. Every list is of servers that are reachable, the largest share first.
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
    /// Share of all that are reachable, from 0 to 1.
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

impl Distributions {
    /// Of the servers that are reachable.
    pub(super) fn of(survey: &Survey<'_>, assessments: &[Assessment], members: &[Member]) -> Self {
        let all = survey.servers.iter().zip(assessments).zip(members);
        let all: Vec<(&Server<'_>, &Assessment, &Member)> = all
            .map(|((server, assessment), member)| (server, assessment, member))
            .filter(|(_, assessment, _)| assessment.reachable)
            .collect();
        let of = |value: &dyn Fn(&Assessment, &Member) -> Option<String>| {
            let values = all.iter().map(|(_, assessment, member)| value(assessment, member));
            let values = values
                .map(|value| value.map_or_else(|| UNKNOWN.to_owned(), |text| printable(&text, MAX_TEXT)));
            by_size(shares(values, all.len()))
        };
        let transports = all.iter().flat_map(|(server, ..)| {
            let answered = server.dossiers().flat_map(|dossier| &dossier.place.answered);
            answered.map(|(transport, _)| transport.to_string()).collect::<BTreeSet<_>>()
        });
        let classes = all.iter().map(|(_, _, member)| class(member.availability).to_owned());
        Self {
            software: of(&|_, member| member.software.clone()),
            versions: of(&|assessment, _| assessment.implementation.claimed.clone()),
            countries: of(&|_, member| member.country.clone()),
            systems: of(&|_, member| {
                let name = member.organisation.as_deref().unwrap_or_default();
                member.system.map(|number| format!("AS{number} {name}").trim_end().to_owned())
            }),
            protocols: of(&|_, member| member.protocol.as_ref().map(|[_, highest]| highest.clone())),
            tls_versions: of(&|assessment, _| assessment.tls.as_ref().and_then(|tls| tls.version.clone())),
            transports: by_size(shares(transports, all.len())),
            uptime: in_classes(shares(classes, all.len())),
            shared_keys: shared_keys(&all),
        }
    }
}

fn shares(values: impl Iterator<Item = String>, all: usize) -> Vec<Share> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let share = |(value, servers)| Share { value, servers, share: servers as f64 / all as f64 };
    counts.into_iter().map(share).collect()
}

/// Shares of equal size stay in the order of their values.
fn by_size(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by_key(|share| std::cmp::Reverse(share.servers));
    shares
}

/// Classes of uptime, from the lowest to the highest.
const CLASSES: [(f64, &str); 5] = [
    (0.5, "below 50 %"),
    (0.9, "50 to 90 %"),
    (0.99, "90 to 99 %"),
    (1.0, "99 to 100 %"),
    (f64::INFINITY, "always"),
];

fn class(availability: Option<f64>) -> &'static str {
    let class = |share: f64| CLASSES.iter().find(|(below, _)| share < *below).map(|(_, name)| *name);
    availability.and_then(class).unwrap_or(UNKNOWN)
}

fn in_classes(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by_key(|share| {
        CLASSES.iter().position(|(_, name)| *name == share.value).unwrap_or(CLASSES.len())
    });
    shares
}

fn shared_keys(all: &[(&Server<'_>, &Assessment, &Member)]) -> Vec<SharedKey> {
    let mut holders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, assessment, _) in all {
        if let Some(tls) = &assessment.tls {
            holders.entry(&tls.spki_sha256).or_default().push(assessment.server.clone());
        }
    }
    let shared = holders.into_iter().filter(|(_, servers)| servers.len() > 1);
    let mut keys: Vec<SharedKey> =
        shared.map(|(key, servers)| SharedKey { spki_sha256: key.to_owned(), servers }).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.servers.len()));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_in_classes_from_the_lowest() {
        let found = [Some(1.0), Some(0.4), Some(0.995), None, Some(1.0)].map(|share| class(share).to_owned());
        let found = in_classes(shares(found.into_iter(), 5));
        let found: Vec<(&str, usize)> = found.iter().map(|share| (&*share.value, share.servers)).collect();
        assert_eq!(found, [("below 50 %", 1), ("99 to 100 %", 1), ("always", 2), (UNKNOWN, 1)]);
    }

    #[test]
    fn the_largest_share_comes_first() {
        let values = ["b", "a", "c", "c"].map(str::to_owned);
        let found: Vec<String> =
            by_size(shares(values.into_iter(), 4)).into_iter().map(|share| share.value).collect();
        assert_eq!(found, ["c", "a", "b"]);
    }
}
