//! What hostile servers do to sockets.

use std::{io, time::Duration};

use rustls::ServerConnection;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use super::{
    connection::{STUCK, Socket},
    credentials::Credentials,
    distance::Distant,
};
use crate::hostile::Act;

/// From one byte to the next, where they trickle.
const DRIP: Duration = Duration::from_secs(5);

/// What is left of a connection after an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It goes on.
    Open,
    /// It is to be dropped.
    Over,
}

/// Does it all, up to the first act that ends the connection.
///
/// # Errors
/// When the client has left, or reads no more: that is how floods and tarpits end.
pub(super) async fn perform(stream: &mut impl Socket, acts: Vec<Act>) -> io::Result<Flow> {
    for act in acts {
        match act {
            Act::Write(bytes) => timeout(STUCK, stream.write_all(&bytes)).await??,
            Act::Trickle(bytes) => {
                for byte in bytes {
                    timeout(STUCK, stream.write_all(&[byte])).await??;
                    timeout(STUCK, stream.flush()).await??;
                    sleep(DRIP).await;
                }
            }
            Act::Repeat(bytes) => loop {
                timeout(STUCK, stream.write_all(&bytes)).await??;
            },
            Act::Reset => {
                timeout(STUCK, stream.flush()).await??;
                stream.tcp().set_zero_linger()?;
                return Ok(Flow::Over);
            }
        }
    }
    timeout(STUCK, stream.flush()).await??;
    Ok(Flow::Open)
}

/// Hears what a client says first, and does to the server's side of the handshake what is done to it.
pub(super) async fn handshake(
    mut stream: Distant,
    credentials: &Credentials,
    acts: fn(Vec<u8>) -> Vec<Act>,
) -> io::Result<()> {
    let config = credentials.config().map_err(io::Error::other)?;
    let mut server = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut bytes = [0; 4_096];
    while !server.wants_write() {
        let count = timeout(STUCK, stream.read(&mut bytes)).await??;
        if count == 0 {
            return Ok(());
        }
        server.read_tls(&mut &bytes[..count])?;
        server.process_new_packets().map_err(io::Error::other)?;
    }
    let mut flight = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut flight)?;
    }
    perform(&mut stream, acts(flight)).await.map(drop)
}
