//! A session that pays for what it says. The one place where requests leave this program: a call that
//! the permit does not cover is not sent.

use std::time::Duration;

use electrum::{
    Endpoint,
    dial::{DialError, Dialer, Route},
    message::{Answer, Id, Request},
    session::{Event, Line, Session, SessionError, Ticket},
    tls,
};
use model::{
    Exchange, Recorded, Seconds,
    exchange::Reply,
    visit::{Timings, Traffic, Unasked},
};
use tokio::time::Instant;

use crate::{
    ledger::{CONNECTION_COST, Permit},
    probe::Call,
};

/// How long a round waits for its next answer. Some servers are silent where others send an error.
const PATIENCE: Duration = Duration::from_secs(15);

/// A conversation under way, and everything that was said so far.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    permit: Permit,
    began: Instant,
    next_id: u32,
    exchanges: Vec<Exchange>,
    unasked: Vec<Recorded>,
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

/// How a round of calls ended.
#[derive(Debug)]
pub enum Round {
    /// Everything was answered, or the rest was not worth waiting for.
    Done,
    /// The server asked us to stop.
    ToldToStop(String),
    /// The session ended.
    Ended(SessionError),
}

impl Conversation {
    /// Opens a connection, and charges it.
    pub async fn open(dialer: &Dialer, endpoint: &Endpoint, route: &Route, mut permit: Permit) -> Opened {
        let began = Instant::now();
        // The first charge of a permit always fits: a budget below it would buy nothing.
        let _ = permit.charge(CONNECTION_COST);
        let dialled = dialer.dial(endpoint, route).await;
        let seconds = |duration: Option<Duration>| duration.map(Seconds::from);
        let timings = Timings {
            connect: seconds(dialled.connect),
            tls: seconds(dialled.tls_handshake),
            websocket: seconds(dialled.websocket),
            ..Timings::default()
        };
        let conversation = match dialled.session {
            Err(error) => Err((error, permit)),
            Ok(session) => Ok(Box::new(Self {
                session,
                permit,
                began,
                // Not to be guessed: an answer that was sent before its question cannot match it.
                next_id: rand::random_range(1_000..1_000_000),
                exchanges: Vec::new(),
                unasked: Vec::new(),
            })),
        };
        Opened { timings, tls: dialled.tls, meter: dialled.meter, conversation }
    }

    /// Makes calls in one write and waits for their answers; `read` sees each answer whole, as it comes.
    /// Calls that the budget does not cover are left out.
    pub async fn ask(
        &mut self,
        calls: impl IntoIterator<Item = (&'static str, Call)>,
        mut read: impl FnMut(&'static str, &Answer<'_>),
    ) -> Round {
        let (mut requests, mut probes) = (Vec::new(), Vec::new());
        for (probe, call) in calls {
            if self.permit.charge(call.cost) {
                let request = Request::call(self.id(probe), call.method, &call.params.to_string());
                let recorded = Recorded::new(request.bytes(), Recorded::LIMIT);
                probes.push((probe, recorded));
                requests.push(request);
            }
        }
        if requests.is_empty() {
            return Round::Done;
        }
        let sent = Seconds::from(self.began.elapsed());
        let first = self.exchanges.len();
        self.exchanges.extend(probes.into_iter().map(|(probe, request)| Exchange {
            probe: probe.into(),
            request,
            sent,
            answer: None,
        }));
        let tickets = match self.session.send(requests).await {
            Ok(tickets) => tickets,
            Err(error) => return Round::Ended(error),
        };
        self.listen(&tickets, first, &mut read).await
    }

    async fn listen(
        &mut self,
        tickets: &[Ticket],
        first: usize,
        read: &mut impl FnMut(&'static str, &Answer<'_>),
    ) -> Round {
        let mut waiting = tickets.len();
        while waiting > 0 {
            let (ticket, line) = match tokio::time::timeout(PATIENCE, self.session.receive()).await {
                Err(_) => return Round::Done,
                Ok(Err(error)) => return Round::Ended(error),
                Ok(Ok(Event::Unasked(line))) => {
                    self.keep_unasked(&line);
                    continue;
                }
                Ok(Ok(Event::Answer(ticket, line))) => (ticket, line),
            };
            self.permit.charge_answer(line.bytes.len());
            let since = |at: Instant| Seconds::from(at.saturating_duration_since(self.began));
            let reply = Reply {
                response: Recorded::new(&line.bytes, Recorded::LIMIT),
                first_byte: since(line.first_byte),
                last_byte: since(line.last_byte),
            };
            // An answer to an earlier round is late, and still an answer.
            let Some(exchange) = tickets
                .iter()
                .position(|t| *t == ticket)
                .and_then(|index| self.exchanges.get_mut(first + index))
            else {
                continue;
            };
            waiting -= 1;
            exchange.answer = Some(reply);
            let Some(answer) = Answer::read(&line.bytes) else { continue };
            if let Answer::Error(error) = &answer
                && error.says_stop()
            {
                self.permit.leave_alone();
                return Round::ToldToStop(electrum::text::printable(&error.message, 80));
            }
            if let std::borrow::Cow::Borrowed(probe) = exchange.probe {
                read(probe, &answer);
            }
        }
        Round::Done
    }

    fn keep_unasked(&mut self, line: &Line) {
        self.permit.charge_answer(line.bytes.len());
        if self.unasked.len() < Unasked::KEPT {
            self.unasked.push(Recorded::new(&line.bytes, Unasked::LIMIT));
        }
    }

    fn id(&mut self, probe: &str) -> Id {
        self.next_id += 1;
        // The greeting's id comes back in a form that tells JSON libraries apart.
        if probe == "H1" { Id::hundreds(self.next_id) } else { Id::number(self.next_id) }
    }

    /// Messages so far that nobody asked for.
    #[must_use]
    pub fn unasked(&self) -> u32 {
        self.session.unasked()
    }

    /// The latest answer to a probe.
    #[must_use]
    pub fn answer_of(&self, probe: &str) -> Option<Answer<'_>> {
        let answered = |exchange: &&Exchange| exchange.probe == probe;
        let reply = self.exchanges.iter().rev().find(answered)?.answer.as_ref()?;
        Answer::read(reply.response.bytes())
    }

    /// How long the latest exchange of a probe waited for the first byte of its answer.
    #[must_use]
    pub fn time_of(&self, probe: &str) -> Option<Duration> {
        let exchange = self.exchanges.iter().rev().find(|exchange| exchange.probe == probe)?;
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

/// Reads a meter.
#[must_use]
pub fn traffic(meter: &electrum::meter::Meter) -> Traffic {
    Traffic { read: meter.read(), written: meter.written() }
}
