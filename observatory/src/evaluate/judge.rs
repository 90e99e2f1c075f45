//! What was concluded, beside what is true. Pure.

use std::collections::{BTreeMap, BTreeSet};

use analyzer::analysis::Analysis;
use model::{Assessment, finding::Tier};
use serde::{Deserialize, Serialize};
use simulator::{scenario::Scenario, world::Truth};

/// So many servers of one operator are a fleet, which is held against it (I33).
const FLEET: usize = 5;
/// So many in a hundred links must be right.
const RIGHT_LINKS: usize = 98;
/// False findings that are told of word by word.
const MOST_TOLD: usize = 5;

/// How the conclusions of some runs compare with the truth.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    /// Runs.
    pub(super) runs: usize,
    /// Those that came to no end.
    pub(super) failed: usize,
    /// Servers of all runs.
    pub(super) servers: usize,
    /// For each indicator that must fire: how often it did, of how many times.
    pub(super) needed: BTreeMap<String, Share>,
    /// Honest servers of all runs.
    pub(super) honest: usize,
    /// Findings against the honest, by tier; and indicators that must not fire for anybody in the scenario.
    pub(super) soft: usize,
    pub(super) medium: usize,
    pub(super) hard: usize,
    pub(super) forbidden: usize,
    /// The first of them, in words.
    pub(super) told: Vec<String>,
    /// Pairs of servers.
    pub(super) pairs: usize,
    /// Pairs of servers of one operator: how many are in one group.
    pub(super) linked: Share,
    /// Pairs in one group: how many are of one operator.
    pub(super) rightly: Share,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) of: usize,
    pub(super) found: usize,
}

impl Share {
    fn count(&mut self, found: bool) {
        self.of += 1;
        self.found += usize::from(found);
    }

    fn add(&mut self, other: Self) {
        self.of += other.of;
        self.found += other.found;
    }

    pub(super) fn is_all(self) -> bool {
        self.found == self.of
    }
}

impl Verdict {
    /// Of a run that came to no end.
    pub(super) fn failed(seed: u64, error: &anyhow::Error) -> Self {
        Self { runs: 1, failed: 1, told: vec![format!("seed {seed}: no end: {error:#}")], ..Self::default() }
    }

    /// Takes in another run.
    pub(super) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.servers += other.servers;
        for (indicator, share) in other.needed {
            self.needed.entry(indicator).or_default().add(share);
        }
        self.honest += other.honest;
        self.soft += other.soft;
        self.medium += other.medium;
        self.hard += other.hard;
        self.forbidden += other.forbidden;
        self.told.extend(other.told);
        self.told.truncate(MOST_TOLD);
        self.pairs += other.pairs;
        self.linked.add(other.linked);
        self.rightly.add(other.rightly);
    }

    /// Whether everything that must be found was, and nothing weighty against the honest.
    pub(super) fn is_right(&self) -> bool {
        self.failed == 0
            && self.needed.values().all(|share| share.is_all())
            && self.medium + self.hard + self.forbidden == 0
    }
}

impl Verdict {
    /// How well groups and operators agree: the adjusted Rand index, over the pairs of all runs. 1 where every pair is as it
    /// should be, 0 where it is as chance would have it; none where nobody has two servers and nobody is linked.
    ///
    /// Source: Hubert and Arabie, Comparing partitions, 1985.
    pub(super) fn rand_index(&self) -> Option<f64> {
        let [all, same, linked, both] =
            [self.pairs, self.linked.of, self.rightly.of, self.rightly.found].map(|pairs| pairs as f64);
        let (by_chance, at_most) = (same * linked / all, f64::midpoint(same, linked));
        (at_most > 0.0)
            .then(|| if both == at_most { 1.0 } else { (both - by_chance) / (at_most - by_chance) })
    }
}

/// Whether links are right, of all scenarios together: a probability of .95 lets one be wrong here and there.
pub(super) fn links_are_right<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> bool {
    let mut rightly = Share::default();
    verdicts.into_iter().for_each(|verdict| rightly.add(verdict.rightly));
    rightly.found * 100 >= rightly.of * RIGHT_LINKS
}

/// Compares.
pub(super) fn judge(scenario: &Scenario, seed: u64, truths: &[Truth], analysis: &Analysis) -> Verdict {
    let mut verdict = Verdict { runs: 1, servers: truths.len(), ..Verdict::default() };
    let covered: Vec<Vec<usize>> =
        analysis.assessments.iter().map(|assessment| covered(assessment, truths)).collect();
    let mut fleets: BTreeMap<&str, usize> = BTreeMap::new();
    for truth in truths {
        *fleets.entry(&truth.operator).or_default() += 1;
    }
    for (number, truth) in truths.iter().enumerate() {
        let about = || analysis.assessments.iter().zip(&covered).filter(|(_, who)| who.contains(&number));
        for indicator in &truth.expected {
            let fired = |assessment: &Assessment| {
                assessment.findings.iter().any(|finding| finding.indicator.to_string() == *indicator)
            };
            let found = about().any(|(assessment, _)| fired(assessment));
            verdict.needed.entry(indicator.clone()).or_default().count(found);
            if !found {
                verdict.tell(format!(
                    "seed {seed}: {indicator} was not found of {} ({})",
                    truth.server, truth.group
                ));
            }
        }
        verdict.honest += usize::from(truth.is_honest());
    }
    for (assessment, who) in analysis.assessments.iter().zip(&covered) {
        let honest = who.iter().all(|number| truths[*number].is_honest());
        let fleet = who.iter().any(|number| fleets[truths[*number].operator.as_str()] >= FLEET);
        for finding in &assessment.findings {
            let indicator = finding.indicator.to_string();
            let forbidden = scenario.must_not_fire.contains(&indicator);
            // That a fleet is one is true, and no lie of anybody.
            let is_false = honest && !(fleet && indicator == "I33");
            verdict.forbidden += usize::from(forbidden);
            match finding.tier {
                Tier::Soft => verdict.soft += usize::from(is_false),
                Tier::Medium => verdict.medium += usize::from(is_false),
                Tier::Hard => verdict.hard += usize::from(is_false),
            }
            if forbidden || (is_false && finding.tier > Tier::Soft) {
                verdict.tell(format!(
                    "seed {seed}: {indicator} of {}: {}",
                    assessment.server, finding.statement
                ));
            }
        }
    }
    verdict.compare_groups(seed, truths, analysis, &covered);
    verdict
}

impl Verdict {
    fn tell(&mut self, words: String) {
        if self.told.len() < MOST_TOLD {
            self.told.push(words);
        }
    }

    fn compare_groups(&mut self, seed: u64, truths: &[Truth], analysis: &Analysis, covered: &[Vec<usize>]) {
        let operators: Vec<BTreeSet<&str>> = covered
            .iter()
            .map(|who| who.iter().map(|number| truths[*number].operator.as_str()).collect())
            .collect();
        let group = |place: usize| analysis.assessments[place].group.as_ref().map(|group| &group.id);
        let mut mixed = BTreeSet::new();
        for one in 0..operators.len() {
            for other in 0..one {
                let same = !operators[one].is_disjoint(&operators[other]);
                let linked = group(one).is_some() && group(one) == group(other);
                self.pairs += 1;
                if same {
                    self.linked.count(linked);
                }
                if linked {
                    self.rightly.count(same);
                    mixed.extend(group(one).filter(|_| !same));
                }
            }
        }
        for group in analysis.groups.iter().filter(|group| mixed.contains(&group.id)) {
            let members: Vec<&str> = group.members.iter().take(MOST_TOLD).map(String::as_str).collect();
            let rests_on =
                group.evidence.iter().map(|evidence| format!("{} {:.1}", evidence.kind, evidence.log10_lr));
            self.tell(format!(
                "seed {seed}: {} servers of several operators are one group, by {}: {}",
                group.members.len(),
                rests_on.collect::<Vec<_>>().join(", "),
                members.join(", "),
            ));
        }
    }
}

/// The servers that an assessment is about.
fn covered(assessment: &Assessment, truths: &[Truth]) -> Vec<usize> {
    let hosts: BTreeSet<String> =
        assessment.endpoints.iter().map(|endpoint| endpoint.host.to_string()).collect();
    let addresses: BTreeSet<String> =
        assessment.addresses.iter().map(|address| address.ip.to_string()).collect();
    let is_about = |truth: &Truth| {
        truth.hosts.iter().any(|host| hosts.contains(host))
            || truth.addresses.iter().any(|address| {
                let address = address.to_string();
                hosts.contains(&address) || addresses.contains(&address)
            })
    };
    (0..truths.len()).filter(|number| is_about(&truths[*number])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_that_is_wrong_is_enough() {
        let share = |found, of| Share { of, found };
        let needed =
            |found| BTreeMap::from([("I1".to_owned(), share(4, 4)), ("I2".to_owned(), share(found, 4))]);
        let right = || Verdict { runs: 4, soft: 9, needed: needed(4), ..Verdict::default() };
        assert!(right().is_right());
        let wrong = [
            Verdict { failed: 1, ..right() },
            Verdict { needed: needed(3), ..right() },
            Verdict { medium: 1, ..right() },
            Verdict { hard: 1, ..right() },
            Verdict { forbidden: 1, ..right() },
        ];
        assert!(wrong.iter().all(|verdict| !verdict.is_right()));
    }

    #[test]
    fn groups_and_operators_agree_as_far_as_chance_does_not_explain_it() {
        let of = |pairs, same, linked, both| {
            let share = |of| Share { of, found: both };
            Verdict { pairs, linked: share(same), rightly: share(linked), ..Verdict::default() }.rand_index()
        };
        assert_eq!(of(45, 0, 0, 0), None);
        assert_eq!(of(45, 10, 10, 10), Some(1.0));
        assert_eq!(of(45, 45, 45, 45), Some(1.0), "of one operator all");
        assert_eq!(of(100, 20, 10, 2), Some(0.0), "as many as by chance");
        // Ten servers, of which one operator has five and six are linked: those five and another.
        let found = of(45, 10, 15, 10).expect("some are linked");
        assert!((found - 0.727_27).abs() < 1e-4, "{found}");
        assert!(of(45, 10, 0, 0) == Some(0.0) && of(45, 0, 10, 0) == Some(0.0));
    }

    #[test]
    fn of_a_hundred_links_two_may_be_wrong() {
        let of = |rightly: [usize; 2]| {
            let verdicts =
                rightly.map(|found| Verdict { rightly: Share { of: 50, found }, ..Verdict::default() });
            links_are_right(&verdicts)
        };
        assert!(links_are_right(&[]));
        assert!(of([50, 50]) && of([50, 48]) && !of([49, 48]));
    }
}
