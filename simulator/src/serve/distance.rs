//! A connection to far away over loopback: what the client sends is heard a round trip later.
//!
//! All of it is put on that side, since nobody can tell which way took how long. So answers to questions that came
//! together are late together, and a TLS handshake takes as many round trips as it does in the world.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::{Clock, Tenant};

const READ: usize = 8 * 1_024;
/// Pieces under way at once. What comes faster waits in the socket.
const MOST: usize = 8;

/// A client who is far away.
#[derive(Debug)]
pub(super) struct Distant {
    stream: TcpStream,
    server: Arc<dyn Tenant>,
    clock: Clock,
    draw: u64,
    /// What is under way, and when it arrives. A piece of nothing is the end.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    ended: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Distant {
    /// `draw` tells connections apart.
    pub(super) fn new(stream: TcpStream, server: Arc<dyn Tenant>, clock: Clock, draw: u64) -> Self {
        Self { stream, server, clock, draw, under_way: VecDeque::new(), ended: false, sleep: None }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes in what the socket has.
    fn take_in(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while !self.ended && self.under_way.len() < MOST {
            let mut bytes = [0; READ];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, &mut buffer) else { break };
            read?;
            self.draw = self.draw.wrapping_add(1);
            let arrives = Instant::now() + self.clock.real(self.server.round_trip(self.draw));
            // What was sent later does not overtake.
            let arrives = self.under_way.back().map_or(arrives, |(before, _)| arrives.max(*before));
            self.ended = buffer.filled().is_empty();
            self.under_way.push_back((arrives, buffer.filled().to_vec()));
        }
        Ok(())
    }
}

impl AsyncRead for Distant {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            this.take_in(context)?;
            let Some((arrives, bytes)) = this.under_way.front_mut() else {
                return if this.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
            };
            if *arrives <= Instant::now() {
                let rest = bytes.split_off(bytes.len().min(buffer.remaining()));
                buffer.put_slice(bytes);
                *bytes = rest;
                if bytes.is_empty() {
                    this.under_way.pop_front();
                }
                return Poll::Ready(Ok(()));
            }
            let arrives = *arrives;
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(arrives)));
            ready!(sleep.as_mut().poll(context));
            this.sleep = None;
        }
    }
}

impl AsyncWrite for Distant {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
