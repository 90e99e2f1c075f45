//! A session and the clocks that drive it, whatever carries its bytes.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::{Clock, Server, lines::Piece};
use crate::{
    SimTime,
    grammar::{Framing, Reaction, Session},
};

/// A session and the clocks that drive it.
#[derive(Debug)]
pub(super) struct Driven {
    session: Session,
    server: Arc<Server>,
    clock: Clock,
    last_heard: Instant,
    /// Up to when the client was told of changes.
    told: SimTime,
    /// When the session wants to be asked again.
    next: Option<SimTime>,
    /// When clients may have to be told of something next, once it is known.
    change: Option<Option<SimTime>>,
}

impl Driven {
    pub(super) fn new(server: Arc<Server>, framing: Framing, clock: Clock) -> Self {
        let session =
            Session::new(Arc::clone(&server.grammar), Arc::clone(&server.identity), framing, clock.now())
                .behaving(Arc::clone(&server.conduct));
        Self {
            session,
            server,
            clock,
            last_heard: Instant::now(),
            told: clock.now(),
            next: None,
            change: None,
        }
    }

    pub(super) fn hear(&mut self, pieces: Vec<Piece>) {
        self.last_heard = Instant::now();
        let now = self.clock.now();
        let view = self.server.view(now);
        for piece in pieces {
            match piece {
                Piece::Line(line) => self.session.receive(&line, &view, now),
                Piece::TooLong => self.session.receive_too_much(now),
            }
        }
    }

    /// What is to be done now.
    pub(super) fn react(&mut self) -> Reaction {
        let reaction = self.session.flush(self.clock.now());
        self.next = reaction.next;
        reaction
    }

    /// When time alone makes something happen; none where it never does.
    pub(super) fn wakes(&mut self) -> Option<Instant> {
        let (server, told) = (&self.server, self.told);
        let change = *self.change.get_or_insert_with(|| server.next_change(told));
        let due = |moment: SimTime| Instant::now() + self.clock.until(moment);
        let silence = self.server.grammar.patience().map(|patience| self.last_heard + patience);
        [self.next.map(due), change.map(due), silence].into_iter().flatten().min()
    }

    /// Takes in that time has passed. False when that is the end.
    pub(super) fn wake(&mut self) -> bool {
        let now = self.clock.now();
        if self.change.flatten().is_some_and(|change| change <= now) {
            self.session.advance(&self.server.view(now), now);
            self.told = now;
            self.change = None;
        }
        let patience = self.server.grammar.patience();
        patience.is_none_or(|patience| Instant::now() < self.last_heard + patience)
    }

    /// Waits until time alone makes something happen. False when that is the end.
    pub(super) async fn wait(&mut self) -> bool {
        match self.wakes() {
            Some(wake) => sleep_until(wake).await,
            None => std::future::pending().await,
        }
        self.wake()
    }
}
