//! Software by its fingerprints: what servers speak like, beside what they claim.

use std::collections::BTreeMap;

use model::{Assessment, assessment::VersionRange};

use super::{
    charts::{Bar, bars},
    figure::{Figure, Table},
    words::plural,
};
use crate::software::Claim;

/// Rows of the table: who claims something else each time shall not fill the page.
const MOST_ROWS: usize = 60;
/// What stands for a server that speaks like no captured one.
const UNKNOWN: &str = "unknown";

/// Whether a server calls itself what it speaks like.
fn fits(assessment: &Assessment, found: &VersionRange) -> bool {
    let claim = assessment.implementation.claimed.as_deref().and_then(Claim::read);
    claim.is_some_and(|claim| claim.name == found.name)
}

/// A range of versions for readers.
pub(super) fn version(found: &VersionRange) -> String {
    let VersionRange { name, min, max } = found;
    match (min.as_str(), max) {
        (min, Some(max)) if min == max => format!("{name} {min}"),
        ("0", None) => name.clone(),
        ("0", Some(max)) => format!("{name} up to {max}"),
        (min, Some(max)) => format!("{name} {min} to {max}"),
        (min, None) => format!("{name} {min} or newer"),
    }
}

/// Implementations by how many servers speak like them, and how many of these say so.
pub(super) fn figure_of(assessments: &[Assessment]) -> Result<Figure, askama::Error> {
    let mut implementations: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut fingerprints: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for assessment in assessments {
        let implementation = &assessment.implementation;
        let claimed = implementation.claimed.as_deref().unwrap_or("nothing");
        let (name, speaks, honest) = match &implementation.identified {
            Some(found) => (found.name.as_str(), version(found), fits(assessment, found)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_well() {
        let range = |min: &str, max: Option<&str>| {
            version(&VersionRange { name: "X".to_owned(), min: min.to_owned(), max: max.map(str::to_owned) })
        };
        assert_eq!(range("1.2", Some("1.2")), "X 1.2");
        assert_eq!(range("1.2", Some("1.4")), "X 1.2 to 1.4");
        assert_eq!(range("1.2", None), "X 1.2 or newer");
        assert_eq!(range("0", Some("1.4")), "X up to 1.4");
        assert_eq!(range("0", None), "X");
    }
}
