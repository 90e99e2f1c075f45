//! What one visit shows, without what was said: the first half of the features, which looks at bytes and at nothing
//! else. The second half, a dossier, is made of notes alone, so that notes can be kept beside the visits and a visit be
//! read once in its life.
//!
//! A note says the same whatever other visits showed. It is written without the names of its fields, and read only by
//! programs of the same sources: whoever changes any of them need not think of notes.

use std::sync::Arc;

use model::{Visit, archive::Beside, finding::Digest};
use serde::{Deserialize, Serialize};

use crate::{
    features::{canary, claims, identity, node, place, refusals, software, timing, tls, twins},
    identify::{Knowledge, KnowledgeError},
    reading::Reading,
    visited::Visited,
};

/// Notes, as they are kept beside the visits of an archive ([`Archive::with`](model::Archive::with)).
///
/// # Errors
/// What is known of software cannot be read.
pub fn beside() -> Result<Beside, KnowledgeError> {
    let knowledge = Knowledge::embedded()?;
    let record = move |visit: &Visit, digest| Note::of(visit, digest, &knowledge).write();
    Ok(Beside { kind: "notes", made_by: env!("NOTES_MADE_BY"), record: Arc::new(record) })
}

/// What a visit shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The visit itself.
    pub visited: Visited,
    /// What the host alone was told.
    pub canaries: canary::Note,
    /// What it says of the chain.
    pub claims: claims::Note,
    /// What it says of itself.
    pub identity: identity::Note,
    /// What shows of its node.
    pub node: node::Note,
    /// Where it is, and whom it names.
    pub place: place::Note,
    /// What it says to a transaction that no node can take.
    pub refusals: refusals::Note,
    /// How it speaks.
    pub software: software::Note,
    /// How long its answers take.
    pub timing: timing::Note,
    /// What it shows when it shakes hands.
    pub tls: tls::Note,
    /// What it said to one arm of a comparison.
    pub twins: twins::Note,
}

impl Note {
    /// What a visit shows, whose digest is that of its line.
    #[must_use]
    pub fn of(visit: &Visit, digest: Digest, knowledge: &Knowledge) -> Self {
        let (reading, visited) = (Reading::of(visit), Visited::of(visit, digest));
        Self {
            canaries: canary::Note::of(&reading),
            claims: claims::Note::of(&reading),
            identity: identity::Note::of(&reading),
            node: node::Note::of(&reading),
            place: place::Note::of(&reading, &visited),
            refusals: refusals::Note::of(&reading),
            software: software::Note::of(&reading, knowledge),
            timing: timing::Note::of(&reading),
            tls: tls::Note::of(&reading),
            twins: twins::Note::of(&reading),
            visited,
        }
    }

    /// A note that was written; none where it is something else.
    #[must_use]
    pub fn read(record: &[u8]) -> Option<Self> {
        let (note, rest) = postcard::take_from_bytes(record).ok()?;
        rest.is_empty().then_some(note)
    }

    /// Writes it.
    fn write(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use model::{
        Purpose,
        purpose::{Arm, Factor, Twin},
    };
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        hand_made::{World, visit},
        testing::{answers, certificate, fees, knowledge, light, naming},
    };

    fn note(visit: &Visit) -> Note {
        Note::of(visit, Digest::of_visit(visit).expect("writes"), &knowledge())
    }

    /// Visits that show something of each kind.
    fn visits() -> Vec<Visit> {
        const HOST: &str = "ssl://192.0.2.1:50002";
        let said = [
            ("H1", r#"["ElectrumX 1.20.0","1.4"]"#),
            ("M1", r#"{"hosts":{"a.example":{}},"protocol_min":"1.4","protocol_max":"1.6"}"#),
            ("M2", r#""Write to a@b.example""#),
            ("M3", r#""bc1q""#),
            ("F2", "[[12.5,300],[3,7],[1,7]]"),
            ("M7", "0.00001"),
        ];
        let mut talks = certificate(answers(HOST, 0, &said), "a.example", 1_700_000_000, "key");
        talks.resolution.addresses = ["192.0.2.1".parse().expect("an address")].into();
        talks.detail = Some("for a reason".to_owned());
        let twin = Twin { factor: Factor::SparrowName, arm: Arm::A, series: 7, place: 0 };
        let twin = Visit { purpose: Purpose::Twin(twin), ..talks.clone() };
        let hears = fees(HOST, 60, 7, &[9_000, 5_000, 3_000, 2_000]);
        let (world, deep) = (World::new(), |exchanges| visit("192.0.2.9", 0, Purpose::Deep, exchanges));
        let honest = deep(world.honest());
        let lie = json!([{"tx_hash": world.payment.compute_txid(), "height": 4}]);
        let lies = deep(world.lying("S4", 1, &lie));
        vec![light(HOST, 0), talks, twin, hears, naming(HOST, &["b.example".to_owned()]), honest, lies]
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        for visit in visits() {
            let note = note(&visit);
            let record = note.write().expect("writes");
            assert_eq!(Note::read(&record), Some(note), "{visit:?}");
            assert_eq!(Note::read(&[&record[..], b"x"].concat()), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_note_or_none(bytes: Vec<u8>, at in 0_usize..2_000, to: u8) {
            static RECORD: LazyLock<Vec<u8>> = LazyLock::new(|| note(&visits()[1]).write().expect("writes"));
            let again = |note: Note| note.write().is_some_and(|record| Note::read(&record).is_some());
            let readable = |record: &[u8]| Note::read(record).is_none_or(again);
            prop_assert!(readable(&bytes));
            let mut record = RECORD.clone();
            let at = at % record.len();
            record[at] = to;
            prop_assert!(readable(&record));
        }
    }
}
