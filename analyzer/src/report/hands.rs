//! In how few hands the network is: the figures of concentration as the page shows them. The notebook computes them again
//! and compares every digit, by the names that cells have here.

use crate::figures::{Centralisation, Concentration, Dimension, Weighting};

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
    let cell = |name, shown| Cell { name, shown, range: String::new() };
    let mut cells = vec![
        cell("holders", found.holders.to_string()),
        cell("effective", format!("{:.1}", figure.effective)),
        cell("hhi", format!("{:.0}", figure.hhi)),
        cell("nakamoto_33", figure.nakamoto_33.to_string()),
        cell("nakamoto_50", figure.nakamoto_50.to_string()),
        cell("gini", format!("{:.3}", figure.gini)),
        cell("entropy", format!("{:.2}", figure.entropy)),
        cell("largest_share", format!("{:.1} %", figure.largest_share * 100.0)),
        cell("covered", format!("{:.1} %", found.covered * 100.0)),
    ];
    if let Some(intervals) = &found.intervals {
        let range = |[low, high]: [f64; 2], digits| format!("{low:.digits$}–{high:.digits$}");
        let whole = |[low, high]: [usize; 2]| format!("{low}–{high}");
        let ranges = [
            String::new(),
            range(intervals.effective, 1),
            range(intervals.hhi, 0),
            whole(intervals.nakamoto_33),
            whole(intervals.nakamoto_50),
            range(intervals.gini, 3),
            range(intervals.entropy, 2),
        ];
        for (cell, range) in cells.iter_mut().zip(ranges) {
            cell.range = range;
        }
    }
    Row { name, title, cells }
}
