//! What twin visits were told: whether the two arms of a series A B B A were answered alike.
//!
//! Compared is what an honest server tells everybody: its software, features and banner, transactions, buried
//! histories and their outputs, and whether it answers at all. Left out is what differs from minute to minute or by
//! design: tips, estimates, statuses and balances (they change with the mempool; histories and outputs say the same
//! of what is buried), and peers, which ElectrumX draws by lot.

mod answers;

use std::collections::BTreeMap;

use model::{
    Purpose,
    finding::Digest,
    purpose::{Arm, Factor, Twin},
};
use serde::{Deserialize, Serialize};

use self::answers::Answers;
pub use self::answers::{Class, Question};
use crate::reading::Reading;

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Digests that are remembered of one factor and class.
const MOST_EVIDENCE: usize = 8;

/// The series of one host.
#[derive(Clone, Debug, Default)]
pub struct Twins {
    /// The series that is not whole yet.
    open: Vec<(Twin, Answers)>,
    /// What whole series showed.
    compared: BTreeMap<(Factor, Class), Compared>,
}

/// How series came out, of one factor and one class of questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Whole series.
    pub series: u32,
    /// Those in which each arm agreed with itself, and not with the other.
    pub apart: u32,
    /// Those in which an arm did not agree with itself: noise.
    pub noisy: u32,
    /// What was answered differently, the first time.
    pub question: Option<Question>,
    /// The exchanges that show it.
    pub evidence: Vec<Digest>,
}

/// What one visit of a series was told; nothing of a visit that is of none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note(Option<Box<(Twin, Answers)>>);

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let Purpose::Twin(twin) = &reading.visit.purpose else { return Self::default() };
        Self(Some(Box::new((twin.clone(), Answers::of(reading)))))
    }
}

impl Twins {
    /// Takes in what a visit was told. Visits come in the order of time.
    pub fn take(&mut self, note: &Note) {
        let Some(visit) = &note.0 else { return };
        let (twin, _) = &**visit;
        let belongs =
            |(other, _): &(Twin, Answers)| other.series == twin.series && other.factor == twin.factor;
        if !self.open.last().is_some_and(belongs) {
            self.open.clear();
        }
        self.open.push((**visit).clone());
        if self.open.len() == Arm::ORDER.len() {
            let (arms, visits): (Vec<Arm>, Vec<Answers>) =
                self.open.drain(..).map(|(twin, answers)| (twin.arm, answers)).unzip();
            if let (true, [a1, b1, b2, a2]) = (arms == Arm::ORDER, &visits[..]) {
                self.compare(twin.factor, [a1, b1, b2, a2]);
            }
        }
    }

    /// What whole series of one factor showed.
    pub fn compared(&self, factor: Factor) -> impl Iterator<Item = (Class, &Compared)> {
        let of_factor = self.compared.iter().filter(move |((of, _), _)| *of == factor);
        of_factor.map(|((_, class), compared)| (*class, compared))
    }

    fn compare(&mut self, factor: Factor, visits: [&Answers; 4]) {
        let rows = answers::compare(visits);
        for class in Class::ALL {
            let of = |pattern| rows.iter().filter(move |row| row.class == class && row.pattern == pattern);
            let (apart, noisy) = (of(Pattern::Apart).count(), of(Pattern::Noisy).count());
            let compared = self.compared.entry((factor, class)).or_default();
            compared.series = compared.series.saturating_add(1);
            if apart <= noisy {
                compared.noisy = compared.noisy.saturating_add(u32::from(noisy > 0));
                continue;
            }
            compared.apart = compared.apart.saturating_add(1);
            if let Some(row) = of(Pattern::Apart).next() {
                compared.question.get_or_insert(row.question);
                let room = MOST_EVIDENCE.saturating_sub(compared.evidence.len());
                compared.evidence.extend(row.digests.iter().take(room));
            }
        }
    }
}

/// How the answers to one question lie across a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// All are alike.
    Alike,
    /// Each arm agrees with itself, and not with the other.
    Apart,
    /// An arm does not agree with itself.
    Noisy,
}

impl Pattern {
    /// Of answers in the order A B B A.
    fn of<T: PartialEq>([a1, b1, b2, a2]: &[T; 4]) -> Self {
        match (a1 == a2 && b1 == b2, a1 == b1) {
            (true, true) => Self::Alike,
            (true, false) => Self::Apart,
            (false, _) => Self::Noisy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand_made::{World, visit};

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let twin = Twin { factor: Factor::SparrowName, arm: Arm::B, series: 1, place: 1 };
        let visit = visit("192.0.2.1", 0, Purpose::Twin(twin.clone()), World::new().honest());
        let note = Note::of(&Reading::of(&visit));
        assert!(note.0.as_ref().is_some_and(|told| told.0 == twin));
        let written = postcard::to_allocvec(&note).expect("writes");
        assert_eq!(postcard::from_bytes(&written), Ok(note));
    }
}
