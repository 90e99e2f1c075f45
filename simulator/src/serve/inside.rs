//! A server within the process: a stream of bytes with a session at its other end, and no socket between. Time is
//! that of the runtime, which may be paused so that it runs as fast as it can.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{Clock, Server, driven::Driven, lines::Lines};
use crate::grammar::{End, Framing};

/// The client's end of a connection to a server within the process.
#[derive(Debug)]
pub struct Inside {
    driven: Driven,
    lines: Lines,
    /// What is under way to the client, and when it arrives.
    written: VecDeque<(Instant, Vec<u8>)>,
    /// How the server ended it, if it did.
    end: Option<End>,
    round_trip: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Inside {
    /// A connection to a server, whose bytes are so long under way there and back.
    #[must_use]
    pub fn connect(server: Arc<Server>, clock: Clock, round_trip: Duration) -> Self {
        let lines = Lines::new(server.grammar.longest_line());
        let driven = Driven::new(server, Framing::Lines, clock);
        Self { driven, lines, written: VecDeque::new(), end: None, round_trip, sleep: None }
    }

    fn react(&mut self) {
        let reaction = self.driven.react();
        let arrives = Instant::now() + self.round_trip;
        self.written.extend(reaction.writes.into_iter().map(|write| (arrives, write)));
        self.end = reaction.end;
    }
}

impl AsyncWrite for Inside {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.end.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let pieces = self.lines.take(bytes);
        self.driven.hear(pieces);
        self.react();
        // What it sleeps until may have changed.
        self.sleep = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Inside {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            let arrived = self.written.front_mut().filter(|(arrives, _)| *arrives <= now);
            if let Some((_, bytes)) = arrived {
                let rest = bytes.split_off(bytes.len().min(buffer.remaining()));
                buffer.put_slice(bytes);
                *bytes = rest;
                if bytes.is_empty() {
                    self.written.pop_front();
                }
                return Poll::Ready(Ok(()));
            }
            let arrives = self.written.front().map(|(arrives, _)| *arrives);
            let wakes = match (self.end, arrives) {
                (Some(End::Close), None) => return Poll::Ready(Ok(())),
                (Some(End::Reset), None) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                (Some(_), arrives) => arrives,
                (None, arrives) => arrives.into_iter().chain(self.driven.wakes()).min(),
            };
            if self.sleep.is_none() {
                self.sleep = wakes.map(|wakes| Box::pin(sleep_until(wakes)));
            }
            let Some(sleep) = &mut self.sleep else { return Poll::Pending };
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
            if self.end.is_none() {
                match self.driven.wake() {
                    true => self.react(),
                    false => self.end = Some(End::Close),
                }
            }
        }
    }
}
