//! A server that was captured, answering again: byte for byte what the real one said, with our ids in its own
//! grammar, and with its padding and pace.

use std::{
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use analyzer::capture::{Capture, Row};
use electrum::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::wire::{self, Listening};

/// What ElectrumX fills a write to, and what it sends before it begins to hold back (server/transport.py).
const WRITE: usize = 1_024;
const HELD: Duration = Duration::from_secs(1);

/// A captured server, and what it claims to be.
pub(crate) struct Replay {
    version: String,
    /// Rows of one request, and what it asks: read once, for a slow server is left early.
    rows: Vec<(Asked, Row)>,
    /// Texts that tell the version, and what is said instead.
    claims: Vec<(String, String)>,
    pads: bool,
    /// Whether the very first write is held back too.
    hesitates: bool,
    /// Whether an id sent as `1e2` comes back as `100.0`.
    fractions: bool,
}

impl Replay {
    /// The server as it was.
    pub(crate) fn new(capture: Capture) -> Self {
        let greetings = || capture.rows.iter().filter_map(|row| row.greeting.as_ref());
        let exponent = capture
            .rows
            .iter()
            .find(|row| matches!(row.requests.as_slice(), [request] if request.contains("\"id\":1e2,")));
        Self {
            pads: greetings().any(|(line, _)| line.trim_end().ends_with(" }")),
            hesitates: greetings().all(|(_, took)| *took > HELD / 2),
            fractions: exponent.is_some_and(|row| row.answers.iter().any(|(line, _)| line.contains("100.0"))),
            claims: Vec::new(),
            version: capture.version.to_string(),
            rows: capture.rows.into_iter().filter_map(|row| Some((Asked::only(&row)?, row))).collect(),
        }
    }

    /// The same server, claiming to be another wherever it names itself.
    pub(crate) fn claiming(mut self, claim: &str) -> Self {
        let version = &self.version;
        self.claims = ["mempool-electrs ", "ElectrumX ", "Fulcrum ", "electrs/", "electrs "]
            .map(|name| (format!("{name}{version}"), claim.to_owned()))
            .to_vec();
        self
    }

    /// Listens on a plain port of `address`.
    pub(crate) async fn start(self, address: Ipv4Addr) -> io::Result<Listening> {
        let server = Arc::new(self);
        let mut listening = Listening::default();
        listening.serve(wire::bind(address).await?, Transport::Tcp, move |stream| {
            let server = Arc::clone(&server);
            async move { server.converse(BufReader::new(stream)).await }
        })?;
        Ok(listening)
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: BufReader<S>) -> io::Result<()> {
        let (mut session, mut line, mut answers) = (Session::default(), String::new(), String::new());
        let (mut sent, mut last) = (0, Instant::now());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let closes = self.answer(&mut session, line.trim_end(), &mut answers);
            if !closes && stream.buffer().contains(&b'\n') {
                continue;
            }
            let held_back = self.pads && !closes && (self.hesitates || sent >= WRITE);
            if held_back && answers.len() < WRITE {
                tokio::time::sleep(HELD.saturating_sub(last.elapsed())).await;
            }
            sent += answers.len();
            if self.pads {
                pad(&mut answers);
            }
            stream.write_all(answers.as_bytes()).await?;
            stream.flush().await?;
            last = Instant::now();
            answers.clear();
            if closes {
                return Ok(());
            }
        }
    }

    /// Appends the lines that answer a line; says whether the server hangs up then.
    fn answer(&self, session: &mut Session, line: &str, answers: &mut String) -> bool {
        let asked = Asked::read(line);
        let Some(row) = self.row(session, &asked) else { return false };
        for (answer, _) in &row.answers {
            let mut answer = without_padding(answer);
            for (own, other) in &self.claims {
                answer = answer.replace(own.as_str(), other);
            }
            session.listen(&asked, &answer);
            answers.push_str(&self.with_ids(&answer, &asked.ids));
            answers.push('\n');
        }
        row.closed
    }

    /// The row that asked the same; else the one that comes closest.
    fn row(&self, session: &Session, asked: &Asked) -> Option<&Row> {
        let rows = self.rows.iter().filter(|(_, row)| row.greeting.is_some() == session.greeted);
        let alike = rows.filter(|(captured, _)| captured.is_alike(asked));
        let closest = alike.min_by_key(|(captured, row)| {
            let protocol = row.greeting.as_ref().and_then(|(line, _)| agreed(line));
            let failed = row.answers.iter().any(|(line, _)| line.contains("\"error\""));
            (
                captured.params != asked.params,
                protocol != session.protocol,
                // Of what the capture does not know, nobody knows anything.
                !row.probe.contains("unused"),
                failed,
            )
        });
        closest.map(|(_, row)| row)
    }

    /// A line with our ids, written as this server writes them.
    fn with_ids(&self, line: &str, ids: &[String]) -> String {
        let mut out = String::new();
        let mut left = line;
        for id in ids {
            let Some(at) = left.find("\"id\":") else { break };
            let (before, after) = left.split_at(at + 5);
            let value = after.trim_start();
            let space = &after[..after.len() - value.len()];
            let end = value.find([',', '}']).unwrap_or(value.len());
            out.push_str(before);
            out.push_str(space);
            match value.starts_with("null") {
                true => out.push_str("null"),
                false => out.push_str(&self.echo(id)),
            }
            left = &value[end..];
        }
        out + left
    }

    fn echo(&self, id: &str) -> String {
        match id.split_once('e') {
            Some((digits, "2")) if self.fractions => format!("{digits}00.0"),
            Some((digits, "2")) => format!("{digits}00"),
            _ => id.to_owned(),
        }
    }
}

/// What is known of a client.
#[derive(Default)]
struct Session {
    greeted: bool,
    protocol: Option<String>,
}

impl Session {
    fn listen(&mut self, asked: &Asked, answer: &str) {
        if let (Some("server.version"), Some(protocol)) = (asked.method.as_deref(), agreed(answer)) {
            self.greeted = true;
            self.protocol.get_or_insert(protocol);
        }
    }
}

/// The rules that a greeting's answer agrees on: `1.4` for 1.4.3.
fn agreed(line: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(line).ok()?;
    Some(answer["result"][1].as_str()?.chars().take(3).collect())
}

/// A request, as far as rows are told apart by it.
struct Asked {
    ids: Vec<String>,
    method: Option<String>,
    params: Value,
    modern: bool,
    calls: Option<usize>,
}

impl Asked {
    /// What a row asks, where it asks one thing.
    fn only(row: &Row) -> Option<Self> {
        match row.requests.as_slice() {
            [request] => Some(Self::read(request)),
            _ => None,
        }
    }

    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let method = value["method"].as_str().map(str::to_owned);
        let mut params = value["params"].clone();
        if let (Some("server.version"), Some(name)) = (method.as_deref(), params.get_mut(0)) {
            *name = Value::Null;
        }
        Self {
            // The text, not the value: `7e2` is not `700`.
            ids: line
                .match_indices("\"id\":")
                .map(|(at, found)| {
                    let id = line[at + found.len()..].trim_start();
                    id[..id.find([',', '}']).unwrap_or(id.len())].to_owned()
                })
                .collect(),
            modern: value["jsonrpc"] == "2.0",
            calls: value.as_array().map(Vec::len),
            method,
            params,
        }
    }

    /// Whether two requests ask the same method for things of the same kind.
    fn is_alike(&self, other: &Self) -> bool {
        let same = (self.modern, self.calls) == (other.modern, other.calls) && self.method == other.method;
        same && match (self.method.as_deref(), &self.params, &other.params) {
            // What is agreed on, or refused, depends on the range.
            (Some("server.version"), ours, theirs) => {
                ours == theirs || ours.get(2).is_some() && theirs.get(2).is_some()
            }
            (_, Value::Array(ours), Value::Array(theirs)) => {
                let mut pairs = ours.iter().zip(theirs).enumerate();
                ours.len() == theirs.len() && pairs.all(|(place, (a, b))| kind(a, place) == kind(b, place))
            }
            (_, ours, theirs) => ours.is_object() == theirs.is_object(),
        }
    }
}

/// What a parameter is: numbers and texts are one as good as another, if texts are of one length. A zero that
/// is not the first asks for no proof.
fn kind(value: &Value, place: usize) -> (u8, usize) {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(0) if place > 0 => (0, 0),
            Some(0..900_000) => (0, 1),
            _ => (0, 2),
        },
        Value::String(text) if text.bytes().all(|b| b.is_ascii_hexdigit()) => (1, text.len().min(65)),
        Value::String(_) => (2, 0),
        Value::Bool(truth) => (3, usize::from(*truth)),
        _ => (4, 0),
    }
}

fn without_padding(line: &str) -> String {
    let line = line.trim_end();
    let (body, last) = line.split_at(line.len().saturating_sub(1));
    format!("{}{last}", body.trim_end_matches(' '))
}

/// Fills a write with spaces before its last brace.
fn pad(answers: &mut String) {
    let Some(at) = answers.len().checked_sub(2) else { return };
    let full = (answers.len() + 1).next_power_of_two().max(WRITE);
    answers.insert_str(at, &" ".repeat(full - answers.len()));
}
