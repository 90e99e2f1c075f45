//! Patterns of names, and names that two servers would have.

use std::collections::HashMap;

use super::{Group, Scenario};

const NUMBER: &str = "{n}";
const WORD: &str = "{word}";

/// A name that two servers would have at the same time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group {group}: {name} is also a name of a server of {other}")]
pub struct Collision {
    /// The name.
    pub name: String,
    /// Whose it would be.
    pub group: String,
    /// Whose it is already.
    pub other: String,
}

/// The name that a pattern gives to the server of a group with this number, from 1, and this word.
pub(crate) fn fill(pattern: &str, group: &str, number: usize, word: &str) -> String {
    pattern.replace(NUMBER, &number.to_string()).replace("{group}", group).replace(WORD, word)
}

/// Whether a pattern has a name for each server of a group.
pub(super) fn tells_apart(pattern: &str) -> bool {
    pattern.contains(NUMBER) || pattern.contains(WORD)
}

/// The first name that two servers would have at the same time, where groups have these sizes. Words are drawn for each
/// server, and never alike.
pub(super) fn collision(scenario: &Scenario, sizes: &[usize]) -> Option<Collision> {
    let groups = || scenario.servers.iter().zip(sizes);
    let mut holders: HashMap<String, Vec<&Group>> = HashMap::new();
    for (group, size) in groups() {
        let before = groups().find(|(other, _)| Some(&other.name) == group.hosts_of.as_ref());
        let (called, count) = before.unwrap_or((group, size));
        for pattern in called.names.iter().filter(|pattern| !pattern.contains(WORD)) {
            for number in 0..*size {
                let name = fill(pattern, &called.name, number % count + 1, "");
                let known = holders.entry(name.clone()).or_default();
                if let Some(other) = known.iter().find(|other| other.meets(group)) {
                    let (group, other) = (group.name.clone(), other.name.clone());
                    return Some(Collision { name, group, other });
                }
                known.push(group);
            }
        }
    }
    None
}
