//! Observations: what a conversation shows of the software, each a question and a trait of the answer.

use std::collections::BTreeSet;

use model::Visit;

use super::{
    answer,
    conversation::Conversation,
    grammar,
    json::Members,
    padding::Tally,
    question::{Era, Kind, Question},
};

/// What an observation is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A habit of writing, the same in every answer: `id sent as 1e2`.
    Grammar(&'static str),
    /// What is answered to a question under the rules agreed on: `server.ping()`, `1.4`.
    Answer(String, &'static str),
}

/// A question and a trait of its answer, both as the knowledge base words them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observation {
    /// What it is about.
    pub topic: Topic,
    /// What was seen.
    pub seen: String,
}

/// What a visit shows of the software.
#[must_use]
pub fn observe(visit: &Visit) -> BTreeSet<Observation> {
    of_conversations(&[Conversation::of(visit)])
}

/// What several conversations with one server show.
pub(crate) fn of_conversations(conversations: &[Conversation<'_>]) -> BTreeSet<Observation> {
    let mut all = BTreeSet::new();
    for conversation in conversations {
        of_answers(conversation, &mut all);
    }
    let tally = conversations.iter().map(Tally::of).fold(Tally::default(), Tally::join);
    all.extend(
        tally.padding().map(|seen| Observation { topic: Topic::Grammar("padding"), seen: seen.to_owned() }),
    );
    all
}

fn of_answers(conversation: &Conversation<'_>, all: &mut BTreeSet<Observation>) {
    let mut era = conversation.agreed;
    for turn in &conversation.turns {
        let (Some(mut question), Some(said)) = (turn.request.and_then(Question::read), &turn.answer) else {
            continue;
        };
        let greets = matches!(question.kind, Kind::Greeting | Kind::OddGreeting);
        if greets && era != Era::Unidentified {
            "a second server.version".clone_into(&mut question.text);
        }
        let line = said.line.trim();
        let members = Members::read(line);
        for (habit, seen) in grammar::seen(&question, line, members.as_ref()) {
            all.insert(Observation { topic: Topic::Grammar(habit), seen });
        }
        for (asked, seen) in answer::seen(&question, line, members.as_ref()) {
            all.insert(Observation { topic: Topic::Answer(asked, era.name()), seen });
        }
        if greets {
            era = Era::agreed(said.line).unwrap_or(era);
        }
    }
}
