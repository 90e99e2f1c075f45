//! Groups of servers as the page shows them: how probable it is that they belong together, and by what evidence.

use electrum::text::printable;
use model::assessment::{Group, GroupEvidence};

use crate::text::plural;

/// Groups that are shown; groups.json has all.
const MOST: usize = 40;
/// Members of a group that are named.
const MOST_MEMBERS: usize = 200;
/// Most characters of a name.
const LONGEST: usize = 80;

/// A group.
#[derive(Debug)]
pub(super) struct Operator<'a> {
    pub(super) id: &'a str,
    pub(super) size: String,
    pub(super) posterior: String,
    pub(super) declared: bool,
    pub(super) evidence: Vec<Evidence>,
    pub(super) members: Vec<String>,
    /// Members that are not named.
    pub(super) more: usize,
}

/// A kind of evidence.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) kind: String,
    pub(super) detail: String,
    /// How many times more likely it is among servers of one operator.
    pub(super) factor: String,
    pub(super) essential: bool,
}

/// The groups that are shown, and how many are not.
pub(super) fn operators(groups: &[Group]) -> (Vec<Operator<'_>>, usize) {
    (groups.iter().take(MOST).map(operator).collect(), groups.len().saturating_sub(MOST))
}

fn operator(group: &Group) -> Operator<'_> {
    Operator {
        id: &group.id,
        size: plural(group.members.len(), "server"),
        // Nothing that rests on evidence is certain.
        posterior: format!("{:.3}", group.posterior.min(0.999)),
        declared: group.declared,
        evidence: group.evidence.iter().map(evidence).collect(),
        members: group.members.iter().take(MOST_MEMBERS).map(|member| printable(member, LONGEST)).collect(),
        more: group.members.len().saturating_sub(MOST_MEMBERS),
    }
}

fn evidence(evidence: &GroupEvidence) -> Evidence {
    Evidence {
        kind: evidence.kind.replace('-', " "),
        detail: printable(&evidence.detail, 300),
        factor: factor(evidence.log10_lr),
        essential: evidence.essential,
    }
}

/// 10 to this power, as people say it.
fn factor(log10: f64) -> String {
    let factor = 10_f64.powf(log10);
    match factor {
        ..10.0 => format!("× {factor:.1}"),
        10.0..1_000.0 => format!("× {factor:.0}"),
        _ => format!("× {} thousand", (factor / 1_000.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_read_well() {
        assert_eq!([0.3, 2.0, 4.0].map(factor), ["× 2.0", "× 100", "× 10 thousand"]);
    }
}
