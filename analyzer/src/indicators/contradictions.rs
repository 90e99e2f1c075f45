//! What is found by indicators of which a server's words are not so: all of it in one finding. Whether they are is told by
//! [`truth`](crate::truth); nothing is compared here.

use model::finding::{Digest, Indicator, Tier};

use super::{Definition, Found};
use crate::{
    text::plural,
    truth::{Contradiction, Truth},
};

/// Most statements that one finding is made of.
const MOST_STATEMENTS: usize = 3;
/// Most exchanges that one finding names.
const MOST_EVIDENCE: usize = 24;

/// An indicator of this kind: its tier and its points, what it is, and what else it may mean.
pub(super) const fn of_truth<const NUMBER: u8>(
    (tier, weight): (Tier, u8),
    title: &'static str,
    caveat: &'static str,
) -> Definition {
    Definition {
        indicator: Indicator::new(NUMBER),
        tier,
        weight,
        title,
        caveat,
        find: |case| found(case.truth(), Indicator::new(NUMBER)),
    }
}

fn found(truth: &Truth, indicator: Indicator) -> Option<Found> {
    let all: Vec<&Contradiction> =
        truth.contradictions.iter().filter(|contradiction| contradiction.indicator == indicator).collect();
    let (first, rest) = all.split_first()?;
    let mut statement = first.statement.clone();
    for more in rest.iter().take(MOST_STATEMENTS - 1) {
        statement = format!("{statement} {}", more.statement);
    }
    if let Some(left @ 1..) = rest.len().checked_sub(MOST_STATEMENTS - 1) {
        statement = format!("{statement} So {}.", plural(left, "more time"));
    }
    let mut evidence: Vec<Digest> = Vec::new();
    for digest in all.iter().flat_map(|contradiction| &contradiction.evidence) {
        if evidence.len() < MOST_EVIDENCE && !evidence.contains(digest) {
            evidence.push(*digest);
        }
    }
    Some(Found { statement, evidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_joined_and_bounded() {
        let one = |number: u8| Contradiction {
            indicator: Indicator::new(6),
            statement: format!("Lie {number}."),
            evidence: vec![Digest::of_bytes(&[number]), Digest::of_bytes(&[0])],
        };
        let truth = |count: u8| Truth { contradictions: (1..=count).map(one).collect() };
        let of = |count| {
            found(&truth(count), Indicator::new(6)).map(|found| (found.statement, found.evidence.len()))
        };
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some(("Lie 1.".to_owned(), 2)));
        assert_eq!(of(3), Some(("Lie 1. Lie 2. Lie 3.".to_owned(), 4)));
        assert_eq!(of(4), Some(("Lie 1. Lie 2. Lie 3. So 1 more time.".to_owned(), 5)));
        assert_eq!(of(90), Some(("Lie 1. Lie 2. Lie 3. So 87 more times.".to_owned(), MOST_EVIDENCE)));
        assert_eq!(found(&truth(3), Indicator::new(5)), None);
    }
}
