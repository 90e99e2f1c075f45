//! The files of a report folder that machines read, as text: `assessments.json`, `groups.json`, `summary.json`
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
    /// Files of the archive that are damaged, and lines that are no visits: what they held is missing here.
    pub spoilt: usize,
    /// Servers that were visited.
    pub servers: usize,
    /// Those that the latest visit that can tell found up.
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
            spoilt: 0,
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
