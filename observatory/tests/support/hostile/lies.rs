//! Answers that are wrong, misshapen, or made to harm whoever shows them.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::{behaviours, stay_silent};
use crate::support::{
    honest::{Honest, Request, respond},
    wire,
};

behaviours! {
    /// What is wrong with the answers.
    Lie {
        /// Answers to guessed ids at once on connecting, then nothing more.
        GuessedIdsThenSilence,
        /// Answers to guessed ids at once on connecting, then honest ones.
        GuessedIdsThenHonesty,
        /// Every answer has the members `id` and `result` twice.
        RepeatedMembers,
        /// The result of everything is null.
        NullResults,
        /// Lines are JSON, but no objects.
        BareNumbers,
        /// Error -101 as the first answer.
        ExcessiveUsage,
        /// Error -101 to every request after the first ping.
        ExcessiveUsageLater,
        /// Errors are bare strings, as mempool's electrs writes them.
        BareStringErrors,
        /// `hosts` of the features is everything but what it should be.
        MalformedHosts,
        /// Rows of the peers list are everything but what they should be.
        MalformedPeers,
        /// Headers are too short, too long, or no hex.
        MalformedHeaders,
        /// A banner of half a megabyte.
        LongBanner,
    }
}

impl Lie {
    pub(super) async fn serve<S>(self, stream: S, honest: &Honest) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = BufReader::new(stream);
        if matches!(self, Self::GuessedIdsThenSilence | Self::GuessedIdsThenHonesty) {
            for id in 0..16 {
                stream.write_all(&respond(&json!(id), Ok(json!(["ElectrumX 1.18.0", "1.4"])))).await?;
            }
            stream.flush().await?;
        }
        if self == Self::GuessedIdsThenSilence {
            return stay_silent(stream).await;
        }
        let mut pinged = false;
        wire::converse(&mut stream, |line| {
            Some(match serde_json::from_slice::<Request>(line) {
                Ok(request) => {
                    let answer = self.answer(&request, honest.answer(line), pinged);
                    pinged |= request.method == "server.ping";
                    answer
                }
                Err(_) => honest.answer(line),
            })
        })
        .await
        .map(|_| ())
    }

    fn answer(self, request: &Request, truth: Vec<u8>, pinged: bool) -> Vec<u8> {
        let id = &request.id;
        let method = request.method.as_str();
        let say = |result: Value| respond(id, Ok(result));
        let too_much = || respond(id, Err((-101, "excessive resource usage".to_owned())));
        match (self, method) {
            (Self::RepeatedMembers, _) => {
                let truth = String::from_utf8_lossy(&truth);
                truth.replacen('{', r#"{"id":0,"result":"decoy","#, 1).into_bytes()
            }
            (Self::NullResults, _) => say(Value::Null),
            (Self::BareNumbers, _) => b"42\n".to_vec(),
            (Self::ExcessiveUsage, _) => too_much(),
            (Self::ExcessiveUsageLater, _) if pinged => too_much(),
            (Self::BareStringErrors, method) if !matches!(method, "server.version" | "server.ping") => {
                format!("{}\n", json!({ "error": "bad script_hash", "id": id, "jsonrpc": "2.0" }))
                    .into_bytes()
            }
            (Self::MalformedHosts, "server.features") => {
                let hosts = json!([
                    { "127.0.0.1": "tcp_port" }, { "tcp_port": "x", "": { "tcp_port": -1 } }, 7, null
                ]);
                say(json!({ "hosts": hosts, "genesis_hash": 5, "protocol_max": ["1.4"], "pruning": "no" }))
            }
            (Self::MalformedPeers, "server.peers.subscribe") => say(json!([
                7,
                null,
                [],
                {},
                "peer",
                [[]],
                ["127.66.0.3"],
                ["127.66.0.3", 5, "t50001"],
                ["127.66.0.3", "", ["v1.4", "t50001"]],
                ["127.66.0.3", "a..b", ["t"]],
                ["127.66.0.3", "127.66.0.3", ["t0", "t70000", "s-1", "t5e3", "", "\u{0}", 9, null]],
                ["127.66.0.3", "x".repeat(5_000), ["t50001"]]
            ])),
            (Self::MalformedHeaders, "blockchain.headers.subscribe") => {
                say(json!({ "height": -5, "hex": "00".repeat(79) }))
            }
            (Self::MalformedHeaders, "blockchain.block.header") => say(json!("zz".repeat(80))),
            (Self::LongBanner, "server.banner") => say(json!("All work and no play. ".repeat(24_000))),
            _ => truth,
        }
    }
}
