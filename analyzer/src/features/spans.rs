//! What a server showed over time, equal things in a row kept once.

use jiff::Timestamp;
use model::finding::Digest;
use serde::{Deserialize, Serialize};

use crate::mark::Mark;

/// What a server showed over time, the oldest first. Of one that changes all the time the latest are kept.
#[derive(Clone, Debug)]
pub struct Spans<T> {
    kept: Vec<Span<T>>,
    changes: u32,
}

/// What was shown from one time to another, at every look.
#[derive(Clone, Debug)]
pub struct Span<T> {
    /// What.
    pub value: T,
    /// The first look that showed it.
    pub first: Timestamp,
    /// The latest that did.
    pub last: Timestamp,
    /// What it was read from.
    pub evidence: Digest,
    said: Mark,
}

/// What one visit showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look<T> {
    said: Mark,
    /// What it is read as, and from which exchange or certificate; none where it cannot be read.
    read: Option<(T, Digest)>,
}

impl<T> Look<T> {
    /// At something that is the same as long as these bytes are.
    pub fn at(bytes: &[u8], read: impl FnOnce() -> Option<(T, Digest)>) -> Self {
        Self { said: Mark::of(bytes), read: read() }
    }
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), changes: 0 }
    }
}

impl<T> Spans<T> {
    /// Spans that are kept.
    pub const MOST: usize = 8;

    /// Takes in what a visit showed. What cannot be read is passed over.
    pub fn see(&mut self, look: &Look<T>, at: Timestamp)
    where
        T: Clone,
    {
        if let Some(latest) = self.kept.last_mut()
            && latest.said == look.said
        {
            latest.last = at;
            return;
        }
        let Some((value, evidence)) = look.read.clone() else { return };
        self.changes += u32::from(!self.kept.is_empty());
        if self.kept.len() == Self::MOST {
            self.kept.remove(0);
        }
        // Mostly it stays at one, for each of many hosts.
        self.kept.reserve_exact(1);
        self.kept.push(Span { value, first: at, last: at, evidence, said: look.said });
    }

    /// The latest.
    #[must_use]
    pub fn latest(&self) -> Option<&Span<T>> {
        self.kept.last()
    }

    /// Those that are kept, the oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Span<T>> {
        self.kept.iter()
    }

    /// How often something else was shown than before.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Each change that is remembered: before, after.
    pub fn turns(&self) -> impl Iterator<Item = (&Span<T>, &Span<T>)> {
        self.kept.iter().zip(self.kept.iter().skip(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_kept_once_and_of_many_the_latest() {
        let mut spans = Spans::default();
        for (second, text) in ["a", "a", "b", "?", "a"].into_iter().enumerate() {
            let at = Timestamp::from_second(second as i64).expect("a time");
            let read = || (text != "?").then(|| (text, Digest::of_bytes(text.as_bytes())));
            spans.see(&Look::at(text.as_bytes(), read), at);
        }
        let kept: Vec<_> = spans.iter().map(|s| (s.value, s.first.as_second(), s.last.as_second())).collect();
        assert_eq!(kept, [("a", 0, 1), ("b", 2, 2), ("a", 4, 4)]);
        assert_eq!((spans.changes(), spans.turns().count()), (2, 2));
        for number in 0..100_u32 {
            let look = Look::at(&number.to_le_bytes(), || Some(("x", Digest::of_bytes(b""))));
            spans.see(&look, Timestamp::UNIX_EPOCH);
        }
        assert_eq!((spans.iter().len(), spans.changes()), (Spans::<&str>::MOST, 102));
    }
}
