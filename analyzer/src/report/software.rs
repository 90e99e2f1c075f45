//! Software by its fingerprints: what servers speak like, beside what they claim.

use std::collections::BTreeMap;

use model::{Assessment, assessment::VersionRange};

use super::{
    charts::{Bar, bars},
    figure::{Figure, Table},
};
use crate::{identify::versions, software::Claim, text::plural};

/// Rows of the table: who claims something else each time shall not fill the page.
const MOST_ROWS: usize = 60;
/// What stands for a server that speaks like no captured one.
const UNKNOWN: &str = "unknown";

/// Whether a server calls itself what it speaks like.
fn fits(assessment: &Assessment, found: &VersionRange) -> bool {
    let claim = assessment.implementation.claimed.as_deref().and_then(Claim::read);
    claim.is_some_and(|claim| claim.name == found.name)
}

/// Implementations by how many servers speak like them, and how many of these say so.
pub(super) fn figure_of(assessments: &[Assessment]) -> Result<Figure, askama::Error> {
    let mut implementations: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut fingerprints: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for assessment in assessments {
        let implementation = &assessment.implementation;
        let claimed = implementation.claimed.as_deref().unwrap_or("nothing");
        let (name, speaks, honest) = match &implementation.identified {
            Some(found) => (found.name.as_str(), versions(found), fits(assessment, found)),
            None => (UNKNOWN, UNKNOWN.to_owned(), false),
        };
        implementations.entry(name).or_default()[usize::from(!honest)] += 1;
        *fingerprints.entry((speaks, claimed)).or_default() += 1;
    }
    let mut most: Vec<(&str, [usize; 2])> = implementations.into_iter().collect();
    most.sort_by_key(|(name, [same, other])| (*name == UNKNOWN, std::cmp::Reverse(same + other)));
    let drawn: Vec<Bar> = most
        .iter()
        .map(|(name, [same, other])| Bar {
            label: (*name).to_owned(),
            parts: vec![(*same as f64, "s0"), (*other as f64, if *name == UNKNOWN { "none" } else { "s1" })],
            number: if *other > 0 && *name != UNKNOWN {
                format!("{}, {other} else", same + other)
            } else {
                (same + other).to_string()
            },
        })
        .collect();
    let mut rows: Vec<((String, &str), usize)> = fingerprints.into_iter().collect();
    rows.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    rows.truncate(MOST_ROWS);
    let rows =
        rows.into_iter().map(|((speaks, claimed), count)| [speaks, claimed.to_owned(), count.to_string()]);
    let table = Table::new(["Speaks like", "Calls itself", "Servers"], rows);
    let description = format!(
        "What {} speak like, by how they write their answers. “Else” are those that call themselves something else.",
        plural(assessments.len(), "server")
    );
    Ok(Figure::new("software", "Software, by its fingerprint", description, bars(&drawn)?, table))
}
