//! Best blocks, with the time at which they were told.

use std::collections::VecDeque;

use jiff::Timestamp;
use model::finding::Digest;

use crate::{proof, reading::Reading};

/// Most tips of one host that are remembered.
const MOST: usize = 4;

/// A tip, as long as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TipSaid {
    /// Its height.
    pub height: u32,
    /// When the first visit began that was told it.
    pub since: Timestamp,
    /// When the latest began.
    pub until: Timestamp,
    /// The first exchange that shows it.
    pub first: Digest,
    /// The one before the latest, and when its visit began: others are known only for the latest times.
    pub before: (Timestamp, Digest),
    /// The latest.
    pub latest: Digest,
}

/// The height that was told in a visit, and the exchange that shows it.
pub(super) fn told(reading: &Reading<'_>) -> Option<(u32, Digest)> {
    reading.of_probe("C1").find_map(|turn| Some((proof::best(turn)?.0, turn.digest())))
}

/// The latest tips, the latest last.
#[derive(Clone, Debug, Default)]
pub struct Tips(VecDeque<TipSaid>);

impl Tips {
    /// Takes in the height that was told in a visit, and the exchange that shows it.
    pub(super) fn take(&mut self, at: Timestamp, height: u32, digest: Digest) {
        match self.0.back_mut().filter(|said| said.height == height) {
            Some(said) => {
                said.before = (said.until, said.latest);
                said.until = at;
                said.latest = digest;
            }
            None => {
                self.0.push_back(TipSaid {
                    height,
                    since: at,
                    until: at,
                    first: digest,
                    before: (at, digest),
                    latest: digest,
                });
                if self.0.len() > MOST {
                    self.0.pop_front();
                }
            }
        }
    }

    /// The latest.
    #[must_use]
    pub fn latest(&self) -> Option<&TipSaid> {
        self.0.back()
    }

    /// When which height was told, with the exchange that shows it, in the order of time.
    pub fn told(&self) -> impl DoubleEndedIterator<Item = (Timestamp, u32, Digest)> {
        self.0.iter().flat_map(|said| {
            let (before, shown) = said.before;
            let mut told = vec![
                (said.since, said.height, said.first),
                (before, said.height, shown),
                (said.until, said.height, said.latest),
            ];
            told.dedup_by_key(|(_, _, digest)| *digest);
            told
        })
    }
}
