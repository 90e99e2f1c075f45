//! Connections that end too early, never begin, or are answered by something else.

use std::io;

use tokio::io::{AsyncWriteExt as _, BufReader};

use super::{behaviours, stay_silent};
use crate::support::{
    honest::Honest,
    wire::{self, Metered},
};

behaviours! {
    /// Where it ends.
    Cut {
        /// Farewell on accepting.
        AcceptThenClose,
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
        match self {
            Self::AcceptThenClose => return stream.shutdown().await,
            Self::Silence => return stay_silent(stream).await,
            Self::Ssh => {
                stream.write_all(b"SSH-2.0-OpenSSH_10.0\r\n").await?;
                return stay_silent(stream).await;
            }
            Self::SilenceAfterVersion | Self::Http => {}
        }
        let mut stream = BufReader::new(stream);
        let mut greeted = false;
        let broke_off = wire::converse(&mut stream, |line| {
            let is_over = std::mem::replace(&mut greeted, true) || self == Self::Http;
            (!is_over).then(|| honest.answer(line))
        })
        .await?;
        if !broke_off {
            return Ok(());
        }
        match self {
            Self::Http => {
                let page = "<html><body>400 Bad Request</body></html>";
                let head = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html";
                stream
                    .write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len()).as_bytes())
                    .await?;
                stream.shutdown().await
            }
            _ => stay_silent(stream).await,
        }
    }
}
