//! The answers of one visit, as far as honest servers give the same to everybody, and those of four side by side.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use bitcoin::{OutPoint, Txid};
use electrum::{message::Answer, proof::ScriptHash};
use model::finding::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Pattern;
use crate::{
    proof::{self, BURIED},
    reading::{Reading, Turn},
};

/// Most lines of one answer that are compared. Objects have at most 200 transactions.
const LONGEST: usize = 1_000;

/// A question that both arms ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Question {
    /// What the software is (H1).
    Software,
    /// Its features (M1), but for the hosts: some servers name the address that the client came to.
    Features,
    /// Its banner (M2), but for numbers: operators write counters into it.
    Banner,
    /// A transaction (C7).
    Transaction(Txid),
    /// What is buried of a history (S2 to S8).
    History(ScriptHash),
    /// Outputs that are buried.
    Outputs(ScriptHash),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Software => f.write_str("its software"),
            Self::Features => f.write_str("its features"),
            Self::Banner => f.write_str("its banner"),
            Self::Transaction(txid) => write!(f, "transaction {txid}"),
            Self::History(script) => write!(f, "the history of script {script}"),
            Self::Outputs(script) => write!(f, "the outputs of script {script}"),
        }
    }
}

/// What honest servers vary, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What is buried in the chain: never, unless something is broken.
    Buried,
    /// How a server presents itself: where two stand behind one name.
    Presented,
    /// Whether it answers, and without an error: under load.
    Service,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Buried, Self::Presented, Self::Service];

    /// The class of what is told in answer to a question.
    fn of(question: Question) -> Self {
        match question {
            Question::Software | Question::Features | Question::Banner => Self::Presented,
            Question::Transaction(_) | Question::History(_) | Question::Outputs(_) => Self::Buried,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    /// A text, by its digest.
    Text(Digest),
    /// The heights of blocks, and what is in them: outputs and what they are worth, or transactions as their output 0
    /// that is worth nothing.
    Lines(Vec<(u32, OutPoint, u64)>),
    /// An error.
    Refused,
}

/// The answers of one visit to what was asked, with the exchanges that show them; none where none came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Answers {
    tip: u32,
    said: BTreeMap<Question, Option<(Told, Digest)>>,
}

impl Answers {
    pub(super) fn of(reading: &Reading<'_>) -> Self {
        let tip = reading.of_probe("C1").find_map(proof::best).map_or(0, |(height, _)| height);
        let mut answers = Self { tip, ..Self::default() };
        for turn in &reading.turns {
            let Some(question) = question(turn) else { continue };
            let said = answers.said.entry(question).or_default();
            if let Some(told) = told(question, turn) {
                *said = Some((told, turn.digest()));
            }
        }
        answers
    }

    fn to(&self, question: Question) -> Option<&(Told, Digest)> {
        self.said.get(&question)?.as_ref()
    }

    fn service(&self, question: Question) -> Service {
        match self.to(question) {
            None => Service::Silent,
            Some((Told::Refused, _)) => Service::Refused,
            Some(_) => Service::Answered,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Answered,
    Refused,
    /// Nothing came, or it could not be asked any more.
    Silent,
}

impl Told {
    /// As far as it is buried below a height.
    fn below(&self, floor: u32) -> Self {
        match self {
            Self::Lines(lines) => {
                Self::Lines(lines.iter().filter(|(height, ..)| *height <= floor).copied().collect())
            }
            told => told.clone(),
        }
    }
}

/// How the answers of a series to one question lie.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) class: Class,
    pub(super) question: Question,
    pub(super) pattern: Pattern,
    /// The exchanges that show it.
    pub(super) digests: Vec<Digest>,
}

/// The answers of a series side by side.
pub(super) fn compare(visits: [&Answers; 4]) -> Vec<Row> {
    let floor = visits.iter().map(|visit| visit.tip).min().unwrap_or(0).saturating_sub(BURIED);
    let questions: BTreeSet<Question> = visits.iter().flat_map(|visit| visit.said.keys()).copied().collect();
    let mut rows = Vec::new();
    for question in questions {
        let said = visits.map(|visit| visit.to(question));
        let digests: Vec<Digest> = said.iter().flatten().map(|(_, digest)| *digest).collect();
        let service = visits.map(|visit| visit.service(question));
        let pattern = Pattern::of(&service);
        rows.push(Row { class: Class::Service, question, pattern, digests: digests.clone() });
        if service == [Service::Answered; 4] {
            let told = said.map(|said| said.map(|(told, _)| told.below(floor)));
            rows.push(Row { class: Class::of(question), question, pattern: Pattern::of(&told), digests });
        }
    }
    rows
}

fn question(turn: &Turn<'_>) -> Option<Question> {
    match &*turn.exchange.probe {
        "H1" => Some(Question::Software),
        "M1" => Some(Question::Features),
        "M2" => Some(Question::Banner),
        "C7" => turn.params().map(|[txid]: [Txid; 1]| Question::Transaction(txid)),
        "S2" | "S3" | "S4" | "S5" | "S6" | "S7" | "S8" => {
            let script = turn.script()?;
            let history = turn.asks_script("get_history").then_some(Question::History(script));
            history.or_else(|| turn.asks_script("listunspent").then_some(Question::Outputs(script)))
        }
        _ => None,
    }
}

fn told(question: Question, turn: &Turn<'_>) -> Option<Told> {
    let Answer::Result(text) = turn.answer()? else { return Some(Told::Refused) };
    let read = match question {
        Question::Features => turn.result().map(without_hosts).map(|text| digest(&text)),
        Question::Banner => Some(digest(&without_numbers(text))),
        Question::History(_) => proof::history(turn).map(|items| {
            let line = |item: &electrum::proof::HistoryItem| {
                Some((u32::try_from(item.height).ok()?, OutPoint::new(item.txid, 0), 0))
            };
            lines(items.iter().filter_map(line))
        }),
        Question::Outputs(_) => proof::listed(turn).map(|listed| {
            lines(listed.iter().map(|(height, utxo)| (*height, utxo.outpoint, utxo.value.to_sat())))
        }),
        Question::Software | Question::Transaction(_) => None,
    };
    // What is not read as what it should be is compared as it is.
    Some(read.unwrap_or_else(|| digest(text)))
}

fn digest(text: &str) -> Told {
    Told::Text(Digest::of_bytes(text.as_bytes()))
}

/// What is confirmed, in one order.
fn lines(all: impl Iterator<Item = (u32, OutPoint, u64)>) -> Told {
    let mut lines: Vec<_> = all.filter(|(height, ..)| *height > 0).take(LONGEST).collect();
    lines.sort_unstable();
    Told::Lines(lines)
}

fn without_hosts(mut features: serde_json::Map<String, Value>) -> String {
    features.remove("hosts");
    Value::Object(features).to_string()
}

/// A text with one mark in place of each number.
fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            false => kept.push(c),
            true if kept.ends_with('#') => {}
            true => kept.push('#'),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_tell_banners_apart() {
        assert_eq!(without_numbers("up 12 days, 3 clients"), without_numbers("up 7 days, 1234 clients"));
        assert_ne!(without_numbers("up 12 days"), without_numbers("down 12 days"));
    }

    #[test]
    fn arms_are_apart_where_each_agrees_with_itself() {
        let pattern = |answers: &str| {
            let [a1, b1, b2, a2] = answers.as_bytes() else { panic!("{answers}") };
            Pattern::of(&[a1, b1, b2, a2])
        };
        assert_eq!(pattern("xxxx"), Pattern::Alike);
        assert_eq!(pattern("xyyx"), Pattern::Apart);
        for noise in ["xxxy", "xyxx", "xxyy", "xyxy", "xyyz", "xyzx", "wxyz"] {
            assert_eq!(pattern(noise), Pattern::Noisy, "{noise}");
        }
    }
}
