//! Listening, counting what passes, and conversing in lines.

use std::{
    io,
    net::Ipv4Addr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use electrum::{Endpoint, Transport};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What came to a server and what left it, in TCP payload: under TLS that is the ciphertext.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    accepts: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Meter {
    /// How many connections were accepted.
    pub(crate) fn accepts(&self) -> u64 {
        self.accepts.load(Ordering::Relaxed)
    }

    /// Bytes of both directions.
    pub(crate) fn bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed) + self.sent.load(Ordering::Relaxed)
    }
}

/// A connection whose bytes are counted.
pub(crate) struct Metered {
    stream: TcpStream,
    meter: Arc<Meter>,
}

impl Metered {
    /// Ends the connection with a reset instead of a farewell.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.meter.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.meter.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A server: the places where it listens and what it has seen. It stops listening when dropped.
#[derive(Default)]
pub(crate) struct Listening {
    /// Where it listens.
    pub(crate) endpoints: Vec<Endpoint>,
    /// What it has seen, all endpoints together.
    pub(crate) meter: Arc<Meter>,
    tasks: JoinSet<()>,
}

impl Listening {
    /// Accepts connections and gives each to `serve`, in a task of its own.
    pub(crate) fn serve<F, S>(
        &mut self,
        listener: TcpListener,
        transport: Transport,
        serve: F,
    ) -> io::Result<()>
    where
        F: Fn(Metered) -> S + Send + 'static,
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        self.endpoints.push(endpoint(&listener, transport)?);
        let meter = Arc::clone(&self.meter);
        self.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                meter.accepts.fetch_add(1, Ordering::Relaxed);
                // Without it a small answer waits 40 ms for the acknowledgement of the one before.
                if stream.set_nodelay(true).is_ok() {
                    tokio::spawn(serve(Metered { stream, meter: Arc::clone(&meter) }));
                }
            }
        });
        Ok(())
    }

    /// The port of its first endpoint.
    pub(crate) fn port(&self) -> u16 {
        self.endpoints.first().map_or(0, |e| e.port.get())
    }

    /// The host that all its endpoints share, as the observatory names it.
    pub(crate) fn host(&self) -> String {
        self.endpoints.first().map(|e| e.host.to_string()).unwrap_or_default()
    }
}

/// Takes a free port: fixed ones would collide with a second run on the same machine.
pub(crate) async fn bind(address: Ipv4Addr) -> io::Result<TcpListener> {
    TcpListener::bind((address, 0)).await
}

/// An endpoint without encryption, its host written in whatever form.
pub(crate) fn tcp(host: &str, port: u16) -> anyhow::Result<Endpoint> {
    Ok(format!("{host}:{port}:t").parse()?)
}

/// Where a listener can be reached.
pub(crate) fn endpoint(listener: &TcpListener, transport: Transport) -> io::Result<Endpoint> {
    let place = listener.local_addr()?;
    Endpoint::new(place.ip().into(), place.port(), transport).map_err(io::Error::other)
}

/// Gives every line to `answer` and its bytes back to the client. Says true when `answer` broke
/// off by returning nothing, false when the client left. What the client pipelined stays in the
/// reader, for whoever converses next.
pub(crate) async fn converse<S>(
    stream: &mut BufReader<S>,
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(false);
        }
        let answered = answer(&line);
        answers.extend_from_slice(answered.as_deref().unwrap_or_default());
        // Pipelined requests are answered in one write.
        if answered.is_some() && stream.buffer().contains(&b'\n') {
            continue;
        }
        stream.write_all(&answers).await?;
        stream.flush().await?;
        answers.clear();
        if answered.is_none() {
            return Ok(true);
        }
    }
}
