//! Whether mixtures of normal distributions say more of latencies than I20 does, and whether they tell two machines
//! behind one name from one: `cargo run -p analyzer --example latencies -- ARCHIVE` reads deep visits and prints two
//! tables. docs/attribution.md says what came out.

#![allow(clippy::print_stdout, reason = "tables on standard output are what this is for")]

use std::collections::BTreeMap;

use analyzer::{
    attribution::Context,
    dossier::Dossier,
    identify::Knowledge,
    indicators::{Definition, catalogue},
    notes::Note,
    server::{Server, join},
    survey::{Case, Survey},
};
use anyhow::Context as _;
use electrum::{Host, Network};
use futures_util::TryStreamExt as _;
use linfa::{DatasetBase, traits::Fit as _};
use linfa_clustering::GaussianMixtureModel;
use model::{
    Archive, Visit,
    finding::{Digest, Indicator},
};
use ndarray::Array2;

/// Fewest samples of a server that are looked at.
const FEWEST: usize = 6;
/// Milliseconds by which some servers are late with what is new.
const DELAYS: [i32; 9] = [0, 5, 10, 20, 30, 40, 60, 100, 250];
/// One server in so many.
const ONE_IN: usize = 10;
/// A difference of Bayes's criterion that is taken for very strong (Kass and Raftery 1995).
const STRONG: f64 = 10.0;
/// How surely a server belongs to the slow ones.
const SURE: f64 = 0.99;

type Dossiers = BTreeMap<Host, Dossier>;

fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).context("name an archive")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (archive, knowledge) = (Archive::open(&place)?, Knowledge::embedded()?);
    let mut dossiers = Dossiers::new();
    runtime.block_on(archive.read().map_err(anyhow::Error::from).try_for_each(|visit: Visit| {
        let dossier = dossiers.entry(visit.endpoint.host.clone()).or_default();
        dossier.take(&Note::of(&visit, Digest::of_bytes(&[]), &knowledge));
        std::future::ready(Ok(()))
    }))?;
    late_with_what_is_new(&dossiers, &knowledge)?;
    machines_behind_one_name(&dossiers);
    Ok(())
}

/// One server in ten is made late with scripts that are new; who is late anyhow is left out. I20 looks at each server; the mixture is fitted to what all
/// servers take longer, in the middle, and accuses those of the higher mean.
fn late_with_what_is_new(all: &Dossiers, knowledge: &Knowledge) -> anyhow::Result<()> {
    let rule: &Definition =
        catalogue().find(|one| one.indicator == Indicator::new(20)).context("the indicator I20")?;
    let as_it_is = surveyed(all, knowledge);
    let accused = |place: &usize| rule.finding(&Case { survey: &as_it_is, place: *place }).is_some();
    let late: Vec<&Host> = (0..as_it_is.servers.len())
        .filter(accused)
        .flat_map(|place| as_it_is.servers[place].hosts.iter().map(|(host, _)| *host))
        .collect();
    let measured = |dossier: &Dossier| dossier.timing.unseen.millis.len() >= FEWEST;
    let is_honest = |(host, dossier): &(&Host, &Dossier)| !late.contains(host) && measured(dossier);
    let honest: Dossiers =
        all.iter().filter(is_honest).map(|(host, dossier)| (host.clone(), dossier.clone())).collect();
    println!(
        "| ms late | late | I20: right | wrong | mixture: right | wrong |\n|---:|---:|---:|---:|---:|---:|"
    );
    for delay in DELAYS {
        let mut dossiers = honest.clone();
        for dossier in dossiers.values_mut().step_by(ONE_IN) {
            dossier.timing.unseen.millis.iter_mut().for_each(|millis| *millis += delay);
        }
        let late = |host: &Host| dossiers[host].timing.unseen != honest[host].timing.unseen;
        let survey = surveyed(&dossiers, knowledge);
        let is_late = |server: &Server<'_>| server.hosts.iter().any(|(host, _)| late(host));
        let all: Vec<(bool, bool, f64)> = (0..survey.servers.len())
            .filter_map(|place| {
                let case = Case { survey: &survey, place };
                let lags =
                    case.server().dossiers().filter_map(|dossier| dossier.timing.unseen.median()).max()?;
                Some((is_late(case.server()), rule.finding(&case).is_some(), f64::from(lags)))
            })
            .collect();
        let lags: Vec<f64> = all.iter().map(|(.., lag)| *lag).collect();
        let slow = Mixture::fit(&lags, 2).filter(|two| two.is_better_than_one(&lags));
        let count = |late: bool, accused: &dyn Fn(&(bool, bool, f64)) -> bool| {
            all.iter().filter(|one| one.0 == late && accused(one)).count()
        };
        let by_rule = |one: &(bool, bool, f64)| one.1;
        let by_mixture =
            |one: &(bool, bool, f64)| slow.as_ref().is_some_and(|two| two.of_the_highest(one.2) > SURE);
        println!(
            "| {delay} | {} of {} | {} | {} | {} | {} |",
            count(true, &|_| true),
            all.len(),
            count(true, &by_rule),
            count(false, &by_rule),
            count(true, &by_mixture),
            count(false, &by_mixture)
        );
    }
    Ok(())
}

fn surveyed<'d>(dossiers: &'d Dossiers, knowledge: &Knowledge) -> Survey<'d> {
    let context = Context { previous: &[], system: &|_| None };
    Survey::of(Network::Regtest, join(dossiers), knowledge, &context)
}

/// For how many hosts two normal distributions explain the logarithms of the greeting's latencies much better than one;
/// and for how many made-up ones, which answer from two machines in turn.
fn machines_behind_one_name(dossiers: &Dossiers) {
    let logs: Vec<Vec<f64>> = dossiers
        .values()
        .map(|dossier| dossier.timing.greeting.millis.iter().map(|ms| f64::from(*ms).max(1.0).ln()).collect())
        .filter(|logs: &Vec<f64>| logs.len() >= 4 * FEWEST)
        .collect();
    let two = |logs: &[f64]| Mixture::fit(logs, 2).is_some_and(|two| two.is_better_than_one(logs));
    let single = logs.iter().filter(|logs| two(logs)).count();
    println!("\none machine: taken for two {single} of {}", logs.len());
    for apart in [1, 3] {
        let pairs = logs.iter().zip(logs.iter().cycle().skip(apart));
        let mixed =
            pairs.map(|(one, other)| one.iter().step_by(2).chain(other.iter().step_by(2)).copied().collect());
        let found = mixed.filter(|mixed: &Vec<f64>| two(mixed)).count();
        println!("two machines: taken for two {found} of {}", logs.len());
    }
}

/// Normal distributions in one dimension: the share of each, its mean, its variance.
struct Mixture(Vec<[f64; 3]>);

impl Mixture {
    /// None where it does not converge.
    fn fit(values: &[f64], components: usize) -> Option<Self> {
        let points = Array2::from_shape_vec((values.len(), 1), values.to_vec()).ok()?;
        // What is measured in milliseconds is no better known than to one.
        let parameters = GaussianMixtureModel::params(components).reg_covariance(1e-4);
        let model = parameters.fit(&DatasetBase::from(points)).ok()?;
        let each = model.weights().iter().zip(model.means()).zip(model.covariances());
        Some(Self(each.map(|((weight, mean), variance)| [*weight, *mean, *variance]).collect()))
    }

    fn densities(&self, value: f64) -> impl Iterator<Item = f64> {
        self.0.iter().map(move |[weight, mean, variance]| {
            let exponent = -(value - mean).powi(2) / (2.0 * variance);
            weight * exponent.exp() / (std::f64::consts::TAU * variance).sqrt()
        })
    }

    /// Bayes's criterion: the less, the better.
    fn criterion(&self, values: &[f64]) -> f64 {
        let likelihood: f64 =
            values.iter().map(|value| self.densities(*value).sum::<f64>().max(f64::MIN_POSITIVE).ln()).sum();
        (3 * self.0.len() - 1) as f64 * (values.len() as f64).ln() - 2.0 * likelihood
    }

    fn is_better_than_one(&self, values: &[f64]) -> bool {
        Self::fit(values, 1).is_some_and(|one| one.criterion(values) - self.criterion(values) > STRONG)
    }

    /// How probable it is that a value belongs to the distribution of the highest mean.
    fn of_the_highest(&self, value: f64) -> f64 {
        let highest = self.0.iter().enumerate().max_by(|one, other| one.1[1].total_cmp(&other.1[1]));
        let densities: Vec<f64> = self.densities(value).collect();
        highest.map_or(0.0, |(place, _)| densities[place] / densities.iter().sum::<f64>())
    }
}
