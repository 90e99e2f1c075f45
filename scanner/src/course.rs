//! The course of a conversation: which questions in which round, and how it ended. A round is everything that
//! what is known by then allows, in one write; what may be answered by an error comes last, one by one.

use electrum::{message::Answer, session::SessionError};
use model::Outcome;

use crate::{
    acquaintance::claims_to_be_fragile,
    agenda::Agenda,
    conversation::{Conversation, Question, Round},
    outcome::of_session,
    probe::{Known, Needs, Occasion, Pace, Probe, Protocol, probe},
};

/// Time per call after which a one-by-one probe has shown what it can: ElectrumX from 1.18 on delays
/// small answers on purpose, by a second each.
const SLOW_CALL: std::time::Duration = std::time::Duration::from_millis(800);

/// How long a server that holds answers back must have been silent to write the next one at once, with a tenth of a
/// second to spare: ElectrumX's second begins with its latest write.
const REST: std::time::Duration = std::time::Duration::from_millis(1_100);

/// How a conversation went, as far as the visit is concerned.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<String>,
    /// The whole `result` of the peer list, where one came (M4).
    pub(crate) peers: Option<Vec<u8>>,
    /// The whole `result` of the features, where they came (M1).
    pub(crate) features: Option<Vec<u8>>,
}

impl Course {
    pub(crate) fn new(outcome: Outcome, detail: impl Into<Option<String>>) -> Self {
        Self { outcome, detail: detail.into(), peers: None, features: None }
    }
}

/// Asks all that is on the agenda, as far as the server goes along.
pub(crate) async fn follow(conversation: &mut Conversation, agenda: &Agenda, known: &mut Known) -> Course {
    let mut learnt = Learnt::default();
    let ended = ask_all(conversation, agenda, known, &mut learnt).await;
    Course { peers: learnt.peers, features: learnt.features, ..ended.unwrap_or_else(|early| early) }
}

/// What answers taught that the next rounds do not need.
#[derive(Default)]
struct Learnt {
    peers: Option<Vec<u8>>,
    features: Option<Vec<u8>>,
}

/// Either way says how it ended; `Err` where it ended early.
async fn ask_all(
    conversation: &mut Conversation,
    agenda: &Agenda,
    known: &mut Known,
    learnt: &mut Learnt,
) -> Result<Course, Course> {
    let mut left = agenda.probes();
    while !left.is_empty() && !conversation.has_erred_enough() {
        let (ready, rest): (Vec<&Probe>, Vec<&Probe>) =
            left.into_iter().partition(|probe| known.satisfies(probe.needs));
        if ready.is_empty() {
            break;
        }
        left = rest;
        let (fast, slow): (Vec<&Probe>, Vec<&Probe>) =
            ready.into_iter().partition(|probe| probe.pace == Pace::Pipelined);
        for probe in slow {
            for question in Question::of(probe, known).collect::<Vec<_>>() {
                if probe.pace == Pace::Rested && conversation.is_padded() {
                    tokio::time::sleep(REST).await;
                }
                round(conversation, vec![question], agenda, known, learnt).await?;
                let slow = conversation.time_of(probe.id).is_none_or(|took| took > SLOW_CALL);
                if probe.pace == Pace::OneByOne && slow {
                    break;
                }
            }
        }
        let questions = fast.iter().flat_map(|probe| Question::of(probe, known)).collect();
        round(conversation, questions, agenda, known, learnt).await?;
        let greeted = fast.iter().any(|probe| probe.needs == Needs::Connection);
        if greeted && known.protocol.is_none() && !is_opening(agenda) {
            return Err(ungreeted(conversation));
        }
    }
    for card in agenda.cards() {
        if known.fragile || !known.satisfies(card.needs) {
            continue;
        }
        for question in Question::of(card, known).collect::<Vec<_>>() {
            if !conversation.affords(&question) {
                continue;
            }
            // A good request before each bad one: some servers count how many more were bad than good.
            let good = probe("M5").and_then(|ping| Question::of(ping, known).next());
            round(conversation, good.into_iter().chain([question]).collect(), agenda, known, learnt).await?;
        }
    }
    Ok(Course::new(Outcome::Answered, None))
}

fn is_opening(agenda: &Agenda) -> bool {
    matches!(agenda, Agenda::Opening(_))
}

async fn round(
    conversation: &mut Conversation,
    questions: Vec<Question>,
    agenda: &Agenda,
    known: &mut Known,
    learnt: &mut Learnt,
) -> Result<(), Course> {
    if questions.is_empty() {
        return Ok(());
    }
    match conversation.ask(questions, |probe, answer| learn(known, learnt, probe, answer)).await {
        // Ours ran out; what did come in the meantime says more.
        Round::Ended(SessionError::OutOfTime) if known.protocol.is_none() => Err(ungreeted(conversation)),
        // To hang up is one of the answers to what is wrong.
        Round::Ended(SessionError::Closed | SessionError::Broken(_)) if provoked(conversation, agenda) => {
            Err(Course::new(Outcome::Answered, "hung up on what was wrong".to_owned()))
        }
        round => early_end(conversation, round).map_or(Ok(()), Err),
    }
}

/// How a conversation ended in a round, if it did.
pub(crate) fn early_end(conversation: &Conversation, round: Round) -> Option<Course> {
    match round {
        Round::Done => None,
        Round::ToldToStop(said) => Some(Course::new(Outcome::ToldToStop, said)),
        Round::SlowedDown => {
            conversation.leave_alone();
            Some(Course::new(Outcome::Answered, "left early: its answers became slow".to_owned()))
        }
        Round::Ended(error) => {
            if let SessionError::Broken(std::io::ErrorKind::ConnectionReset) = error {
                conversation.leave_alone();
            }
            Some(Course::new(of_session(&error), error.to_string()))
        }
    }
}

/// Whether the latest question was a wrong one.
fn provoked(conversation: &Conversation, agenda: &Agenda) -> bool {
    let latest = conversation.latest_probe().and_then(probe);
    is_opening(agenda)
        || latest.is_some_and(|probe| {
            matches!(probe.occasion, Occasion::Card | Occasion::Disguised | Occasion::Last)
        })
}

/// Takes from an answer what later questions need.
fn learn(known: &mut Known, learnt: &mut Learnt, probe: &str, answer: &Answer<'_>) {
    #[derive(serde::Deserialize)]
    struct Best {
        height: u32,
    }
    match (probe, answer) {
        ("H1", answer) => {
            let greeting = answer.result::<(String, String)>();
            known.fragile = greeting.as_ref().is_some_and(|(software, _)| claims_to_be_fragile(software));
            known.protocol = greeting.map(|(_, version)| Protocol::read(&version));
        }
        ("C1", answer) => known.tip = answer.result::<Best>().map(|best| best.height),
        ("M1", Answer::Result(result)) => learnt.features = Some(result.as_bytes().to_vec()),
        ("M4", Answer::Result(result)) => learnt.peers = Some(result.as_bytes().to_vec()),
        ("S1", Answer::Result(_)) => known.script_answered = true,
        _ => {}
    }
}

/// What a server is that did not greet us back.
fn ungreeted(conversation: &Conversation) -> Course {
    match (conversation.answer_of("H1"), conversation.unasked()) {
        (Some(Answer::Error(error)), _) => {
            // It speaks the protocol, and not with us.
            let said = electrum::text::printable(&error.message, 80);
            Course::new(Outcome::Answered, format!("greeting refused: {said}"))
        }
        (Some(Answer::Result(_)), _) => {
            Course::new(Outcome::NotElectrum, "the greeting's answer is not a name and a version".to_owned())
        }
        (None, 0) => Course::new(Outcome::TimedOut, "no answer to the greeting".to_owned()),
        (None, n) => {
            Course::new(Outcome::NotElectrum, format!("{n} messages, none of them an answer to the greeting"))
        }
    }
}
