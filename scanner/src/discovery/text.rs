//! The lines of a person's text file, and what to tell that person of the lines that cannot be read.

use std::fmt;

/// How many unreadable lines are described one by one; the rest are only counted.
pub const MAX_PROBLEMS: usize = 1_000;

/// The text is longer than its kind may be.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{bytes} bytes is more than the {most} that such a file may have")]
pub struct TooLong {
    /// Its length in bytes.
    pub bytes: usize,
    /// The most bytes it may have.
    pub most: usize,
}

impl TooLong {
    pub(super) fn check(text: &str, most: usize) -> Result<(), Self> {
        if text.len() > most { Err(Self { bytes: text.len(), most }) } else { Ok(()) }
    }
}

/// One line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<E> {
    /// Its number; the first line is 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: E,
}

impl<E: fmt::Display> fmt::Display for Problem<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The lines that could not be read, the first [`MAX_PROBLEMS`] of them with reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems<E> {
    described: Vec<Problem<E>>,
    total: usize,
}

impl<E> Default for Problems<E> {
    fn default() -> Self {
        Self { described: Vec::new(), total: 0 }
    }
}

impl<E> Problems<E> {
    /// The described ones, in the order of the lines.
    #[must_use]
    pub fn described(&self) -> &[Problem<E>] {
        &self.described
    }

    /// How many there are, described or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether every line could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Takes the line as a function: in JSON finding it means counting lines from the start.
    pub(super) fn add(&mut self, line: impl FnOnce() -> usize, reason: E) {
        self.total += 1;
        if self.described.len() < MAX_PROBLEMS {
            self.described.push(Problem { line: line(), reason });
        }
    }
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) content: &'a str,
    /// What follows the `#`, where there is something.
    pub(super) comment: Option<&'a str>,
}

/// The lines with content, trimmed. A `#` starts a comment wherever it is: no host has one.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    without_byte_order_mark(text).lines().enumerate().filter_map(|(index, line)| {
        let (content, comment) = line.split_once('#').unwrap_or((line, ""));
        let (content, comment) = (content.trim(), comment.trim_start_matches('#').trim());
        let comment = (!comment.is_empty()).then_some(comment);
        (!content.is_empty()).then_some(Line { number: index + 1, content, comment })
    })
}

/// Editors on Windows put the mark in front, and it belongs to no line.
pub(super) fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_the_byte_order_mark_say_nothing() {
        let text = "\u{feff}a:1:t\r\n\n  # only a comment\n\tb  ## why # it is here \nc#d\ne #\n";
        let read: Vec<_> = lines(text).map(|l| (l.number, l.content, l.comment)).collect();
        let expected =
            [(1, "a:1:t", None), (4, "b", Some("why # it is here")), (5, "c", Some("d")), (6, "e", None)];
        assert_eq!(read, expected);
    }

    #[test]
    fn problems_beyond_the_limit_are_only_counted() {
        let mut problems = Problems::default();
        for line in 1..=MAX_PROBLEMS + 5 {
            problems.add(|| line, "bad");
        }
        assert_eq!((problems.described().len(), problems.total()), (MAX_PROBLEMS, MAX_PROBLEMS + 5));
        assert_eq!(problems.described()[0].to_string(), "line 1: bad");
    }
}
