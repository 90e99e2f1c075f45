//! What is published of a group: how probable it is, what links it, what it would not survive without, and a name that
//! lasts.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment;

use super::{
    evidence::{About, Definition, Kind},
    link::LINKED,
    score::{Blocks, Pairs, Score, odds, posterior, score},
    weights::Values,
};
use crate::{forest::Forest, mark::Mark, server::Server};

/// What a declaration must weigh to count as one.
const DECLARES: f64 = 1.0;

/// Servers that the evidence links.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Stays the same from run to run as long as most members do.
    pub id: String,
    /// The servers, as places in the survey, in order.
    pub members: Vec<usize>,
    /// How probable the least probable pair is.
    pub posterior: f64,
    /// How probable it is, on average over pairs, that they ask one node.
    pub same_node: f64,
    /// … that they are one process, or share its secrets.
    pub same_process: f64,
    /// … that they were set up by one recipe.
    pub same_template: f64,
    /// What links them, the weightiest first.
    pub evidence: Vec<Evidence>,
    /// Whether the members say themselves that they belong together: by naming each other, by a domain, by a contact.
    pub declared: bool,
}

/// One kind of evidence for a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Which.
    pub kind: Kind,
    /// What it adds to log₁₀ of the odds of a pair, on average.
    pub log10_lr: f64,
    /// For how many pairs there is any.
    pub pairs: usize,
    /// Whether the group would fall apart without it and what is not independent of it.
    pub essential: bool,
}

/// Whether two servers say that they belong together.
pub(super) fn declared(score: &Score) -> bool {
    let declares = [Kind::CoListing, Kind::Domain, Kind::Contact];
    score.shown().any(|(definition, adds)| declares.contains(&definition.kind) && adds >= DECLARES)
}

/// Looks at every pair of a group once more.
#[expect(clippy::cast_precision_loss, reason = "a group has a few million pairs at the most")]
pub(super) fn describe(members: Vec<usize>, values: &Values, pairs: &Pairs, blocks: &[Blocks]) -> Group {
    let (mut count, mut least) = (0_usize, f64::INFINITY);
    let mut about = [0.0; 3];
    let mut kinds: BTreeMap<Kind, (f64, usize)> = BTreeMap::new();
    let mut essential: BTreeSet<Kind> = BTreeSet::new();
    let mut saying = Forest::new(members.len());
    for (place, one) in members.iter().enumerate() {
        for (other_place, other) in members.iter().enumerate().skip(place + 1) {
            let score = score(values, pairs, blocks, *one, *other);
            count += 1;
            least = least.min(score.operator());
            for (sum, what) in about.iter_mut().zip([About::Node, About::Process, About::Template]) {
                *sum += posterior(score.about(what));
            }
            for (Definition { kind, group, .. }, adds) in score.shown() {
                let (sum, pairs) = kinds.entry(*kind).or_default();
                (*sum, *pairs) = (*sum + adds, *pairs + 1);
                if essential.contains(kind) {
                    continue;
                }
                let without = score.link_without(Some(*group));
                if without.is_none_or(|left| left < odds(LINKED)) {
                    essential.insert(*kind);
                }
            }
            if declared(&score) {
                saying.join(place, other_place);
            }
        }
    }
    let mean = |sum: f64| sum / count.max(1) as f64;
    let mut evidence: Vec<Evidence> = kinds
        .into_iter()
        .map(|(kind, (sum, pairs))| Evidence {
            kind,
            log10_lr: mean(sum),
            pairs,
            essential: essential.contains(&kind),
        })
        .collect();
    evidence.sort_by(|one, other| other.log10_lr.total_cmp(&one.log10_lr).then(one.kind.cmp(&other.kind)));
    let [same_node, same_process, same_template] = about.map(mean);
    Group {
        id: String::new(),
        declared: saying.trees().len() == 1,
        members,
        posterior: posterior(least),
        same_node,
        same_process,
        same_template,
        evidence,
    }
}

/// Gives each group a name: that of the earlier group with which it shares most members, two at the least, else one
/// that is made of its members' names.
pub(super) fn name(groups: &mut [Group], servers: &[Server<'_>], previous: &[assessment::Group]) {
    let names: Vec<BTreeSet<String>> = groups
        .iter()
        .map(|group| group.members.iter().map(|server| servers[*server].name()).collect())
        .collect();
    let mut earlier: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, group) in previous.iter().enumerate() {
        for member in &group.members {
            earlier.entry(member).or_default().push(place);
        }
    }
    let mut overlaps: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (place, names) in names.iter().enumerate() {
        for before in names.iter().filter_map(|name| earlier.get(name.as_str())).flatten() {
            *overlaps.entry((place, *before)).or_default() += 1;
        }
    }
    let mut overlaps: Vec<_> = overlaps.into_iter().filter(|(_, shared)| *shared > 1).collect();
    overlaps.sort_by_key(|((place, before), shared)| (usize::MAX - shared, &previous[*before].id, *place));
    let mut taken = BTreeSet::new();
    for ((place, before), _) in overlaps {
        let id = &previous[before].id;
        if groups[place].id.is_empty() && taken.insert(id.clone()) {
            groups[place].id.clone_from(id);
        }
    }
    for (group, names) in groups.iter_mut().zip(&names).filter(|(group, _)| group.id.is_empty()) {
        let mut parts: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        // Another group may have come by the name that these members would have.
        while group.id.is_empty() || !taken.insert(group.id.clone()) {
            group.id = format!("g-{:?}", Mark::of_parts(parts.iter().copied()));
            parts.push(b"");
        }
    }
}

impl Group {
    /// As it is published.
    #[must_use]
    pub fn published(&self, servers: &[Server<'_>]) -> assessment::Group {
        let all = self.members.len() * self.members.len().saturating_sub(1) / 2;
        let evidence = self.evidence.iter().map(|evidence| assessment::GroupEvidence {
            kind: evidence.kind.to_string(),
            log10_lr: evidence.log10_lr,
            detail: format!("{} of {all} pairs {}", evidence.pairs, evidence.kind.words()),
            essential: evidence.essential,
        });
        assessment::Group {
            id: self.id.clone(),
            members: self.members.iter().map(|server| servers[*server].name()).collect(),
            posterior: self.posterior,
            same_node: self.same_node,
            same_process: self.same_process,
            same_template: self.same_template,
            evidence: evidence.collect(),
            declared: self.declared,
        }
    }
}
