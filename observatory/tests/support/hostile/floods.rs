//! Too much, too deep or too slow: servers that want memory, processor or time.

use std::{io, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    time::sleep,
};

use super::behaviours;
use crate::support::{
    honest::{Honest, Request},
    wire,
};

const GIGABYTE: usize = 1 << 30;
const BLOCK: usize = 64 * 1024;
const DEPTH: usize = 100_000;

behaviours! {
    /// What arrives instead of an answer. Nothing of it is ever held in memory here.
    Flood {
        /// A line that never ends, at full speed.
        EndlessLine,
        /// Empty lines for ever, at full speed.
        EndlessBlankLines,
        /// The honest answer, one byte a second.
        OneByteASecond,
        /// After an honest beginning, a gigabyte of notifications of 100 kB.
        GigabyteOfLines,
        /// After an honest beginning, a banner of a gigabyte.
        GigabyteInOneLine,
        /// Ten thousand notifications before the first answer.
        TenThousandNotifications,
        /// Arrays in arrays, 100,000 deep, where the result belongs.
        DeepResult,
        /// 100,000 opening brackets, then the end of the line.
        DeepAndUnclosed,
        /// A list of a million peers.
        MillionPeers,
    }
}

impl Flood {
    pub(super) async fn serve<S>(self, stream: S, honest: &Honest) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = BufReader::new(stream);
        let trigger = match self {
            Self::GigabyteOfLines | Self::GigabyteInOneLine => "server.banner",
            Self::MillionPeers => "server.peers.subscribe",
            _ => "server.version",
        };
        let mut triggered = None;
        let keep_on = wire::converse(&mut stream, |line| match serde_json::from_slice::<Request>(line) {
            Ok(request) if request.method == trigger => {
                triggered = Some((request.id, honest.answer(line)));
                None
            }
            _ => Some(honest.answer(line)),
        });
        if !keep_on.await? {
            return Ok(());
        }
        let (id, honest_answer) = triggered.unwrap_or_default();
        self.pour(&mut stream, &id, &honest_answer, honest).await?;
        // What is not endless goes on as if nothing had been.
        wire::converse(&mut stream, |line| Some(honest.answer(line))).await.map(|_| ())
    }

    async fn pour<S>(self, stream: &mut S, id: &Value, answer: &[u8], honest: &Honest) -> io::Result<()>
    where
        S: AsyncWrite + Unpin,
    {
        let begin = format!(r#"{{"id":{id},"jsonrpc":"2.0","result":"#);
        match self {
            Self::EndlessLine => {
                stream.write_all(begin.as_bytes()).await?;
                stream.write_all(b"[\"").await?;
                repeat(stream, &[b'A'; BLOCK], usize::MAX).await
            }
            Self::EndlessBlankLines => repeat(stream, &[b'\n'; BLOCK], usize::MAX).await,
            Self::OneByteASecond => {
                for byte in answer {
                    stream.write_all(&[*byte]).await?;
                    stream.flush().await?;
                    sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
            Self::GigabyteOfLines => {
                let line = notification(&json!(["x".repeat(100_000)]));
                repeat(stream, &line, GIGABYTE / line.len()).await?;
                stream.write_all(answer).await
            }
            Self::GigabyteInOneLine => {
                stream.write_all(begin.as_bytes()).await?;
                stream.write_all(b"\"").await?;
                repeat(stream, &[b'A'; BLOCK], GIGABYTE / BLOCK).await?;
                stream.write_all(b"\"}\n").await
            }
            Self::TenThousandNotifications => {
                let tip = honest.chain().height();
                let line = notification(&json!([{ "height": tip, "hex": honest.chain().header(tip) }]));
                repeat(stream, &line, 10_000).await?;
                stream.write_all(answer).await
            }
            Self::DeepResult => {
                stream.write_all(begin.as_bytes()).await?;
                stream.write_all(&[b'['; DEPTH]).await?;
                stream.write_all(&[b']'; DEPTH]).await?;
                stream.write_all(b"}\n").await
            }
            Self::DeepAndUnclosed => {
                stream.write_all(&[b'['; DEPTH]).await?;
                stream.write_all(b"\n").await
            }
            Self::MillionPeers => {
                stream.write_all(begin.as_bytes()).await?;
                for thousand in 0..1_000 {
                    let rows: Vec<_> =
                        (0..1_000).map(|n| crowd_row(thousand * 1_000 + n).to_string()).collect();
                    let separator = if thousand == 0 { "[" } else { "," };
                    stream.write_all(format!("{separator}{}", rows.join(",")).as_bytes()).await?;
                }
                stream.write_all(b"]}\n").await
            }
        }
    }
}

/// One of as many peers as one likes, under a name that nobody resolves.
pub(super) fn crowd_row(number: usize) -> Value {
    json!(["127.66.0.3", format!("crowd-{number:07}.example.org"), ["v1.4", "s50002", "t50001"]])
}

fn notification(params: &Value) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":{params}}}{}"#, '\n')
        .into_bytes()
}

async fn repeat<S>(stream: &mut S, bytes: &[u8], times: usize) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    for _ in 0..times {
        stream.write_all(bytes).await?;
    }
    stream.flush().await
}
