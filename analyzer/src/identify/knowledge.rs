//! What is known of each version of each implementation: which traits its capture shows for which question.
//! The data is analyzer/grammars.json, generated from analyzer/captures by `make grammars`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::{self, Write as _},
};

use serde::{Deserialize, Serialize};

use super::{
    conversation::Conversation,
    observe::{Observation, Topic, of_conversations},
    question::Era,
};
use crate::mark::Mark;

/// Versions that one knowledge base holds at most: a set of them is a word of bits.
const MOST: usize = 64;

/// Traits by what they are traits of.
type Traits = BTreeMap<String, BTreeSet<String>>;

/// A version, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

impl Version {
    /// Reads `1.20.0`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        numbers.ok().map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// One version of one implementation, and all traits seen of it.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) name: String,
    pub(super) version: Version,
    grammar: Traits,
    /// Questions in their order, and their answers by the protocol agreed on.
    answers: Vec<(String, Traits)>,
}

/// Everything known, by name and version.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    pub(super) rungs: Vec<Rung>,
    /// Where a question is: the places of versions, and its place among the questions of each. Every observation is
    /// looked up, and mostly everybody knows it.
    places: HashMap<String, Vec<(usize, usize)>>,
}

/// Why a text is no knowledge base.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// Not JSON of the right form.
    #[error("not a knowledge base: {0}")]
    Form(#[from] serde_json::Error),
    /// A heading that is no name and version.
    #[error("not a name and a version: {0:?}")]
    Heading(String),
    /// More versions than fit.
    #[error("more than {MOST} versions")]
    TooMany,
}

#[derive(Serialize, Deserialize)]
struct File {
    grammar: Traits,
    answers: BTreeMap<String, Traits>,
}

impl Knowledge {
    /// The knowledge base that comes with this program, as it is kept.
    pub(crate) const EMBEDDED: &str = include_str!("../../grammars.json");

    /// The knowledge base that comes with this program.
    ///
    /// # Errors
    /// None in practice: a test reads it.
    pub fn embedded() -> Result<Self, KnowledgeError> {
        Self::read(Self::EMBEDDED)
    }

    /// Reads a knowledge base.
    ///
    /// # Errors
    /// When the text is none.
    pub fn read(text: &str) -> Result<Self, KnowledgeError> {
        let files: BTreeMap<String, File> = serde_json::from_str(text)?;
        let mut rungs = Vec::new();
        for (heading, File { grammar, answers }) in files {
            let (name, version) = heading
                .rsplit_once(' ')
                .and_then(|(name, version)| Some((name.to_owned(), Version::read(version)?)))
                .ok_or_else(|| KnowledgeError::Heading(heading.clone()))?;
            rungs.push(Rung { name, version, grammar, answers: answers.into_iter().collect() });
        }
        Self::of(rungs)
    }

    fn of(mut rungs: Vec<Rung>) -> Result<Self, KnowledgeError> {
        if rungs.len() > MOST {
            return Err(KnowledgeError::TooMany);
        }
        rungs.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(Self { places: places(&rungs), rungs })
    }

    /// The same without one version: what would be known had it not been captured.
    #[must_use]
    pub fn without(&self, name: &str, version: &Version) -> Self {
        let others = self.rungs.iter().filter(|rung| rung.name != name || rung.version != *version);
        let rungs: Vec<Rung> = others.cloned().collect();
        Self { places: places(&rungs), rungs }
    }

    /// Learns from the conversations of one capture.
    ///
    /// # Errors
    /// When there are too many versions.
    pub(crate) fn with(
        mut self,
        name: &str,
        version: Version,
        conversations: &[Conversation<'_>],
    ) -> Result<Self, KnowledgeError> {
        let (mut grammar, mut answers) = (Traits::new(), BTreeMap::<String, Traits>::new());
        for Observation { topic, seen } in of_conversations(conversations) {
            let traits = match topic {
                Topic::Grammar(habit) => grammar.entry(habit.to_owned()).or_default(),
                Topic::Answer(question, era) => {
                    answers.entry(question).or_default().entry(era.to_owned()).or_default()
                }
            };
            traits.insert(seen);
        }
        let answers = answers.into_iter().collect();
        self.rungs.push(Rung { name: name.to_owned(), version, grammar, answers });
        Self::of(self.rungs)
    }

    /// The knowledge base as it is kept: one line a question, so that a difference between two versions of
    /// the file reads as a difference between servers.
    ///
    /// # Errors
    /// None in practice: maps of strings can be written as JSON.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for (index, rung) in self.rungs.iter().enumerate() {
            let heading = serde_json::to_string(&format!("{} {}", rung.name, rung.version))?;
            let lines = |entries: Vec<String>| entries.join(",\n      ");
            let grammar: Result<Vec<_>, _> = rung.grammar.iter().map(entry).collect();
            let answers: Result<Vec<_>, _> =
                rung.answers.iter().map(|(question, traits)| entry((question, traits))).collect();
            let _ = write!(
                text,
                "{}  {heading}: {{\n    \"grammar\": {{\n      {}\n    }},\n    \"answers\": {{\n      {}\n    }}\n  }}",
                if index == 0 { "{\n" } else { ",\n" },
                lines(grammar?),
                lines(answers?),
            );
        }
        text.push_str("\n}\n");
        Ok(text)
    }

    /// What observations say for and against each version.
    #[must_use]
    pub fn weigh(&self, observations: &BTreeSet<Observation>) -> Evidence {
        observations.iter().filter_map(|observation| self.weigh_one(observation)).collect()
    }

    fn weigh_one(&self, observation: &Observation) -> Option<Weighed> {
        let (mut covered, mut fits) = (0, 0);
        let mut note = |index: usize, fit: bool| {
            covered |= 1 << index;
            fits |= u64::from(fit) << index;
        };
        let seen = &observation.seen;
        match &observation.topic {
            Topic::Grammar(habit) => {
                for (index, rung) in self.rungs.iter().enumerate() {
                    if let Some(traits) = rung.grammar.get(*habit) {
                        note(index, traits.contains(seen));
                    }
                }
            }
            Topic::Answer(question, era) => {
                for (index, place) in self.places.get(question).into_iter().flatten() {
                    if let Some(fit) = fits_era(&self.rungs[*index].answers[*place].1, era, seen) {
                        note(*index, fit);
                    }
                }
            }
        }
        (covered != 0).then(|| Weighed { topic: Fingerprint::of(&observation.topic), covered, fits })
    }
}

/// One line of the file.
fn entry<T: Serialize>((question, traits): (&String, &T)) -> Result<String, serde_json::Error> {
    Ok(format!("{}: {}", serde_json::to_string(question)?, serde_json::to_string(traits)?))
}

fn places(rungs: &[Rung]) -> HashMap<String, Vec<(usize, usize)>> {
    let mut places: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    for (index, rung) in rungs.iter().enumerate() {
        for (place, (question, _)) in rung.answers.iter().enumerate() {
            places.entry(question.clone()).or_default().push((index, place));
        }
    }
    places
}

/// Whether a version answers a question so under the rules agreed on; `None` where its capture has nothing on that.
fn fits_era(by_era: &Traits, era: &str, seen: &String) -> Option<bool> {
    if let Some(traits) = by_era.get(era) {
        return Some(traits.contains(seen));
    }
    // Captured under other rules only: then it may be answered as under any of them.
    let first = Era::Unidentified.name();
    let mut others = by_era.iter().filter(|(other, _)| (*other == first) == (era == first)).peekable();
    others.peek()?;
    Some(others.any(|(_, traits)| traits.contains(seen)))
}

/// What visits say for and against each version: some bytes an observation, whatever a server sent. Each observation is
/// there once, and they are in order: a set would take twice the memory, and there is one of each host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence(Vec<Weighed>);

/// An observation, weighed: which versions' captures cover it, and which of these show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Weighed {
    topic: Fingerprint,
    pub(super) covered: u64,
    pub(super) fits: u64,
}

/// Tells topics apart, the same in every program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Fingerprint {
    Grammar(Mark),
    Answer(Mark),
}

impl Fingerprint {
    fn of(topic: &Topic) -> Self {
        match topic {
            Topic::Grammar(habit) => Self::Grammar(Mark::of(habit.as_bytes())),
            Topic::Answer(question, era) => {
                Self::Answer(Mark::of_parts([question.as_bytes(), era.as_bytes()]))
            }
        }
    }
}

impl Weighed {
    /// Whether it is about how answers are written.
    pub(super) fn is_grammar(self) -> bool {
        matches!(self.topic, Fingerprint::Grammar(_))
    }
}

impl Evidence {
    /// Adds what another visit to the same server says.
    pub fn extend(&mut self, other: &Self) {
        let is_new = |weighed: &&Weighed| self.0.binary_search(weighed).is_err();
        let new: Vec<Weighed> = other.0.iter().filter(is_new).copied().collect();
        if !new.is_empty() {
            self.0.reserve_exact(new.len());
            self.0.extend(new);
            self.0.sort_unstable();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Weighed> + Clone {
        self.0.iter().copied()
    }
}

impl FromIterator<Weighed> for Evidence {
    fn from_iter<I: IntoIterator<Item = Weighed>>(weighed: I) -> Self {
        let mut all: Vec<Weighed> = weighed.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}
