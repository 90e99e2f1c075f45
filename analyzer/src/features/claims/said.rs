//! One thing that was said, however often.

use std::collections::VecDeque;

use model::finding::Digest;

/// Most different answers to one question that are remembered.
const MOST: usize = 4;

/// Something that was said, perhaps several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// What.
    pub what: T,
    /// How often in a row.
    pub times: u32,
    /// The first exchange that shows it.
    first: Digest,
    /// The second.
    second: Option<Digest>,
}

impl<T> Said<T> {
    /// The exchanges that show it: two, where there are two.
    pub fn evidence(&self) -> impl Iterator<Item = Digest> + use<T> {
        [self.first].into_iter().chain(self.second)
    }
}

/// What was said in answer to one question, the latest last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants<T>(VecDeque<Said<T>>);

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: PartialEq> Variants<T> {
    /// Notes what was said by the exchange with this digest.
    pub fn say(&mut self, what: T, digest: Digest) {
        if let Some(said) = self.0.back_mut().filter(|said| said.what == what) {
            said.times = said.times.saturating_add(1);
            said.second.get_or_insert(digest);
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        // Mostly it stays at one, for each of many hosts.
        self.0.reserve_exact(1);
        self.0.push_back(Said { what, times: 1, first: digest, second: None });
    }

    /// What was said last.
    #[must_use]
    pub fn latest(&self) -> Option<&Said<T>> {
        self.0.back()
    }

    /// Everything that was said, the latest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Said<T>> {
        self.0.iter().rev()
    }
}
