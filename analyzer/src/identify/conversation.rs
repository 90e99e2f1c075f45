//! A connection as identification reads it: turns in the order of their requests, with their times. Visits
//! and captures both become conversations, so that both are read by the same code.

use std::time::Duration;

use electrum::Transport;
use model::Visit;

use super::question::Era;

/// What was said over one connection.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    /// What had been agreed on before the first turn.
    pub(crate) agreed: Era,
    /// Requests and their answers.
    pub(crate) turns: Vec<Turn<'a>>,
    /// Whether lines went over the socket themselves: ElectrumX pads those, and not WebSocket messages.
    pub(crate) lines: bool,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// The line sent, where it is known.
    pub(crate) request: Option<&'a str>,
    /// When it was sent.
    pub(crate) sent: Duration,
    /// What came back, where something did.
    pub(crate) answer: Option<Said<'a>>,
}

/// One line of a server.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    /// The line.
    pub(crate) line: &'a str,
    /// When it came.
    pub(crate) at: Duration,
}

impl<'a> Conversation<'a> {
    /// What a visit recorded. Lines that were cut, or that are not UTF-8, tell nothing.
    pub(crate) fn of(visit: &'a Visit) -> Self {
        let whole = |recorded: &'a model::Recorded| match recorded.cut() {
            None => str::from_utf8(recorded.bytes()).ok(),
            Some(_) => None,
        };
        let turns = visit.exchanges.iter().map(|exchange| Turn {
            request: whole(&exchange.request),
            sent: exchange.sent.into(),
            answer: exchange
                .answer
                .as_ref()
                .and_then(|reply| Some(Said { line: whole(&reply.response)?, at: reply.first_byte.into() })),
        });
        Self {
            agreed: Era::Unidentified,
            turns: turns.collect(),
            lines: matches!(visit.endpoint.transport, Transport::Tcp | Transport::Tls),
        }
    }

    /// The answers during which nothing else was said.
    pub(crate) fn alone(&self) -> impl Iterator<Item = &Said<'a>> {
        self.turns.iter().enumerate().filter_map(|(index, turn)| {
            let said = turn.answer.as_ref()?;
            let mut others = self.turns.iter().enumerate().filter(|(other, _)| *other != index);
            let disturbs = |other: &Turn<'_>| {
                other.sent < said.at && other.answer.as_ref().is_none_or(|answer| answer.at > turn.sent)
            };
            (!others.any(|(_, other)| disturbs(other))).then_some(said)
        })
    }
}
