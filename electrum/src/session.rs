//! One conversation with one server: requests out, lines in, every limit enforced.
//!
//! A session keeps bytes as they came and says which request each line answers. It does not know
//! what the requests mean, does not retry, and never trusts an answer to be well-formed.

use std::{collections::VecDeque, io};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message},
};

use crate::{
    limits::Limits,
    message::{self, Kind, MessageError, Request},
    meter::{Meter, Metered, TooManyBytes},
};

/// Anything bytes can travel over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub(crate) type BoxStream = Box<dyn Stream>;

/// Why a session ended before we ended it.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::ErrorKind),
    /// No (complete) answer in time.
    #[error("out of time")]
    OutOfTime,
    /// A line or message longer than [`Limits::line`].
    #[error("a line of more than {0} bytes")]
    LineTooLong(usize),
    /// More bytes than [`Limits::bytes`].
    #[error(transparent)]
    TooManyBytes(#[from] TooManyBytes),
    /// More unasked messages than [`Limits::unasked`].
    #[error("more than {0} messages nobody asked for")]
    TooManyUnasked(u32),
    /// A line that is no JSON-RPC message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Frames that are no WebSocket messages.
    #[error("WebSocket: {0}")]
    WebSocket(String),
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        match TooManyBytes::within(&error) {
            Some(too_many) => too_many.into(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Broken(error.kind()),
        }
    }
}

impl From<tungstenite::Error> for SessionError {
    fn from(error: tungstenite::Error) -> Self {
        use tungstenite::{
            Error,
            error::{CapacityError, ProtocolError},
        };
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Closed,
            Error::Io(error) => error.into(),
            Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => Self::LineTooLong(max_size),
            Error::Utf8(_) => Self::Message(MessageError::NotUtf8),
            other => Self::WebSocket(other.to_string()),
        }
    }
}

/// A line as it came, without its newline.
#[derive(Clone, Debug)]
pub struct Line {
    /// The bytes.
    pub bytes: Bytes,
    /// When its first byte was read.
    pub first_byte: Instant,
    /// When its last byte was read.
    pub last_byte: Instant,
}

/// Names a request of this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u32);

/// What came in.
#[derive(Clone, Debug)]
pub enum Event {
    /// The answer to a request.
    Answer(Ticket, Line),
    /// A notification, a request of the server's own, or an answer to nothing we asked.
    Unasked(Line),
}

/// An open conversation.
pub struct Session {
    channel: Channel,
    limits: Limits,
    deadline: Instant,
    next_ticket: u32,
    pending: VecDeque<(Ticket, Request)>,
    unasked: u32,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("pending", &self.pending.len())
            .field("unasked", &self.unasked)
            .finish()
    }
}

impl Session {
    /// A session over a stream that carries lines. Its time runs from now; the meter counts what passes.
    pub fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        meter: Meter,
        limits: Limits,
    ) -> Self {
        let stream = Metered::new(stream, meter, limits.bytes);
        Self::new(Channel::Lines(Lines::new(Box::new(stream))), limits, Instant::now() + limits.visit)
    }

    pub(crate) fn new(channel: Channel, limits: Limits, deadline: Instant) -> Self {
        Self { channel, limits, deadline, next_ticket: 0, pending: VecDeque::new(), unasked: 0 }
    }

    /// Sends requests, all in one write, and gives each a ticket.
    ///
    /// # Errors
    /// [`SessionError`] where the connection does not take them in time.
    pub async fn send(&mut self, requests: Vec<Request>) -> Result<Vec<Ticket>, SessionError> {
        let write = self.channel.send(&requests);
        timeout_at(self.deadline, write).await.map_err(|_| SessionError::OutOfTime)??;
        let tickets = requests.into_iter().map(|request| {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            self.pending.push_back((ticket, request));
            ticket
        });
        Ok(tickets.collect())
    }

    /// Waits for the next line. Safe to cancel: what has arrived of a line stays.
    ///
    /// # Errors
    /// [`SessionError`]; the session is of no further use then.
    pub async fn receive(&mut self) -> Result<Event, SessionError> {
        let line = timeout_at(self.deadline, self.channel.receive(self.limits.line))
            .await
            .map_err(|_| SessionError::OutOfTime)??;
        if let Kind::Answer(ids) = message::kind(&line.bytes, self.limits.depth)?
            && let Some(index) = self.pending.iter().position(|(_, request)| request.is_answered_by(&ids))
            && let Some((ticket, _)) = self.pending.remove(index)
        {
            return Ok(Event::Answer(ticket, line));
        }
        self.unasked += 1;
        if self.unasked > self.limits.unasked {
            return Err(SessionError::TooManyUnasked(self.limits.unasked));
        }
        Ok(Event::Unasked(line))
    }

    /// Messages so far that answered nothing we asked.
    #[must_use]
    pub fn unasked(&self) -> u32 {
        self.unasked
    }

    /// Says goodbye as the transport does it. Errors are of no interest: the server may be gone.
    pub async fn close(mut self) {
        let patience = std::time::Duration::from_millis(500);
        let _ = tokio::time::timeout(patience, self.channel.close()).await;
    }
}

/// Lines over a byte stream, or messages over a WebSocket.
pub(crate) enum Channel {
    Lines(Lines),
    Messages(Box<WebSocketStream<BoxStream>>),
}

impl Channel {
    async fn send(&mut self, requests: &[Request]) -> Result<(), SessionError> {
        match self {
            Self::Lines(lines) => {
                let length = requests.iter().map(|r| r.bytes().len() + 1).sum();
                let mut out = Vec::with_capacity(length);
                for request in requests {
                    out.extend_from_slice(request.bytes());
                    out.push(b'\n');
                }
                lines.stream.write_all(&out).await?;
                lines.stream.flush().await?;
            }
            Self::Messages(socket) => {
                for request in requests {
                    let text = String::from_utf8_lossy(request.bytes()).into_owned();
                    socket.feed(Message::text(text)).await?;
                }
                socket.flush().await?;
            }
        }
        Ok(())
    }

    async fn receive(&mut self, max_line: usize) -> Result<Line, SessionError> {
        match self {
            Self::Lines(lines) => lines.receive(max_line).await,
            Self::Messages(socket) => loop {
                let message = socket.next().await.ok_or(SessionError::Closed)??;
                let bytes = match message {
                    Message::Text(text) => Bytes::from(text),
                    Message::Binary(bytes) => bytes,
                    Message::Close(_) => return Err(SessionError::Closed),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                let now = Instant::now();
                let end = if bytes.ends_with(b"\n") { bytes.len() - 1 } else { bytes.len() };
                return Ok(Line { bytes: bytes.slice(..end), first_byte: now, last_byte: now });
            },
        }
    }

    async fn close(&mut self) -> Result<(), SessionError> {
        match self {
            Self::Lines(lines) => lines.stream.shutdown().await?,
            // By name: futures has a `close` for boxes too, where some crate of the workspace asks for it.
            Self::Messages(socket) => WebSocketStream::close(socket, None).await?,
        }
        Ok(())
    }
}

/// Splits a byte stream at newlines, looking at each byte once.
pub(crate) struct Lines {
    stream: BoxStream,
    buffer: BytesMut,
    /// Bytes at the front of the buffer that are known to hold no newline.
    searched: usize,
    /// When the byte at the front of the buffer arrived.
    front_arrived: Instant,
    /// When the latest bytes arrived.
    arrived: Instant,
}

impl Lines {
    pub(crate) fn new(stream: BoxStream) -> Self {
        let now = Instant::now();
        Self { stream, buffer: BytesMut::new(), searched: 0, front_arrived: now, arrived: now }
    }

    async fn receive(&mut self, max_line: usize) -> Result<Line, SessionError> {
        loop {
            let newline = self.buffer[self.searched..].iter().position(|b| *b == b'\n');
            if let Some(offset) = newline {
                let end = self.searched + offset;
                if end > max_line {
                    return Err(SessionError::LineTooLong(max_line));
                }
                let mut bytes = self.buffer.split_to(end + 1).freeze();
                bytes.truncate(end);
                let line = Line { bytes, first_byte: self.front_arrived, last_byte: self.arrived };
                self.searched = 0;
                self.front_arrived = self.arrived;
                return Ok(line);
            }
            if self.buffer.len() > max_line {
                return Err(SessionError::LineTooLong(max_line));
            }
            self.searched = self.buffer.len();
            self.buffer.reserve(4_096);
            let read = self.stream.read_buf(&mut self.buffer).await?;
            if read == 0 {
                return Err(SessionError::Closed);
            }
            self.arrived = Instant::now();
            if self.searched == 0 {
                self.front_arrived = self.arrived;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::message::Id;

    fn session(limits: Limits) -> (Session, DuplexStream) {
        let (ours, theirs) = duplex(1 << 22);
        (Session::over(ours, Meter::default(), limits), theirs)
    }

    fn call(id: u32) -> Request {
        Request::call(Id::number(id), "m", "[]")
    }

    async fn after(limits: Limits, bytes: &[u8]) -> Result<Event, SessionError> {
        let (mut session, mut server) = session(limits);
        server.write_all(bytes).await.expect("room");
        session.receive().await
    }

    #[tokio::test]
    async fn answers_find_their_requests_in_any_order_and_in_pieces() {
        let (mut session, mut server) = session(Limits::default());
        let tickets = session.send(vec![call(1), call(2), call(3)]).await.expect("sent");
        let mut asked = vec![0; 256];
        let length = server.read(&mut asked).await.expect("requests");
        assert_eq!(asked[..length].iter().filter(|b| **b == b'\n').count(), 3);

        server.write_all(b"{\"id\":3,\"result\":\"c\"}\n{\"method\":\"n\"}\n{\"id\":1,").await.expect("room");
        assert!(matches!(session.receive().await, Ok(Event::Answer(t, _)) if t == tickets[2]));
        assert!(matches!(session.receive().await, Ok(Event::Unasked(_))));
        // Cancelled half-way through a line, then continued: nothing is lost.
        assert!(tokio::time::timeout(Duration::from_millis(20), session.receive()).await.is_err());
        server.write_all(b"\"result\":\"a\"}   \n").await.expect("room");
        match session.receive().await {
            Ok(Event::Answer(ticket, line)) => {
                assert_eq!(ticket, tickets[0]);
                assert_eq!(&line.bytes[..], b"{\"id\":1,\"result\":\"a\"}   ");
                assert!(line.last_byte > line.first_byte);
            }
            other => panic!("{other:?}"),
        }
        // The same answer again answers nothing.
        server.write_all(b"{\"id\":1,\"result\":\"a\"}\n").await.expect("room");
        assert!(matches!(session.receive().await, Ok(Event::Unasked(_))));
        assert_eq!(session.unasked(), 2);
        drop(server);
        assert!(matches!(session.receive().await, Err(SessionError::Closed)));
    }

    #[tokio::test]
    async fn every_limit_ends_the_session_by_its_name() {
        let limits = Limits { line: 1_000, unasked: 2, depth: 8, ..Limits::default() };
        assert!(matches!(after(limits, &[b'x'; 1_500]).await, Err(SessionError::LineTooLong(1_000))));
        let long = [vec![b' '; 1_001], vec![b'\n']].concat();
        assert!(matches!(after(limits, &long).await, Err(SessionError::LineTooLong(1_000))));
        assert!(matches!(
            after(limits, b"[[[[[[[[[]]]]]]]]]\n").await,
            Err(SessionError::Message(MessageError::TooDeep(8)))
        ));
        assert!(matches!(after(limits, b"\xff\n").await, Err(SessionError::Message(MessageError::NotUtf8))));
        assert!(matches!(after(limits, b"HTTP/1.1 400\n").await, Err(SessionError::Message(_))));

        let (mut session, mut server) = session(limits);
        server.write_all(&b"{\"method\":\"n\"}\n".repeat(3)).await.expect("room");
        assert!(session.receive().await.is_ok() && session.receive().await.is_ok());
        assert!(matches!(session.receive().await, Err(SessionError::TooManyUnasked(2))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_runs_out_of_time() {
        let (mut session, mut server) =
            session(Limits { visit: Duration::from_secs(30), ..Limits::default() });
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if server.write_all(b"x").await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            received = session.receive() => assert!(matches!(received, Err(SessionError::OutOfTime))),
            () = drip => panic!("the session ended early"),
        }
    }
}
