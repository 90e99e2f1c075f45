//! Connections that end too early, never begin, or are answered by something else.

use std::io;

use tokio::io::{AsyncWriteExt as _, BufReader};

use super::{behaviours, stay_silent};
use crate::support::{
    honest::{Honest, Request},
    wire::{self, Metered},
};

behaviours! {
    /// Where it ends.
    Cut {
        /// Farewell on accepting.
        AcceptThenClose,
        /// Reset on accepting.
        ResetOnAccept,
        /// Reset instead of the first answer.
        ResetOnRequest,
        /// Reset in the middle of the first answer.
        ResetInsideAnswer,
        /// Reset after the first ping.
        ResetInPings,
        /// Reset in the middle of the pipelined requests.
        ResetInPipeline,
        /// Not one byte.
        Silence,
        /// An honest beginning, then not one byte more.
        SilenceAfterVersion,
        /// A web server.
        Http,
        /// An SSH server, which speaks first.
        Ssh,
    }
}

impl Cut {
    pub(super) async fn serve(self, mut stream: Metered, honest: &Honest) -> io::Result<()> {
        let (trigger, honest_to_trigger) = match self {
            Self::AcceptThenClose => return stream.shutdown().await,
            Self::ResetOnAccept => return stream.reset(),
            Self::Silence => return stay_silent(stream).await,
            Self::Ssh => {
                stream.write_all(b"SSH-2.0-OpenSSH_10.0\r\n").await?;
                return stay_silent(stream).await;
            }
            Self::ResetOnRequest | Self::ResetInsideAnswer | Self::Http => ("server.version", false),
            Self::SilenceAfterVersion => ("server.version", true),
            Self::ResetInPings => ("server.ping", true),
            Self::ResetInPipeline => ("blockchain.headers.subscribe", false),
        };
        let mut stream = BufReader::new(stream);
        let (mut reached, mut last_answer) = (false, Vec::new());
        let broke_off = wire::converse(&mut stream, |line| {
            if reached {
                return None;
            }
            let answer = honest.answer(line);
            reached = serde_json::from_slice::<Request>(line).is_ok_and(|r| r.method == trigger);
            if !reached || honest_to_trigger {
                return Some(answer);
            }
            last_answer = answer;
            None
        })
        .await?;
        if !broke_off {
            return Ok(());
        }
        match self {
            Self::ResetInsideAnswer => {
                stream.write_all(&last_answer[..last_answer.len() / 2]).await?;
                stream.into_inner().reset()
            }
            Self::SilenceAfterVersion => stay_silent(stream).await,
            Self::Http => {
                let page = "<html><body>400 Bad Request</body></html>";
                let head = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html";
                stream
                    .write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len()).as_bytes())
                    .await?;
                stream.shutdown().await
            }
            _ => stream.into_inner().reset(),
        }
    }
}
