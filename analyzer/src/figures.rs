//! The network in figures: how far it is in few hands, and what it is made of.
//!
//! Each figure follows from [`Member`]s alone, which are published beside it (docs/data.md), so that anybody may compute
//! it again.

mod concentration;
mod distributions;
mod members;

use std::collections::BTreeMap;

use model::Assessment;
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    chance::Chance,
    operators::{self, Operators},
    survey::Survey,
};
pub use concentration::{Concentration, Figure, Holder, Intervals};
pub use distributions::{Distributions, Share, SharedKey};
pub use members::Member;

/// How much a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// Once for each host under which it is advertised.
    Adverts,
    /// A neighbourhood (/16 of IPv4, /48 of IPv6, all onions) counts once, whoever shares it.
    Buckets,
    /// By the chance that Electrum chooses it to ask about a wallet.
    Selection,
}

/// By what servers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Dimension {
    /// By who runs them, as far as evidence and declarations go.
    #[serde(rename = "operator")]
    Operator,
    /// By the autonomous system that they are in.
    #[serde(rename = "as")]
    System,
    /// By country.
    #[serde(rename = "country")]
    Country,
    /// By the software that they speak like.
    #[serde(rename = "software")]
    Software,
}

/// How far the network is in few hands, by every weighting and every dimension.
pub type Centralisation = BTreeMap<Weighting, BTreeMap<Dimension, Concentration>>;

/// The network in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// What the figures are computed from, server by server, in the order of the assessments.
    pub members: Vec<Member>,
    /// How far the network is in few hands.
    pub centralisation: Centralisation,
    /// What it is made of.
    pub distributions: Distributions,
}

/// Partitions that are drawn for the intervals of a report.
pub const DRAWS: u64 = 400;

impl Figures {
    /// Those of a network. `selection` has for each host, in the order of the survey, the chance that Electrum asks it
    /// about a wallet. So many partitions are drawn for the intervals; where none is, there are none.
    #[must_use]
    pub fn of(
        survey: &Survey<'_>,
        assessments: &[Assessment],
        operators: &Operators,
        selection: &[f64],
        (draws, seed): (u64, u64),
    ) -> Self {
        let members = members::members(survey, assessments, operators, selection);
        let mut centralisation = centralisation(&members);
        let weights = |weighting: &Weighting| members.iter().map(|member| weighting.of(member)).collect();
        let weights: Vec<Vec<f64>> = centralisation.keys().map(weights).collect();
        let drawn = (0..draws).into_par_iter().map(|number| {
            let mut chance = Chance::new(seed, number);
            let labels = operators::draw(&survey.attribution, members.len(), &mut chance);
            weights.iter().map(|weights| parted(weights, &labels)).collect()
        });
        let drawn: Vec<Vec<Figure>> = drawn.collect();
        for (place, dimensions) in centralisation.values_mut().enumerate() {
            if let Some(concentration) = dimensions.get_mut(&Dimension::Operator) {
                let figures: Vec<Figure> = drawn.iter().map(|figures| figures[place]).collect();
                concentration.intervals = Intervals::of(&figures);
            }
        }
        let distributions = Distributions::of(survey, assessments, &members);
        Self { members, centralisation, distributions }
    }
}

/// How far the network is in few hands.
fn centralisation(members: &[Member]) -> Centralisation {
    let of = |weighting: Weighting, dimension: Dimension| {
        let held = members.iter().map(|member| (dimension.of(member), weighting.of(member)));
        let held: Vec<(Option<String>, f64)> = held.collect();
        (dimension, Concentration::of(held.iter().map(|(holder, weight)| (holder.as_deref(), *weight))))
    };
    let dimensions = [Dimension::Operator, Dimension::System, Dimension::Country, Dimension::Software];
    let all = [Weighting::Adverts, Weighting::Buckets, Weighting::Selection].map(|weighting| {
        (weighting, dimensions.into_iter().map(|dimension| of(weighting, dimension)).collect())
    });
    all.into()
}

/// The figures where servers are parted by labels.
fn parted(weights: &[f64], labels: &[usize]) -> Figure {
    let total: f64 = weights.iter().sum();
    let mut held = vec![0.0; weights.len()];
    if total > 0.0 {
        weights.iter().zip(labels).for_each(|(weight, label)| held[*label] += weight / total);
    }
    Figure::of(&held)
}

impl Weighting {
    /// What a server counts.
    pub(crate) fn of(self, member: &Member) -> f64 {
        match self {
            Self::Adverts => f64::from(member.adverts),
            Self::Buckets => member.buckets,
            Self::Selection => member.selection,
        }
    }
}

impl Dimension {
    fn of(self, member: &Member) -> Option<String> {
        match self {
            Self::Operator => Some(member.operator.clone()),
            Self::System => member.system.map(|number| format!("AS{number}")),
            Self::Country => member.country.clone(),
            Self::Software => member.software.clone(),
        }
    }
}
