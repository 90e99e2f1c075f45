//! A session that pays for what it says. The one place where requests leave this program: a call that
//! the permit does not cover is not sent.

use std::time::Duration;

use electrum::{
    Endpoint,
    dial::{DialError, Dialer, Route},
    limits::Limits,
    message::{Answer, Id, Request, RpcError},
    session::{Event, Line, Session, SessionError, Ticket},
    tls,
};
use model::{
    Exchange, Recorded, Seconds,
    exchange::Reply,
    visit::{Heard, Timings, Traffic, Unasked},
};
use tokio::time::Instant;

use crate::{
    agenda::Agenda,
    ledger::{CONNECTION_COST, ERROR_COST, Permit},
    listen,
    probe::{Call, Form, Known, Probe},
};

/// How long a round waits for its next answer. Some servers are silent where others send an error.
const PATIENCE: Duration = Duration::from_secs(15);
/// A server whose answers take so many times as long as its first one has enough of us.
const SLOWED_DOWN: u32 = 5;
/// Below this nobody is slow: ElectrumX from 1.18 on delays small answers by a second on purpose.
const NOT_SLOW: Duration = Duration::from_secs(3);

/// A conversation under way, and everything that was said so far.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    permit: Permit,
    began: Instant,
    next_id: u32,
    /// How long the first answer took.
    first_took: Option<Duration>,
    exchanges: Vec<Exchange>,
    unasked: Vec<Heard>,
    keeps: usize,
    /// Whether an answer was padded.
    padded: bool,
}

/// When a conversation begins, and how far it may go.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The moment from which all its times are counted.
    pub began: Instant,
    /// What the server may send.
    pub limits: Limits,
    /// Messages that are kept of those that nobody asked for.
    pub keeps: usize,
    /// Decides the id of the first request. Not to be guessed: an answer that was sent before its question cannot
    /// match it.
    pub lot: u32,
}

impl Scope {
    /// That of an agenda, with the limits of a usual session.
    pub(crate) fn of(agenda: &Agenda, began: Instant, usual: Limits, lot: u32) -> Self {
        match agenda {
            Agenda::Watch(_) => {
                Self { began, limits: listen::limits(usual), keeps: listen::MOST_HEARD as usize, lot }
            }
            _ => Self { began, limits: usual, keeps: Unasked::KEPT, lot },
        }
    }
}

/// What opening a connection showed, whether it led to a conversation or not.
#[derive(Debug)]
pub struct Opened {
    /// Phases of the connection.
    pub timings: Timings,
    /// What TLS showed.
    pub tls: Option<tls::Facts>,
    /// Bytes over the socket, to be read when all is said.
    pub meter: electrum::meter::Meter,
    /// The conversation; else the permit, for what remains to be done.
    pub conversation: Result<Box<Conversation>, (DialError, Permit)>,
}

/// What was said, when all is said.
#[derive(Debug)]
pub struct Transcript {
    /// Requests and answers.
    pub exchanges: Vec<Exchange>,
    /// What nobody asked for.
    pub unasked: Unasked,
    /// E spent.
    pub cost: f64,
}

/// A call, and the probe it belongs to.
#[derive(Clone, Debug)]
pub struct Question {
    /// The probe's name.
    pub probe: &'static str,
    /// What an error in answer to it costs, where one is to be expected.
    pub risk: Option<f64>,
    /// The call.
    pub call: Call,
}

impl Question {
    /// All that a probe asks.
    pub fn of<'a>(probe: &'a Probe, known: &Known) -> impl Iterator<Item = Self> + use<'a> {
        let wanted = !known.disabled.contains(probe.id);
        let calls = wanted.then(|| (probe.calls)(known)).into_iter().flatten();
        calls.map(|call| Self { probe: probe.id, risk: probe.occasion.risk(), call })
    }
}

/// How a round of calls ended.
#[derive(Debug)]
pub enum Round {
    /// Everything was answered, or the rest was not worth waiting for.
    Done,
    /// The server asked us to stop.
    ToldToStop(String),
    /// The server became so slow that it seems to have enough of us.
    SlowedDown,
    /// The session ended.
    Ended(SessionError),
}

/// What a round waits for.
struct Awaited {
    ticket: Ticket,
    exchange: usize,
    risk: Option<f64>,
}

impl Conversation {
    /// Opens a connection, and charges it.
    pub async fn open(
        dialer: &Dialer,
        endpoint: &Endpoint,
        route: &Route,
        mut permit: Permit,
        scope: Scope,
    ) -> Opened {
        // The first charge of a permit always fits: a budget below it would buy nothing.
        let _ = permit.charge(CONNECTION_COST);
        let dialled = dialer.dial(endpoint, route, &scope.limits).await;
        let seconds = |duration: Option<Duration>| duration.map(Seconds::from);
        let timings = Timings {
            connect: seconds(dialled.connect),
            tls: seconds(dialled.tls_handshake),
            websocket: seconds(dialled.websocket),
            ..Timings::default()
        };
        let conversation = match dialled.session {
            Err(error) => Err((error, permit)),
            Ok(session) => Ok(Box::new(Self::over(session, permit, scope))),
        };
        Opened { timings, tls: dialled.tls, meter: dialled.meter, conversation }
    }

    pub(crate) fn over(session: Session, permit: Permit, scope: Scope) -> Self {
        Self {
            session,
            permit,
            began: scope.began,
            next_id: 1_000 + scope.lot % 999_000,
            first_took: None,
            exchanges: Vec::new(),
            unasked: Vec::new(),
            keeps: scope.keeps,
            padded: false,
        }
    }

    /// Asks questions in one write and waits for their answers; `read` sees each answer whole, as it comes.
    /// What the budget does not cover is left out, and so is what may be answered by an error once there were
    /// errors enough.
    pub async fn ask(
        &mut self,
        questions: impl IntoIterator<Item = Question>,
        mut read: impl FnMut(&str, &Answer<'_>),
    ) -> Round {
        let sent = Seconds::from(self.began.elapsed());
        let first = self.exchanges.len();
        let (mut requests, mut risks) = (Vec::new(), Vec::new());
        for Question { probe, risk, call } in questions {
            let affordable = match risk {
                Some(error_cost) => self.permit.risk(call.cost, error_cost),
                None => self.permit.charge(call.cost),
            };
            if !affordable {
                continue;
            }
            let request = self.request(probe, risk.is_some(), &call);
            self.permit.charge_bytes(request.bytes().len() + 1);
            let recorded = Recorded::new(request.bytes(), Recorded::LIMIT);
            self.exchanges.push(Exchange { probe: probe.into(), request: recorded, sent, answer: None });
            requests.push(request);
            risks.push(risk);
        }
        if requests.is_empty() {
            return Round::Done;
        }
        let tickets = match self.session.send(requests).await {
            Ok(tickets) => tickets,
            Err(error) => return Round::Ended(error),
        };
        let mut awaited: Vec<Awaited> = (first..)
            .zip(tickets)
            .zip(risks)
            .map(|((exchange, ticket), risk)| Awaited { ticket, exchange, risk })
            .collect();
        let round = self.listen(&mut awaited, &mut read).await;
        // Who keeps silent until we lose patience sends no error any more.
        for risk in awaited.into_iter().filter_map(|awaited| awaited.risk) {
            self.permit.risk_over(risk);
        }
        round
    }

    async fn listen(
        &mut self,
        awaited: &mut Vec<Awaited>,
        read: &mut impl FnMut(&str, &Answer<'_>),
    ) -> Round {
        let asked = Instant::now();
        let mut slowed_down = false;
        while !awaited.is_empty() {
            let (ticket, line) = match tokio::time::timeout(PATIENCE, self.session.receive()).await {
                Err(_) => return Round::Done,
                Ok(Err(error)) => return Round::Ended(error),
                Ok(Ok(Event::Unasked(line))) => {
                    self.keep_unasked(&line);
                    continue;
                }
                Ok(Ok(Event::Answer(ticket, line))) => (ticket, line),
            };
            let length = without_padding(&line.bytes);
            self.permit.charge_bytes(length);
            self.padded |= length < line.bytes.len();
            // An answer to an earlier round is late, and still an answer.
            let Some(index) = awaited.iter().position(|awaited| awaited.ticket == ticket) else { continue };
            let Awaited { exchange, risk, .. } = awaited.swap_remove(index);
            if let Some(risk) = risk {
                self.permit.risk_over(risk);
            }
            let took = line.first_byte.saturating_duration_since(asked);
            let first_took = *self.first_took.get_or_insert(took);
            slowed_down |= has_enough(took, first_took);
            let since = |at: Instant| Seconds::from(at.saturating_duration_since(self.began));
            let reply = Reply {
                response: Recorded::new(&line.bytes, Recorded::LIMIT),
                first_byte: since(line.first_byte),
                last_byte: since(line.last_byte),
            };
            let Some(exchange) = self.exchanges.get_mut(exchange) else { continue };
            exchange.answer = Some(reply);
            let Some(answer) = Answer::read(&line.bytes) else { continue };
            if let Answer::Error(error) = &answer {
                self.permit.charge_error(risk.unwrap_or(ERROR_COST));
                if error.says_stop() {
                    return self.told_to_stop(error);
                }
            }
            read(&exchange.probe, &answer);
        }
        if slowed_down { Round::SlowedDown } else { Round::Done }
    }

    /// Waits for a message that nobody asked for, or until a time. Safe to cancel.
    ///
    /// # Errors
    /// When the session ended.
    pub async fn hear(&mut self, until: Instant) -> Result<(), SessionError> {
        match tokio::time::timeout_at(until, self.session.receive()).await {
            Err(_) => {}
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Event::Unasked(line))) => self.keep_unasked(&line),
            // Too late for its round.
            Ok(Ok(Event::Answer(_, line))) => self.permit.charge_bytes(without_padding(&line.bytes)),
        }
        Ok(())
    }

    fn told_to_stop(&self, error: &RpcError) -> Round {
        self.leave_alone();
        Round::ToldToStop(electrum::text::printable(&error.message, 80))
    }

    /// The server showed that it has enough of us.
    pub fn leave_alone(&self) {
        self.permit.leave_alone(Instant::now());
    }

    fn keep_unasked(&mut self, line: &Line) {
        self.permit.charge_bytes(without_padding(&line.bytes));
        if self.unasked.len() < self.keeps {
            let at = line.last_byte.saturating_duration_since(self.began).into();
            self.unasked.push(Heard { at, line: Recorded::new(&line.bytes, Unasked::LIMIT) });
        }
    }

    fn request(&mut self, probe: &str, risky: bool, call: &Call) -> Request {
        let params = call.params.to_string();
        let plain = |id: Id| Request::call(id, call.method, &params);
        let request = match call.form {
            Form::Plain => plain(self.id(probe)),
            Form::WithoutVersion => Request::without_version(self.id(probe), call.method, &params),
            Form::Batch(calls) => {
                let calls: Vec<Request> = (0..calls).map(|_| plain(self.id(probe))).collect();
                return Request::batch(&calls);
            }
            Form::CutOff => {
                let whole = plain(self.id(probe));
                let text = String::from_utf8_lossy(whole.bytes()).into_owned();
                return Request::unreadable(text.trim_end_matches('}'));
            }
        };
        // What is wrong may be answered without the id: some servers do not read so far.
        if risky { request.or_null() } else { request }
    }

    fn id(&mut self, probe: &str) -> Id {
        self.next_id += 1;
        // The greeting's id comes back in a form that tells JSON libraries apart.
        if probe == "H1" { Id::hundreds(self.next_id) } else { Id::number(self.next_id) }
    }

    /// Whether the server pads its answers, which it then also holds back for up to a second.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        self.padded
    }

    /// Messages so far that nobody asked for.
    #[must_use]
    pub fn unasked(&self) -> u32 {
        self.session.unasked()
    }

    /// Those of them that were kept.
    #[must_use]
    pub fn heard(&self) -> &[Heard] {
        &self.unasked
    }

    /// Whether so much may be spent yet, in E.
    #[must_use]
    pub fn has_left(&self, cost: f64) -> bool {
        self.permit.affords(cost)
    }

    /// Has the ledger count what was spent by now.
    pub fn settle(&mut self) {
        self.permit.settle(Instant::now());
    }

    /// Charges what answers show that they cost beyond what was charged for them.
    pub(crate) fn charge_more(&mut self, cost: f64) {
        self.permit.charge_more(cost);
    }

    /// Whether the error that may answer a question can be afforded, with a small good request before it.
    #[must_use]
    pub fn affords(&self, question: &Question) -> bool {
        self.permit.affords_risk(question.call.cost + 1.0, question.risk.unwrap_or_default())
    }

    /// Whether there were as many errors as one session may have.
    #[must_use]
    pub fn has_erred_enough(&self) -> bool {
        self.permit.has_erred_enough()
    }

    /// The exchanges of a probe so far, in the order of its calls.
    pub fn exchanges_of<'a>(&'a self, probe: &'a str) -> impl DoubleEndedIterator<Item = &'a Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.probe == probe)
    }

    /// The probe asked last.
    #[must_use]
    pub fn latest_probe(&self) -> Option<&str> {
        self.exchanges.last().map(|exchange| &*exchange.probe)
    }

    /// The latest answer to a probe.
    #[must_use]
    pub fn answer_of(&self, probe: &str) -> Option<Answer<'_>> {
        let exchange = self.exchanges.iter().rev().find(|exchange| exchange.probe == probe)?;
        Answer::read(exchange.answer.as_ref()?.response.bytes())
    }

    /// How long the latest exchange of a probe waited for the first byte of its answer.
    #[must_use]
    pub fn time_of(&self, probe: &str) -> Option<Duration> {
        let exchange = self.exchanges_of(probe).next_back()?;
        let answer = exchange.answer.as_ref()?;
        Some(Duration::from(answer.first_byte).saturating_sub(exchange.sent.into()))
    }

    /// Hangs up and hands over what was said.
    pub async fn close(self) -> Transcript {
        let unasked = Unasked { count: self.session.unasked(), first: self.unasked };
        self.session.close().await;
        Transcript { exchanges: self.exchanges, unasked, cost: self.permit.spent() }
    }
}

/// Whether an answer took so long, compared with the first, that the server seems to have enough of us.
fn has_enough(took: Duration, first_took: Duration) -> bool {
    took > (first_took * SLOWED_DOWN).max(NOT_SLOW)
}

/// The length of a line as ElectrumX charges it: the spaces before its last bracket are free.
fn without_padding(line: &[u8]) -> usize {
    let Some((_bracket, rest)) = line.split_last() else { return 0 };
    rest.trim_ascii_end().len() + 1
}

/// Reads a meter.
#[must_use]
pub fn traffic(meter: &electrum::meter::Meter) -> Traffic {
    Traffic { read: meter.read(), written: meter.written() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_five_times_as_long_as_at_first_has_enough() {
        let seconds = Duration::from_secs_f64;
        assert!(!has_enough(seconds(2.9), seconds(0.01)), "padding takes a second");
        assert!(has_enough(seconds(3.1), seconds(0.01)));
        assert!(!has_enough(seconds(4.9), seconds(1.0)) && has_enough(seconds(5.1), seconds(1.0)));
    }

    #[test]
    fn padding_is_free() {
        assert_eq!(without_padding(b"{\"id\":1          }"), 8);
        assert_eq!(without_padding(b"[]"), 2);
        assert_eq!(without_padding(b""), 0);
    }
}
