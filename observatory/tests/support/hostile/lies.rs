//! Answers that are wrong, misshapen, or made to harm whoever shows them.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::{behaviours, floods::crowd_row, stay_silent};
use crate::support::{
    honest::{Honest, Request, respond},
    wire,
};

behaviours! {
    /// What is wrong with the answers.
    Lie {
        /// Every answer bears an id that nobody asked with.
        WrongId,
        /// Answers to guessed ids at once on connecting, then nothing more.
        GuessedIdsThenSilence,
        /// Answers to guessed ids at once on connecting, then honest ones.
        GuessedIdsThenHonesty,
        /// Every answer comes twice.
        EveryAnswerTwice,
        /// Every answer has the members `id` and `result` twice.
        RepeatedMembers,
        /// The version is not UTF-8.
        InvalidUtf8,
        /// The version holds escape sequences as raw bytes, which JSON forbids.
        RawControlBytes,
        /// Escape sequences, HTML and line breaks, correctly escaped, in every text there is.
        TerminalEscapes,
        /// Numbers that no machine type holds.
        HugeNumbers,
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
        /// Eight thousand peers in a line of a length that can be had.
        CrowdedPeers,
        /// A banner of half a megabyte.
        LongBanner,
    }
}

/// Clears the screen, renames the window, colours, rings, overwrites the line, turns the reading
/// direction, forges a line of output, and the same with the C1 forms.
pub(crate) const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31m\r\u{8}\u{7f}\u{9b}32m\u{9d}0;owned\u{9c}\
                                  \u{202e}\nforged: answered\n<script>alert(1)</script><img src=x onerror=alert(1)>";

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
                    let answer = self.answer(&request, honest.answer(line), honest, pinged);
                    pinged |= request.method == "server.ping";
                    answer
                }
                Err(_) => honest.answer(line),
            })
        })
        .await
        .map(|_| ())
    }

    fn answer(self, request: &Request, truth: Vec<u8>, honest: &Honest, pinged: bool) -> Vec<u8> {
        let id = &request.id;
        let method = request.method.as_str();
        let say = |result: Value| respond(id, Ok(result));
        let too_much = || respond(id, Err((-101, "excessive resource usage".to_owned())));
        match (self, method) {
            (Self::WrongId, _) => respond(&json!(424_242), honest.result(request)),
            (Self::EveryAnswerTwice, _) => truth.repeat(2),
            (Self::RepeatedMembers, _) => {
                let truth = String::from_utf8_lossy(&truth);
                truth.replacen('{', r#"{"id":0,"result":"decoy","#, 1).into_bytes()
            }
            (Self::InvalidUtf8, "server.version") => raw_version(id, b"electrs/\xff\xfe\xc0\x80"),
            (Self::RawControlBytes, "server.version") => raw_version(id, b"electrs/\x1b[2J\x07\x9b31m"),
            (Self::NullResults, _) => say(Value::Null),
            (Self::BareNumbers, _) => b"42\n".to_vec(),
            (Self::ExcessiveUsage, _) => too_much(),
            (Self::ExcessiveUsageLater, _) if pinged => too_much(),
            (Self::BareStringErrors, method) if !matches!(method, "server.version" | "server.ping") => {
                format!("{}\n", json!({ "error": "bad script_hash", "id": id, "jsonrpc": "2.0" }))
                    .into_bytes()
            }
            (Self::TerminalEscapes, _) => escaped(id, method).unwrap_or(truth),
            (Self::HugeNumbers, _) => {
                huge(method).map_or(truth, |n| format!(r#"{{"id":{id},"result":{n}}}{}"#, '\n').into_bytes())
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
            (Self::CrowdedPeers, "server.peers.subscribe") => say((0..8_000).map(crowd_row).collect()),
            (Self::LongBanner, "server.banner") => say(json!("All work and no play. ".repeat(24_000))),
            _ => truth,
        }
    }
}

fn raw_version(id: &Value, software: &[u8]) -> Vec<u8> {
    let mut line = format!(r#"{{"id":{id},"jsonrpc":"2.0","result":[""#).into_bytes();
    line.extend_from_slice(software);
    line.extend_from_slice(b"\",\"1.4\"]}\n");
    line
}

fn escaped(id: &Value, method: &str) -> Option<Vec<u8>> {
    let result = match method {
        "server.version" => json!([format!("electrs/{ESCAPES}"), "1.4"]),
        "server.banner" | "server.donation_address" => json!(ESCAPES),
        "server.features" => json!({
            "genesis_hash": ESCAPES, "hash_function": ESCAPES, "protocol_max": ESCAPES,
            "protocol_min": ESCAPES, "pruning": ESCAPES, "server_version": ESCAPES,
            "hosts": { ESCAPES: { "tcp_port": 50001, ESCAPES: ESCAPES } }, ESCAPES: ESCAPES,
        }),
        "server.peers.subscribe" => json!([
            [ESCAPES, ESCAPES, ["v1.4", "t50001"]],
            ["127.66.0.3", format!("{ESCAPES}.example.org"), [ESCAPES, "t50001"]],
        ]),
        method if method.starts_with("blockchain.scripthash.") => {
            return Some(respond(id, Err((1, ESCAPES.to_owned()))));
        }
        _ => return None,
    };
    Some(respond(id, Ok(result)))
}

fn huge(method: &str) -> Option<String> {
    let digits = "9".repeat(400);
    match method {
        "blockchain.headers.subscribe" => Some(format!(r#"{{"height":{digits},"hex":"00"}}"#)),
        "blockchain.estimatefee" => Some("-1e309".to_owned()),
        "blockchain.scripthash.get_balance" => {
            Some(format!(r#"{{"confirmed":{digits},"unconfirmed":-{digits}}}"#))
        }
        "blockchain.scripthash.get_history" => Some(format!(r#"[{{"height":1e400,"tx_hash":{digits}}}]"#)),
        "server.features" => {
            Some(format!(r#"{{"hosts":{{"127.66.0.3":{{"tcp_port":{digits}}}}},"pruning":1e-400}}"#))
        }
        _ => None,
    }
}
