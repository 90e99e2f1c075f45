//! The behaviours of one software, each beside each: how far apart they are, and which are alike. Who is an outlier is
//! not decided here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use linfa::traits::Transformer as _;
use linfa_clustering::Dbscan;
use linfa_nn::{LinearSearch, distance::Distance};
use ndarray::{Array2, ArrayView, Dimension};

use super::Fingerprint;

/// Servers that are a cluster.
pub const CLUSTER: usize = 3;
/// In less than which share servers of a cluster differ from a neighbour.
pub const NEAR: f64 = 0.15;

/// The fewest questions that a server must have answered.
const QUESTIONS: usize = 4;
/// Neighbours that an outlier must be far from.
const NEIGHBOURS: usize = 5;
/// Behaviours that are compared, those of most servers first: each with each.
const MOST: usize = 2_000;

/// The behaviours of one software, those of most servers first.
#[derive(Clone, Debug)]
pub struct Stratum<'f> {
    folds: Vec<Fold<'f>>,
    distances: Arc<Array2<f64>>,
}

/// A behaviour, and who shows it.
#[derive(Clone, Debug)]
pub struct Fold<'f> {
    /// The behaviour.
    pub print: &'f Fingerprint,
    /// The places of the servers among those that were given.
    pub servers: Vec<usize>,
}

impl<'f> Stratum<'f> {
    /// Folds who behaves alike and compares the behaviours, software by software. Who answered little is left out. One
    /// matrix is made at a time.
    pub fn all(prints: &'f [Option<Fingerprint>]) -> impl Iterator<Item = Self> {
        let mut strata: BTreeMap<&str, BTreeMap<&Fingerprint, Vec<usize>>> = BTreeMap::new();
        for (server, print) in prints.iter().enumerate() {
            if let Some(print) = print.as_ref().filter(|print| print.len() >= QUESTIONS) {
                strata.entry(&print.stratum).or_default().entry(print).or_default().push(server);
            }
        }
        let folded = |stratum: BTreeMap<&'f Fingerprint, Vec<usize>>| {
            stratum.into_iter().map(|(print, servers)| Fold { print, servers }).collect()
        };
        strata.into_values().map(move |stratum| Self::of(folded(stratum)))
    }

    fn of(mut folds: Vec<Fold<'f>>) -> Self {
        folds.sort_by_key(|fold| usize::MAX - fold.servers.len());
        folds.truncate(MOST);
        let mut distances = Array2::zeros((folds.len(), folds.len()));
        for (one, fold) in folds.iter().enumerate() {
            for (other, before) in folds[..one].iter().enumerate() {
                let distance = fold.print.distance(before.print);
                (distances[(one, other)], distances[(other, one)]) = (distance, distance);
            }
        }
        Self { folds, distances: Arc::new(distances) }
    }

    /// The behaviours.
    #[must_use]
    pub fn folds(&self) -> &[Fold<'f>] {
        &self.folds
    }

    /// How far each behaviour is from each, in the order of [`Self::folds`].
    #[must_use]
    pub fn distances(&self) -> &Array2<f64> {
        &self.distances
    }

    /// How many servers are compared.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.folds.iter().map(|fold| fold.servers.len()).sum()
    }

    /// What is clustered: each behaviour as often as it takes to be a cluster by itself if so many servers show it.
    #[must_use]
    pub fn points(&self) -> Vec<usize> {
        let times = |(place, fold): (usize, &Fold<'_>)| vec![place; fold.servers.len().min(CLUSTER)];
        self.folds.iter().enumerate().flat_map(times).collect()
    }

    /// The cluster of each behaviour, by DBSCAN over [`Self::points`].
    #[must_use]
    pub fn clusters(&self) -> Vec<Option<usize>> {
        let points = self.points();
        #[expect(clippy::cast_precision_loss, reason = "row numbers of a small matrix")]
        let numbers = Array2::from_shape_fn((points.len(), 1), |(row, _)| points[row] as f64);
        // The numbers name rows of the matrix, which only a linear search leaves in peace.
        let parameters = Dbscan::params_with(CLUSTER, Precomputed(Arc::clone(&self.distances)), LinearSearch);
        let Ok(found) = parameters.tolerance(NEAR).transform(&numbers) else {
            return vec![None; self.folds.len()];
        };
        let of_fold: HashMap<usize, Option<usize>> = points.into_iter().zip(found).collect();
        (0..self.folds.len()).map(|place| of_fold.get(&place).copied().flatten()).collect()
    }

    /// How far a behaviour is from the nearest servers, on average. Its own servers are the nearest.
    #[expect(clippy::cast_precision_loss, reason = "a handful of neighbours")]
    pub(super) fn isolation(&self, place: usize) -> f64 {
        let others = |(other, fold): (usize, &Fold<'_>)| {
            (self.distances[(place, other)], fold.servers.len() - usize::from(other == place))
        };
        let mut near: Vec<(f64, usize)> = self.folds.iter().enumerate().map(others).collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let nearest =
            near.into_iter().flat_map(|(distance, servers)| vec![distance; servers.min(NEIGHBOURS)]);
        nearest.take(NEIGHBOURS).sum::<f64>() / NEIGHBOURS as f64
    }
}

/// Distances that were computed already, between points that are row numbers.
#[derive(Clone, Debug)]
struct Precomputed(Arc<Array2<f64>>);

impl Distance<f64> for Precomputed {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "they were row numbers before"
    )]
    fn distance<D: Dimension>(&self, one: ArrayView<'_, f64, D>, other: ArrayView<'_, f64, D>) -> f64 {
        let row = |point: ArrayView<'_, f64, D>| point.first().map_or(0, |number| *number as usize);
        self.0[(row(one), row(other))]
    }
}
