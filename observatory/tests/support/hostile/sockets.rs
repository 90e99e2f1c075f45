//! Attacks with the means of WebSocket (RFC 6455): frames are written by hand.

use std::io;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, sink, split};
use tokio_tungstenite::accept_async;

use super::behaviours;
use crate::support::wire::Metered;

const CONTINUED: u8 = 0x00;
const TEXT: u8 = 0x01;
const PING: u8 = 0x09;
const LAST: u8 = 0x80;

behaviours! {
    /// What arrives instead of a message.
    Socket {
        /// The upgrade is refused.
        Refused,
        /// Headers of the answer without end.
        EndlessHeaders,
        /// A frame that says it is 2^62 bytes long, and begins to come.
        HugeFrame,
        /// Fragments of one message without end.
        EndlessFragments,
        /// Pings without end.
        PingFlood,
        /// Messages with nothing in them without end.
        EmptyMessages,
    }
}

impl Socket {
    pub(super) async fn serve(self, mut stream: Metered) -> io::Result<()> {
        if matches!(self, Self::Refused | Self::EndlessHeaders) {
            let mut request = [0; 4_096];
            let _length = stream.read(&mut request).await?;
        }
        let (first, endless) = match self {
            Self::Refused => {
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await?;
                return stream.shutdown().await;
            }
            Self::EndlessHeaders => {
                (b"HTTP/1.1 101 Switching Protocols\r\n".to_vec(), b"X-Padding: AAAAAAAA\r\n".repeat(1_000))
            }
            Self::HugeFrame => {
                let mut head = vec![LAST | TEXT, 127];
                head.extend_from_slice(&(1_u64 << 62).to_be_bytes());
                (head, vec![b'A'; 64 * 1024])
            }
            Self::EndlessFragments => (frame(TEXT, b"{\"id\":\""), frame(CONTINUED, &[b'A'; 60_000])),
            Self::PingFlood => (Vec::new(), frame(LAST | PING, &[b'A'; 125]).repeat(500)),
            Self::EmptyMessages => (Vec::new(), frame(LAST | TEXT, b"").repeat(10_000)),
        };
        if self != Self::EndlessHeaders {
            // The client's first request is awaited, so that the flood is taken for its answer.
            let mut socket = accept_async(stream).await.map_err(io::Error::other)?;
            let _request = socket.next().await;
            stream = socket.into_inner();
        }
        // What the client writes is read on: a flood is no reason to block it.
        let (mut from, mut to) = split(stream);
        let flood = async {
            to.write_all(&first).await?;
            loop {
                to.write_all(&endless).await?;
            }
        };
        tokio::select! {
            ended = flood => ended,
            left = async { tokio::io::copy(&mut from, &mut sink()).await } => left.map(|_| ()),
        }
    }
}

/// An unmasked frame of less than 64 KiB, as servers send them.
fn frame(head: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    let [.., high, low] = content.len().to_be_bytes();
    if content.len() < 126 {
        frame.push(low);
    } else {
        frame.extend_from_slice(&[126, high, low]);
    }
    frame.extend_from_slice(content);
    frame
}
