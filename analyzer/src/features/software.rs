//! Which software speaks. Evidence is kept for each thing that the host called itself, since another name may be
//! another program.

use jiff::Timestamp;
use model::{Purpose, finding::Digest};
use serde::{Deserialize, Serialize};

use crate::{
    identify::{Evidence, Knowledge, observe},
    reading::Reading,
    text::Text,
    visited::Visited,
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 2;

/// Names that are remembered of one host, the latest ones.
const MOST_ERAS: usize = 8;
/// Visits of an era that ask more than usual and are all read; of more, and of the usual ones, only some, since they say
/// the same.
const ALL_READ: u32 = 16;

/// What a host called itself, one name after the other, and how it spoke meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Software {
    eras: Vec<Era>,
}

/// A time in which a host called itself one thing.
#[derive(Clone, Debug)]
pub struct Era {
    /// What it called itself; none where it did not say.
    pub claimed: Option<Text>,
    /// When that was first seen.
    pub since: Timestamp,
    /// How it spoke.
    pub evidence: Evidence,
    /// Visits in it.
    visits: u32,
    /// Those of them that asked more than usual.
    unusual: u32,
    /// The exchange in which it said its name, and the visit that shows most of how it speaks.
    pub witnesses: Vec<Digest>,
    /// Exchanges in that visit.
    most: u32,
}

/// How a host spoke in one visit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note(Option<Spoke>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Spoke {
    /// What it called itself, and the exchange in which it did; printable.
    claimed: Option<(Text, Digest)>,
    evidence: Evidence,
    /// Whether as much was asked as is mostly.
    is_usual: bool,
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>, knowledge: &Knowledge) -> Self {
        if reading.turns.iter().all(|turn| turn.answer().is_none()) {
            return Self::default();
        }
        let claimed = reading
            .of_probe("H1")
            .find_map(|turn| Some((Text::of(&turn.result::<(String, String)>()?.0, 200), turn.digest())));
        Self(Some(Spoke {
            claimed,
            evidence: knowledge.weigh(&observe(reading.visit)),
            is_usual: matches!(reading.visit.purpose, Purpose::Light | Purpose::Watch | Purpose::Twin(_)),
        }))
    }
}

impl Software {
    /// Takes in what a visit shows.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        let Some(spoke) = &note.0 else { return };
        let claimed = spoke.claimed.as_ref().map(|(name, _)| name);
        let renamed = claimed.is_some() && self.eras.last().is_none_or(|era| era.claimed.as_ref() != claimed);
        if renamed || self.eras.is_empty() {
            if self.eras.len() == MOST_ERAS {
                self.eras.remove(0);
            }
            // Mostly it stays at one, for each of many hosts.
            self.eras.reserve_exact(1);
            self.eras.push(Era {
                claimed: claimed.cloned(),
                since: visited.started_at,
                evidence: Evidence::default(),
                visits: 0,
                unusual: 0,
                witnesses: spoke.claimed.iter().map(|(_, digest)| *digest).collect(),
                most: 0,
            });
        }
        if let Some(era) = self.eras.last_mut() {
            era.take(visited, spoke);
        }
    }

    /// What it calls itself now, and how it spoke since.
    #[must_use]
    pub fn latest(&self) -> Option<&Era> {
        self.eras.last()
    }
}

impl Era {
    fn take(&mut self, visited: &Visited, spoke: &Spoke) {
        self.visits = self.visits.saturating_add(1);
        self.unusual = self.unusual.saturating_add(u32::from(!spoke.is_usual));
        // The first, the fourth, the sixteenth.
        let is_read = (self.visits.is_power_of_two() && self.visits.trailing_zeros().is_multiple_of(2))
            || (!spoke.is_usual && self.unusual <= ALL_READ);
        if !is_read {
            return;
        }
        self.evidence.extend(&spoke.evidence);
        if visited.exchanges > self.most {
            self.witnesses.truncate(1);
            self.witnesses.push(visited.digest);
            self.most = visited.exchanges;
        }
    }
}
