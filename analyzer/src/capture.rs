//! Captures: what a real server answered, request by request, on connections of their own. They are what the
//! knowledge of implementations is made from (analyzer/captures/README.md).

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};

use electrum::message::Answer;
use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::identify::{Conversation, Era, Knowledge, KnowledgeError, Said, Turn, Version};

/// All captured connections to one version of one implementation.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its name: `ElectrumX`.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The connections, in the order they were made.
    pub rows: Vec<Row>,
}

/// One captured connection: a greeting, where there was one, and the requests that followed in one write.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it was about, for people.
    pub probe: String,
    /// The answer to a greeting whose request was not kept, and how long it took.
    pub greeting: Option<(String, Duration)>,
    /// The requests, a line each.
    pub requests: Vec<String>,
    /// The lines that came back, and how long after the requests.
    pub answers: Vec<(String, Duration)>,
    /// Whether the server closed the connection.
    pub closed: bool,
}

/// Why captures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A file or folder cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is not a row.
    #[error("{}: {error}", path.display())]
    Row {
        /// Of which file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// A name that is not `NAME-VERSION.jsonl.gz`.
    #[error("{}: not named NAME-VERSION.jsonl.gz", .0.display())]
    Name(PathBuf),
    /// What was read does not make a knowledge base.
    #[error(transparent)]
    Knowledge(#[from] KnowledgeError),
}

/// A row as it is written: bytes as characters of the same number.
#[derive(Deserialize)]
struct Written {
    probe: String,
    #[serde(default)]
    handshake_raw: Vec<String>,
    #[serde(default)]
    handshake_ms: Vec<Moment>,
    request_raw: String,
    responses_raw: Vec<String>,
    responses_ms: Vec<Moment>,
    #[serde(default)]
    closed: Option<String>,
}

/// When a line came.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    /// Milliseconds after the requests.
    Millis(f64),
    /// After the capture had moved on to something else.
    Later(serde::de::IgnoredAny),
}

impl Capture {
    /// Reads every capture of a folder, in the order of their names.
    ///
    /// # Errors
    /// When a file cannot be read, or is no capture.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, CaptureError> {
        let io = |error| CaptureError::Io { path: folder.to_owned(), error };
        let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(io)?.collect();
        let mut paths: Vec<_> = entries.map_err(io)?.into_iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, CaptureError> {
        let (name, version) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jsonl.gz")?.rsplit_once('-'))
            .and_then(|(name, version)| Some((name.to_owned(), Version::read(version)?)))
            .ok_or_else(|| CaptureError::Name(path.to_owned()))?;
        let io = |error| CaptureError::Io { path: path.to_owned(), error };
        let lines = BufReader::new(GzDecoder::new(File::open(path).map_err(io)?)).lines();
        let mut rows = Vec::new();
        for line in lines {
            let row = serde_json::from_str::<Written>(&line.map_err(io)?);
            rows.extend(Row::of(row.map_err(|error| CaptureError::Row { path: path.to_owned(), error })?));
        }
        Ok(Self { name, version, rows })
    }
}

impl Row {
    /// Understands a row; `None` where its bytes are no text.
    fn of(written: Written) -> Option<Self> {
        let said = |lines: Vec<String>, times: Vec<Moment>| -> Option<Vec<(String, Duration)>> {
            let timed = lines.iter().zip(times).filter_map(|(line, moment)| match moment {
                Moment::Millis(ms) => Some((line, Duration::from_secs_f64(ms.max(0.0) / 1_000.0))),
                Moment::Later(_) => None,
            });
            timed.map(|(line, time)| Some((text(line)?, time))).collect()
        };
        Some(Self {
            probe: written.probe,
            greeting: said(written.handshake_raw, written.handshake_ms)?.into_iter().next(),
            requests: text(&written.request_raw)?.lines().map(str::to_owned).collect(),
            answers: said(written.responses_raw, written.responses_ms)?,
            closed: written.closed.is_some(),
        })
    }

    /// Each request with its answer. A lone request is answered by the first line that is no notification;
    /// several are told apart by their ids.
    #[must_use]
    pub fn turns(&self) -> Vec<(&str, Option<&(String, Duration)>)> {
        let is_answer = |line: &str| Answer::read(line.as_bytes()).is_some() || line.starts_with('[');
        let id = |line: &str| -> Option<serde_json::Value> {
            serde_json::from_str::<serde_json::Value>(line).ok()?.get("id").cloned()
        };
        let answers = self.answers.iter().filter(|(line, _)| is_answer(line) && !line.contains("\"method\""));
        if let [request] = self.requests.as_slice() {
            return vec![(request, answers.into_iter().next())];
        }
        let answers: Vec<_> = answers.map(|answer| (id(&answer.0), answer)).collect();
        let answer_to = |request: &str| {
            let id = id(request)?;
            answers.iter().find(|(theirs, _)| theirs.as_ref() == Some(&id)).map(|(_, answer)| *answer)
        };
        self.requests.iter().map(|request| (request.as_str(), answer_to(request))).collect()
    }
}

/// Bytes that were written as one character each, read as the text they are.
fn text(written: &str) -> Option<String> {
    let bytes: Result<Vec<u8>, _> = written.chars().map(u8::try_from).collect();
    String::from_utf8(bytes.ok()?).ok()
}

/// The knowledge that captures make.
///
/// # Errors
/// When there are more versions than a knowledge base holds.
pub fn learn(captures: &[Capture]) -> Result<Knowledge, KnowledgeError> {
    captures.iter().try_fold(Knowledge::default(), |knowledge, capture| {
        let conversations: Vec<_> = capture.rows.iter().filter_map(conversation).collect();
        knowledge.with(&capture.name, capture.version.clone(), &conversations)
    })
}

/// A row as a conversation. `None` for rows that would teach what no visit meets: sessions that do not begin
/// in JSON-RPC 2.0 follow other rules, and requests that were cut cannot be read.
fn conversation(row: &Row) -> Option<Conversation<'_>> {
    let modern = |request: &String| {
        request.contains("\"jsonrpc\": \"2.0\"") || request.contains("\"jsonrpc\":\"2.0\"")
    };
    let lone = row.greeting.is_some() && row.requests.len() == 1;
    let cut = row.requests.iter().any(|request| request.contains(" bytes, sha256 "));
    if cut || !(lone || row.requests.iter().all(modern)) {
        return None;
    }
    let (agreed, began) = match &row.greeting {
        Some((line, took)) => (Era::agreed(line)?, *took),
        None => (Era::Unidentified, Duration::ZERO),
    };
    let greeting = row.greeting.iter().map(|(line, took)| Turn {
        request: None,
        sent: Duration::ZERO,
        answer: Some(Said { line, at: *took }),
    });
    let asked = row.turns().into_iter().map(|(request, answer)| Turn {
        request: Some(request),
        sent: began,
        answer: answer.map(|(line, took)| Said { line, at: began + *took }),
    });
    let turns = greeting.chain(asked).collect();
    Some(Conversation { agreed, turns, lines: true })
}
