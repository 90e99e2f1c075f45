//! Which software speaks. Evidence is kept for each thing that the host called itself, since another name may be
//! another program.

use jiff::Timestamp;
use model::{Purpose, finding::Digest};

use crate::{
    identify::{Evidence, Knowledge, observe},
    reading::Reading,
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
    pub claimed: Option<String>,
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
    most: usize,
}

impl Software {
    /// Takes in a visit.
    pub fn take(&mut self, reading: &Reading<'_>, knowledge: &Knowledge) {
        if reading.turns.iter().all(|turn| turn.answer().is_none()) {
            return;
        }
        let greeting =
            reading.of_probe("H1").find_map(|turn| Some((turn, turn.result::<(String, String)>()?.0)));
        let claimed = greeting.as_ref().map(|(_, name)| electrum::text::printable(name, 200));
        let renamed = claimed.is_some() && self.eras.last().is_none_or(|era| era.claimed != claimed);
        if renamed || self.eras.is_empty() {
            if self.eras.len() == MOST_ERAS {
                self.eras.remove(0);
            }
            self.eras.push(Era {
                claimed,
                since: reading.visit.started_at,
                evidence: Evidence::default(),
                visits: 0,
                unusual: 0,
                witnesses: greeting.iter().map(|(turn, _)| turn.digest()).collect(),
                most: 0,
            });
        }
        if let Some(era) = self.eras.last_mut() {
            era.take(reading, knowledge);
        }
    }

    /// What it calls itself now, and how it spoke since.
    #[must_use]
    pub fn latest(&self) -> Option<&Era> {
        self.eras.last()
    }
}

impl Era {
    fn take(&mut self, reading: &Reading<'_>, knowledge: &Knowledge) {
        self.visits = self.visits.saturating_add(1);
        let is_usual = matches!(reading.visit.purpose, Purpose::Light | Purpose::Watch | Purpose::Twin(_));
        self.unusual = self.unusual.saturating_add(u32::from(!is_usual));
        // The first, the fourth, the sixteenth.
        let is_read = (self.visits.is_power_of_two() && self.visits.trailing_zeros().is_multiple_of(2))
            || (!is_usual && self.unusual <= ALL_READ);
        if !is_read {
            return;
        }
        self.evidence.extend(knowledge.weigh(&observe(reading.visit)));
        if reading.turns.len() > self.most
            && let Ok(digest) = Digest::of_visit(reading.visit)
        {
            self.witnesses.truncate(1);
            self.witnesses.push(digest);
            self.most = reading.turns.len();
        }
    }
}
