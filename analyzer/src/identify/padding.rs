//! How a server fills its writes. ElectrumX since 1.18 pads each write to 1,024·2ⁿ bytes with spaces before the
//! last brace (electrumx, server/transport.py). Answers that share a write share its padding, so this is judged
//! on whole conversations, and on answers during which nothing else was said.
//!
//! The pace of the same versions, one write a second, is no evidence of its own: it comes with the padding, and
//! from afar it cannot be told from a slow line.

use super::conversation::Conversation;

/// Lone answers without padding from which it follows that there is none.
const ENOUGH: usize = 3;
/// What conversations show of padding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    padded: usize,
    plain: usize,
}

impl Tally {
    /// Counts one conversation.
    pub(crate) fn of(conversation: &Conversation<'_>) -> Self {
        let mut tally = Self::default();
        if !conversation.lines {
            return tally;
        }
        let answers = conversation.turns.iter().filter_map(|turn| turn.answer.as_ref());
        tally.padded = answers.filter(|said| is_padded(said.line.as_bytes())).count();
        tally.plain = conversation.alone().filter(|said| !is_padded(said.line.as_bytes())).count();
        tally
    }

    /// Both together.
    pub(crate) fn join(self, other: Self) -> Self {
        Self { padded: self.padded + other.padded, plain: self.plain + other.plain }
    }

    /// Whether writes are padded. Both at once is what no single server does.
    pub(crate) fn padding(self) -> impl Iterator<Item = &'static str> {
        let padded = (self.padded > 0).then_some("padded");
        let plain = (self.plain >= ENOUGH).then_some("plain");
        padded.into_iter().chain(plain)
    }
}

/// Whether a line was filled with spaces, as ElectrumX from 1.18 on fills what it collects.
pub(crate) fn is_padded(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.ends_with(b" }") || line.ends_with(b" ]")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{
        conversation::{Said, Turn},
        question::Era,
    };
    use super::*;

    /// A conversation of answers, each with the times of question and answer in milliseconds.
    fn padding(lines: bool, turns: &[(u64, u64, &'static str)]) -> Vec<&'static str> {
        let turn = |&(sent, at, line): &(u64, u64, &'static str)| Turn {
            request: None,
            sent: Duration::from_millis(sent),
            answer: Some(Said { line, at: Duration::from_millis(at) }),
        };
        let turns = turns.iter().map(turn).collect();
        let conversation = Conversation { agreed: Era::Unidentified, turns, lines };
        Tally::of(&conversation).padding().collect()
    }

    #[test]
    fn the_absence_of_padding_shows_only_in_lone_answers() {
        let plain = "{}";
        let one_by_one = [(0, 1, plain), (2, 3, plain), (4, 5, plain)];
        assert_eq!(padding(true, &one_by_one), ["plain"]);
        assert!(padding(true, &one_by_one[..2]).is_empty());
        assert!(padding(false, &one_by_one).is_empty(), "WebSocket messages are never padded");
        let together = [(0, 9, plain), (0, 9, plain), (0, 9, plain), (0, 9, "{     }")];
        assert_eq!(padding(true, &together), ["padded"]);
    }
}
