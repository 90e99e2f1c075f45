//! One connection: bytes in, bytes out, and a session between.

use std::{io, pin::pin, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tracing::trace;

use super::{
    Clock, Server, Transport,
    credentials::Credentials,
    distance::Distant,
    driven::Driven,
    hostile::{self, Flow},
    lines::{Lines, Piece},
};
use crate::{
    grammar::{End, Framing, HalfClose},
    hostile::{Meddler, Mischief},
};

/// How long a handshake may take, and a write that the client does not read (max_send_delay of aiorpcX).
pub(super) const STUCK: Duration = Duration::from_secs(20);
/// How soon after a request the end of the client's side must come to spoil the answer, where it does.
const AT_ONCE: Duration = Duration::from_millis(1);
const READ: usize = 8 * 1_024;

/// A stream that may be reset.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for Distant {
    fn tcp(&self) -> &TcpStream {
        self.stream()
    }
}

impl Socket for TlsStream<Distant> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0.stream()
    }
}

/// Serves one client until either side has enough.
pub(super) async fn serve(stream: Distant, transport: Transport, server: Arc<Server>, clock: Clock) {
    if let Err(error) = converse(stream, transport, &server, clock).await {
        trace!(%error, "a connection ended");
    }
}

async fn converse(
    mut stream: Distant,
    transport: Transport,
    server: &Arc<Server>,
    clock: Clock,
) -> io::Result<()> {
    let mischief = server.conduct.mischief();
    if let Some(act) = mischief.and_then(Mischief::on_accept) {
        return hostile::perform(&mut stream, vec![act]).await.map(drop);
    }
    match transport {
        Transport::Tcp => lines(stream, server, clock).await,
        Transport::WebSocket => messages(stream, server, clock).await,
        Transport::Tls(credentials) => match mischief.and_then(Mischief::on_handshake) {
            Some(acts) => hostile::handshake(stream, &credentials, acts).await,
            None => lines(secure(stream, &credentials).await?, server, clock).await,
        },
        Transport::SecureWebSocket(credentials) => {
            messages(secure(stream, &credentials).await?, server, clock).await
        }
    }
}

async fn secure(stream: Distant, credentials: &Credentials) -> io::Result<TlsStream<Distant>> {
    let config = credentials.config().map_err(io::Error::other)?;
    timeout(STUCK, TlsAcceptor::from(config).accept(stream)).await?
}

async fn lines<S: Socket>(mut stream: S, server: &Arc<Server>, clock: Clock) -> io::Result<()> {
    let mut driven = Driven::new(Arc::clone(server), Framing::Lines, clock);
    let mut lines = Lines::new(server.grammar.longest_line());
    let mut meddler = Meddler::new(server.conduct.mischief());
    let mut half_closed = false;
    loop {
        let reaction = driven.react();
        if hostile::perform(&mut stream, meddler.meddle(reaction.writes)).await? == Flow::Over {
            return Ok(());
        }
        match reaction.end {
            Some(End::Close) => return stream.shutdown().await,
            Some(End::Reset) => return stream.tcp().set_zero_linger(),
            None if half_closed && reaction.next.is_none() => return stream.shutdown().await,
            None => {}
        }
        let mut bytes = [0; READ];
        tokio::select! {
            read = stream.read(&mut bytes), if !half_closed => match read? {
                0 => match server.grammar.half_close() {
                    HalfClose::Drops => return Ok(()),
                    HalfClose::Answers => half_closed = true,
                    HalfClose::AnswersUnfinished => {
                        half_closed = true;
                        let rest = lines.rest();
                        if !rest.is_empty() {
                            driven.hear(vec![Piece::Line(rest)]);
                        }
                    }
                },
                count => {
                    driven.hear(lines.take(&bytes[..count]));
                    if server.grammar.half_close() == HalfClose::Drops && is_over(stream.tcp()).await {
                        return Ok(());
                    }
                }
            },
            goes_on = driven.wait() => if !goes_on {
                return stream.shutdown().await;
            },
        }
    }
}

/// Whether the client has already said that it will send no more.
async fn is_over(stream: &TcpStream) -> bool {
    matches!(timeout(AT_ONCE, stream.peek(&mut [0])).await, Ok(Ok(0)))
}

async fn messages<S: Socket>(stream: S, server: &Arc<Server>, clock: Clock) -> io::Result<()> {
    let longest = server.grammar.longest_line();
    let config = WebSocketConfig::default().max_message_size(Some(longest)).max_frame_size(Some(longest));
    let accepted = timeout(STUCK, pin!(accept_async_with_config(stream, Some(config)))).await?;
    let mut socket: WebSocketStream<S> = accepted.map_err(io::Error::other)?;
    let mut driven = Driven::new(Arc::clone(server), Framing::Messages, clock);
    loop {
        let reaction = driven.react();
        for write in reaction.writes {
            let text = String::from_utf8(write).map_err(io::Error::other)?;
            timeout(STUCK, socket.send(Message::text(text))).await?.map_err(io::Error::other)?;
        }
        if reaction.end.is_some() {
            return socket.close(None).await.map_err(io::Error::other);
        }
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => driven.hear(vec![Piece::Line(text.as_bytes().to_vec())]),
                Some(Ok(Message::Binary(bytes))) => driven.hear(vec![Piece::Line(bytes.to_vec())]),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(()),
            },
            goes_on = driven.wait() => if !goes_on {
                return socket.close(None).await.map_err(io::Error::other);
            },
        }
    }
}
