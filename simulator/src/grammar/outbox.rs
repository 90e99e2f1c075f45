//! What a session has said and not yet sent: in the order in which answers are ready, which is not that of the
//! requests everywhere.

use std::time::Duration;

use super::{data::Pace, pacer::Pacer};
use crate::SimTime;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As lines of a byte stream, which servers may fill and hold back.
    Lines,
    /// As messages of their own (WebSocket).
    Messages,
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It closes in good order.
    Close,
    /// It resets the connection.
    Reset,
}

/// What a session does now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// What is written, write by write.
    pub writes: Vec<Vec<u8>>,
    /// When to ask again at the latest, even if nothing is received.
    pub next: Option<SimTime>,
    /// Set when the connection ends after these writes.
    pub end: Option<End>,
}

/// A line that waits.
#[derive(Debug)]
struct Line {
    due: SimTime,
    /// Flaws of form overtake everything that is ready at the same time.
    overtakes: bool,
    text: String,
}

/// Lines that wait, and how the connection ends.
#[derive(Debug)]
pub(crate) struct Outbox {
    framing: Framing,
    lines: Vec<Line>,
    pacer: Pacer,
    /// When the server hangs up, and how.
    end: Option<(SimTime, End)>,
    line_end: String,
}

impl Outbox {
    pub(crate) fn new(framing: Framing, pace: Option<Pace>, line_end: &str, now: SimTime) -> Self {
        let pace = pace.filter(|_| framing == Framing::Lines);
        let line_end = line_end.to_owned();
        Self { framing, lines: Vec::new(), pacer: Pacer::new(pace, now), end: None, line_end }
    }

    /// Puts a line in that is ready at a time. After the server decided to hang up, nothing more is said.
    pub(crate) fn put(&mut self, text: String, due: SimTime, overtakes: bool) {
        if self.end.is_none() {
            self.lines.push(Line { due, overtakes, text });
        }
    }

    /// Whether something waits to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Forgets what was not yet sent.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Hangs up once everything that is due by then has been sent.
    pub(crate) fn hang_up(&mut self, at: SimTime, end: End) {
        self.end.get_or_insert((at, end));
    }

    /// Whether the server has hung up, or is about to.
    pub(crate) fn is_ending(&self) -> bool {
        self.end.is_some()
    }

    /// Takes out what leaves now; also says how many bytes that is, unframed.
    pub(crate) fn flush(&mut self, now: SimTime) -> (Reaction, usize) {
        let limit = self.end.map_or(now, |(at, _)| at.min(now));
        self.lines.sort_by_key(|line| (line.due, !line.overtakes));
        let ready = self.lines.partition_point(|line| line.due <= limit);
        let (mut writes, mut bytes, mut sent) = (Vec::new(), Vec::new(), 0);
        for line in self.lines.drain(..ready) {
            sent += line.text.len();
            match self.framing {
                Framing::Messages => writes.push(line.text.into_bytes()),
                Framing::Lines => {
                    let framed = line.text + &self.line_end;
                    self.pacer.line(framed.as_bytes(), self.line_end.len(), now, &mut bytes);
                }
            }
        }
        let end = self.end.filter(|(at, _)| *at <= now).map(|(_, end)| end);
        match end {
            Some(_) => self.pacer.close(now, &mut bytes),
            None => self.pacer.release(now, &mut bytes),
        }
        if !bytes.is_empty() {
            writes.push(bytes);
        }
        let waiting = self.lines.iter().map(|line| line.due);
        let next = waiting.chain(self.pacer.next()).chain(self.end.map(|(at, _)| at)).min();
        (Reaction { writes, next: next.filter(|_| end.is_none()), end }, sent)
    }
}

/// A moment later by so many milliseconds.
pub(crate) fn later(now: SimTime, millis: u64) -> SimTime {
    now + Duration::from_millis(millis)
}
