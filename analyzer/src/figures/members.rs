//! What each server counts, and as what.

use std::collections::HashMap;

use model::Assessment;
use serde::Serialize;

use crate::{
    exposure::Bucket, features::timing::Latency, operators::Operators, server::Server, survey::Survey,
};

/// What a server counts, and as what. One that is not reachable counts nothing.
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

/// Every server as a member, in the order of the survey. `selection` has the chance of each of their hosts, in the same
/// order.
pub(super) fn members(
    survey: &Survey<'_>,
    assessments: &[Assessment],
    operators: &Operators,
    selection: &[f64],
) -> Vec<Member> {
    let mut sharers: HashMap<Bucket, u32> = HashMap::new();
    for (server, _) in survey.servers.iter().zip(assessments).filter(|(_, assessment)| assessment.reachable) {
        buckets(server).for_each(|bucket| *sharers.entry(bucket).or_default() += 1);
    }
    let mut chances = selection.iter();
    let servers = survey.servers.iter().zip(assessments).zip(&operators.of_server);
    let member = |((server, assessment), operator): ((&Server<'_>, &Assessment), &usize)| {
        let chance: f64 = chances.by_ref().take(server.hosts.len()).sum();
        let home = assessment.addresses.first();
        let counts = assessment.reachable;
        let (up, down) = server.dossiers().fold((0, 0), |(up, down), dossier| {
            (up + u64::from(dossier.uptime.up), down + u64::from(dossier.uptime.down))
        });
        let declared = server.dossiers().find_map(|dossier| dossier.identity.declared.latest());
        Member {
            server: assessment.server.clone(),
            operator: operators.names[*operator].clone(),
            system: home.and_then(|home| home.asn),
            organisation: home.and_then(|home| home.organisation.clone()),
            country: home.and_then(|home| home.country.clone()),
            software: assessment.implementation.identified.as_ref().map(|found| found.name.clone()),
            adverts: if counts { u32::try_from(server.hosts.len()).unwrap_or(u32::MAX) } else { 0 },
            buckets: if counts {
                buckets(server).map(|bucket| 1.0 / f64::from(sharers[&bucket])).sum()
            } else {
                0.0
            },
            selection: if counts { chance } else { 0.0 },
            availability: (up > 0).then(|| up as f64 / (up + down) as f64),
            latency_ms: latency(server),
            protocol: declared
                .and_then(|span| span.value.protocol.as_ref())
                .map(|[min, max]| [min.to_string(), max.to_string()]),
        }
    };
    servers.map(member).collect()
}

/// The neighbourhoods of a server's hosts, one for each host whose place is known.
fn buckets(server: &Server<'_>) -> impl Iterator<Item = Bucket> {
    let all = server.hosts.iter().map(|(host, dossier)| Bucket::of_host(host, Some(dossier)));
    all.filter(|bucket| *bucket != Bucket::Unknown)
}

/// The median latency of the quickest of its hosts.
fn latency(server: &Server<'_>) -> Option<f64> {
    let of_host = |latency: &Latency| latency.quantile(0.5).map(|median| median.as_secs_f64() * 1_000.0);
    let all = server.dossiers().filter_map(|dossier| of_host(&dossier.timing.latency));
    all.min_by(f64::total_cmp)
}
