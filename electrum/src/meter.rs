//! A socket that counts. It sits below TLS and WebSocket framing, so that no layer above can be
//! made to read more than the limit.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that went over one connection so far. Clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    read: AtomicU64,
    written: AtomicU64,
}

impl Meter {
    /// Bytes received.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    /// Bytes sent.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }
}

/// The server sent more bytes than one visit may read.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("more than {limit} bytes")]
pub struct TooManyBytes {
    /// The limit it ran into.
    pub limit: u64,
}

impl TooManyBytes {
    /// Finds this error inside an I/O error, however many layers wrapped it.
    pub(crate) fn within(error: &io::Error) -> Option<Self> {
        let mut source: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|e| e as _);
        while let Some(inner) = source {
            if let Some(found) = inner.downcast_ref::<Self>() {
                return Some(*found);
            }
            source = match inner.downcast_ref::<io::Error>() {
                Some(io) => io.get_ref().map(|e| e as _),
                None => inner.source(),
            };
        }
        None
    }
}

/// Counts what passes and ends the stream at the limit.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    inner: S,
    meter: Meter,
    limit: u64,
}

impl<S> Metered<S> {
    pub(crate) fn new(inner: S, meter: Meter, limit: u64) -> Self {
        Self { inner, meter, limit }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let limit = self.limit;
        if self.meter.read() >= limit {
            return Poll::Ready(Err(io::Error::other(TooManyBytes { limit })));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        self.meter.0.read.fetch_add(read, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.meter.0.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
