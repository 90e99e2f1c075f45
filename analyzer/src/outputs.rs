//! The files of a report folder, as text: `assessments.json`, `groups.json`, `summary.json`, `servers.csv`
//! (docs/data.md). Nothing is written here.

use std::collections::BTreeMap;

use electrum::Network;
use jiff::Timestamp;
use model::{
    Assessment,
    assessment::{Group, Level},
};
use serde::Serialize;

use crate::{
    exposure::Exposure,
    figures::{Centralisation, Distributions, Figures},
};

/// The network in a few figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The network.
    pub network: Network,
    /// When the latest visit began that this rests on.
    pub generated_at: Option<Timestamp>,
    /// Servers that were visited.
    pub servers: usize,
    /// Those that answered when they were last visited.
    pub reachable: usize,
    /// How many speak like which implementation; "unknown" where none is named.
    pub implementations: BTreeMap<String, usize>,
    /// How many are in which band.
    pub levels: BTreeMap<Level, usize>,
    /// Groups of servers that the evidence links.
    pub groups: usize,
    /// How far the network is in few hands.
    pub centralisation: Centralisation,
    /// What it is made of.
    pub distributions: Distributions,
    /// What wallets give away by the way they choose servers.
    pub exposure: Exposure,
}

impl Summary {
    /// The figures of some assessments.
    #[must_use]
    pub fn of(
        network: Network,
        generated_at: Option<Timestamp>,
        assessments: &[Assessment],
        groups: &[Group],
        figures: &Figures,
        exposure: &Exposure,
    ) -> Self {
        let (mut implementations, mut levels) = (BTreeMap::new(), BTreeMap::new());
        for assessment in assessments {
            let identified = assessment.implementation.identified.as_ref();
            let name = identified.map_or_else(|| "unknown".to_owned(), |found| found.name.clone());
            *implementations.entry(name).or_default() += 1;
            *levels.entry(assessment.level).or_default() += 1;
        }
        Self {
            network,
            generated_at,
            servers: assessments.len(),
            reachable: assessments.iter().filter(|assessment| assessment.reachable).count(),
            implementations,
            levels,
            groups: groups.len(),
            centralisation: figures.centralisation.clone(),
            distributions: figures.distributions.clone(),
            exposure: exposure.clone(),
        }
    }
}

/// A list with one element a line, so that two runs can be compared line by line.
///
/// # Errors
/// None in practice.
pub fn list<T: Serialize>(elements: &[T]) -> Result<String, serde_json::Error> {
    let lines: Vec<String> = elements.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// A line of `servers.csv`.
#[derive(Serialize)]
struct Row<'a> {
    server: &'a str,
    reachable: bool,
    claimed: Option<&'a str>,
    identified: Option<&'a str>,
    confidence: f64,
    level: Level,
    score: u8,
    indicators: String,
    group: Option<&'a str>,
    endpoints: String,
    addresses: String,
    asn: Option<u32>,
    organisation: Option<&'a str>,
    country: Option<&'a str>,
    spki_sha256: Option<&'a str>,
    visits: u64,
}

/// `servers.csv`.
///
/// # Errors
/// None in practice.
pub fn csv(assessments: &[Assessment]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for assessment in assessments {
        let joined = |words: Vec<String>| words.join(" ");
        let first = assessment.addresses.first();
        writer.serialize(Row {
            server: &assessment.server,
            reachable: assessment.reachable,
            claimed: assessment.implementation.claimed.as_deref(),
            identified: assessment.implementation.identified.as_ref().map(|found| found.name.as_str()),
            confidence: assessment.implementation.confidence,
            level: assessment.level,
            score: assessment.score,
            indicators: joined(assessment.findings.iter().map(|found| found.indicator.to_string()).collect()),
            group: assessment.group.as_ref().map(|group| group.id.as_str()),
            endpoints: joined(assessment.endpoints.iter().map(ToString::to_string).collect()),
            addresses: joined(assessment.addresses.iter().map(|address| address.ip.to_string()).collect()),
            asn: first.and_then(|address| address.asn),
            organisation: first.and_then(|address| address.organisation.as_deref()),
            country: first.and_then(|address| address.country.as_deref()),
            spki_sha256: assessment.tls.as_ref().map(|tls| tls.spki_sha256.as_str()),
            visits: assessment.visits,
        })?;
    }
    writer.into_inner().map_err(|e| csv::Error::from(std::io::Error::other(e.to_string())))
}
