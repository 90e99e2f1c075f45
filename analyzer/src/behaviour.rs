//! Which servers of one software behave alike, and which like nobody else.
//!
//! Servers are only compared within the software that they claim. Identical ones are folded first, so that the
//! comparison is of behaviours and not of servers. An outlier is in no cluster, and so far from its neighbours that
//! among all that are named at most one in twenty is expected to be there by chance. Few servers of a kind give no
//! verdict.

mod fingerprint;
mod outliers;
mod stratum;

use std::collections::BTreeSet;

use crate::{attribution::Attribution, server::Server};

pub use fingerprint::Fingerprint;
pub use stratum::{CLUSTER, Fold, NEAR, Stratum};

/// Rises when the same dossiers give other clusters.
pub(crate) const VERSION: u32 = 2;

/// The fewest operators with servers of a kind that give a verdict.
const FEWEST: usize = 20;
/// The share of false ones among the outliers that is put up with.
const FALSE: f64 = 0.05;

/// Which servers behave alike.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// For each server its cluster; numbers are of no meaning.
    pub clusters: Vec<Option<usize>>,
    /// For each server, whether it is an outlier.
    pub outliers: Vec<Option<Outlier>>,
}

/// A server that behaves like nobody else.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlier {
    /// The software it was compared within.
    pub stratum: Box<str>,
    /// With how many servers it was compared.
    pub compared: usize,
    /// In which share of what both were asked it differs from its nearest neighbours, on average.
    pub distance: f64,
    /// How probable so large a distance is by chance.
    pub p_value: f64,
}

impl Behaviour {
    /// Compares servers, of which some are linked.
    #[must_use]
    pub fn of(servers: &[Server<'_>], attribution: &Attribution) -> Self {
        let prints: Vec<_> = servers.iter().map(Fingerprint::of).collect();
        Self::of_fingerprints(&prints, |server| Some(attribution.group_of(server)?.id.as_str()))
    }

    fn of_fingerprints<'g>(
        prints: &[Option<Fingerprint>],
        group_of: impl Fn(usize) -> Option<&'g str>,
    ) -> Self {
        let mut this = Self { clusters: vec![None; prints.len()], outliers: vec![None; prints.len()] };
        let mut named = 0;
        let operators = |stratum: &Stratum<'_>| {
            let servers = stratum.folds().iter().flat_map(|fold| &fold.servers);
            let (linked, alone): (Vec<_>, Vec<_>) =
                servers.map(|server| group_of(*server)).partition(Option::is_some);
            linked.into_iter().collect::<BTreeSet<_>>().len() + alone.len()
        };
        for stratum in Stratum::all(prints).filter(|stratum| operators(stratum) >= FEWEST) {
            named = this.compare(&stratum, named);
        }
        this
    }

    /// Compares the servers of a stratum; clusters are numbered from `named` on. The next number is returned.
    fn compare(&mut self, stratum: &Stratum<'_>, named: usize) -> usize {
        let (folds, compared) = (stratum.folds(), stratum.servers());
        let clusters = stratum.clusters();
        let next = named + clusters.iter().flatten().max().map_or(0, |last| last + 1);
        let far: Vec<f64> = (0..folds.len()).map(|place| stratum.isolation(place)).collect();
        // Each server is a hypothesis, not each behaviour.
        let of_server: Vec<usize> =
            folds.iter().enumerate().flat_map(|(place, fold)| vec![place; fold.servers.len()]).collect();
        let p_values = outliers::p_values(&of_server.iter().map(|place| far[*place]).collect::<Vec<_>>());
        let rejected = outliers::rejected(&p_values, FALSE);
        let servers = folds.iter().flat_map(|fold| fold.servers.iter());
        for (((server, place), p_value), rejected) in servers.zip(of_server).zip(p_values).zip(rejected) {
            self.clusters[*server] = clusters[place].map(|cluster| named + cluster);
            if rejected && clusters[place].is_none() {
                let stratum = folds[place].print.stratum.clone();
                self.outliers[*server] = Some(Outlier { stratum, compared, distance: far[place], p_value });
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(stratum: &str, answers: [u8; 10]) -> Option<Fingerprint> {
        let server = Server { hosts: Vec::new() };
        assert!(Fingerprint::of(&server).is_none(), "nobody is known by nothing");
        let mut print = Fingerprint::new(stratum);
        for (question, answer) in answers.into_iter().enumerate() {
            print.add(&question.to_string(), &[answer]);
        }
        Some(print)
    }

    #[test]
    fn who_behaves_like_nobody_else_is_found_and_who_differs_a_little_is_not() {
        let mut prints = vec![print("ElectrumX", [0; 10]); 30];
        prints.push(print("ElectrumX", [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]));
        prints.push(print("ElectrumX", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        prints.extend(vec![print("ElectrumX", [2; 10]); 4]);
        let behaviour = Behaviour::of_fingerprints(&prints, |_| None);
        let outliers: Vec<usize> =
            (0..prints.len()).filter(|server| behaviour.outliers[*server].is_some()).collect();
        assert_eq!(outliers, [30]);
        let outlier = behaviour.outliers[30].as_ref().expect("an outlier");
        assert!(outlier.compared == 36 && outlier.distance > 0.5 && outlier.p_value < 0.001, "{outlier:?}");
        assert!(behaviour.clusters[0].is_some() && behaviour.clusters[32].is_some());
        assert_ne!(behaviour.clusters[0], behaviour.clusters[32]);
        assert_eq!(behaviour.clusters[0], behaviour.clusters[31]);
    }

    #[test]
    fn few_servers_give_no_verdict() {
        let mut prints = vec![print("electrs", [0; 10]); 18];
        prints.push(print("electrs", [1; 10]));
        prints.extend(vec![print("Fulcrum", [0; 10]); 30]);
        let behaviour = Behaviour::of_fingerprints(&prints, |_| None);
        assert!(behaviour.outliers.iter().all(Option::is_none));
        assert!(behaviour.clusters[0].is_none() && behaviour.clusters[25].is_some());
    }
    #[test]
    fn beside_a_fleet_nobody_is_an_outlier() {
        let mut prints = vec![print("ElectrumX", [0; 10]); 30];
        prints.push(print("ElectrumX", [1; 10]));
        let outlier = |fleet| {
            let group = move |server| (server < fleet).then_some("g-1");
            Behaviour::of_fingerprints(&prints, group).outliers[30].is_some()
        };
        assert!(outlier(12) && !outlier(13), "nineteen operators give no verdict");
    }
}
