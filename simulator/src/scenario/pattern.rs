//! Patterns of names.

const NUMBER: &str = "{n}";
const WORD: &str = "{word}";

/// The name that a pattern gives to the server of a group with this number, from 1, and this word.
pub(crate) fn fill(pattern: &str, group: &str, number: usize, word: &str) -> String {
    pattern.replace(NUMBER, &number.to_string()).replace("{group}", group).replace(WORD, word)
}

/// Whether a pattern has a name for each server of a group.
pub(super) fn tells_apart(pattern: &str) -> bool {
    pattern.contains(NUMBER) || pattern.contains(WORD)
}
