//! In how few hands the network is: the figures of concentration as the page shows them. The notebook computes them again
//! and compares every digit, by the names that cells have here.

use crate::figures::{Centralisation, Concentration, Dimension, Intervals, Weighting};

/// The figures by one weighting.
#[derive(Debug)]
pub(super) struct Weighted {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) rows: Vec<Row>,
}

/// The figures by one weighting and one dimension.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// One figure.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) shown: String,
    /// From the 5th percentile to the 95th; empty where there is none.
    pub(super) range: String,
}

/// All figures, weighting by weighting.
pub(super) fn concentration(all: &Centralisation) -> Vec<Weighted> {
    let weighted =
        |(weighting, dimensions): (&Weighting, &std::collections::BTreeMap<Dimension, Concentration>)| {
            let (name, title) = match weighting {
                Weighting::Adverts => ("adverts", "Hosts that are advertised"),
                Weighting::Buckets => ("buckets", "Neighbourhoods of addresses"),
                Weighting::Selection => ("selection", "The chance that Electrum chooses them"),
            };
            Weighted {
                name,
                title,
                rows: dimensions.iter().map(|(dimension, found)| row(*dimension, found)).collect(),
            }
        };
    all.iter().map(weighted).collect()
}

fn row(dimension: Dimension, found: &Concentration) -> Row {
    let (name, title) = match dimension {
        Dimension::Operator => ("operator", "operator"),
        Dimension::System => ("as", "autonomous system"),
        Dimension::Country => ("country", "country"),
        Dimension::Software => ("software", "software"),
    };
    let figure = &found.figure;
    let range = |of: fn(&Intervals) -> [f64; 2], digits: usize| {
        let shown =
            found.intervals.as_ref().map(of).map(|[low, high]| format!("{low:.digits$}–{high:.digits$}"));
        shown.unwrap_or_default()
    };
    let whole = |of: fn(&Intervals) -> [usize; 2]| {
        found.intervals.as_ref().map(of).map(|[low, high]| format!("{low}–{high}")).unwrap_or_default()
    };
    let cell = |name, shown, range| Cell { name, shown, range };
    let bare = |name, shown| cell(name, shown, String::new());
    let cells = vec![
        bare("holders", found.holders.to_string()),
        cell("effective", format!("{:.1}", figure.effective), range(|of| of.effective, 1)),
        cell("hhi", format!("{:.0}", figure.hhi), range(|of| of.hhi, 0)),
        cell("nakamoto_33", figure.nakamoto_33.to_string(), whole(|of| of.nakamoto_33)),
        cell("nakamoto_50", figure.nakamoto_50.to_string(), whole(|of| of.nakamoto_50)),
        cell("gini", format!("{:.3}", figure.gini), range(|of| of.gini, 3)),
        cell("entropy", format!("{:.2}", figure.entropy), range(|of| of.entropy, 2)),
        bare("largest_share", format!("{:.1} %", figure.largest_share * 100.0)),
        bare("covered", format!("{:.1} %", found.covered * 100.0)),
    ];
    Row { name, title, cells }
}
