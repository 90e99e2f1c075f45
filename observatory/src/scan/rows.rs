//! The lines a scan ends with: a table for people, JSON lines for machines. Everything that came from a
//! server is made printable here at the latest.

use analyzer::identify::Identified;
use electrum::{Endpoint, text::printable, tls};
use model::{
    assessment::VersionRange,
    facts::{Facts, Tip},
};
use serde::Serialize;

use super::{
    sightings::{Sightings, Told},
    summary::{ServerSummary, Summary},
};
use crate::output;

/// One server, as `scan --json` prints it (docs/data.md).
#[derive(Debug, Serialize)]
struct Row<'a> {
    server: String,
    endpoints: Vec<&'a Endpoint>,
    outcome: &'static str,
    detail: Option<String>,
    implementation: Implementation,
    protocol: Option<[String; 2]>,
    tls: Option<TlsRow>,
    tip: Option<Tip>,
    latency_ms: Option<f64>,
    group: Option<String>,
    /// What it told while it was watched; absent where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<&'a Told>,
}

/// The claim, and what the bytes say.
#[derive(Debug, Serialize)]
struct Implementation {
    claimed: Option<String>,
    identified: Option<VersionRange>,
    confidence: f64,
    #[serde(skip)]
    speaks_like: Option<String>,
}

impl Implementation {
    fn new(claimed: Option<String>, identified: Option<&Identified>) -> Self {
        Self {
            claimed,
            confidence: identified.map_or(0.0, |found| found.confidence),
            speaks_like: identified.map(ToString::to_string),
            identified: identified.map(Identified::range),
        }
    }
}

/// The TLS of a server, described.
#[derive(Debug, Serialize)]
struct TlsRow {
    version: Option<String>,
    cipher: Option<String>,
    #[serde(flatten)]
    certificate: Option<tls::Certificate>,
}

impl<'a> Row<'a> {
    fn new(name: String, server: &'a ServerSummary, identified: Option<&Identified>) -> Self {
        let facts: Facts = server.facts();
        let best = server.best();
        Self {
            server: name,
            endpoints: server.endpoints().collect(),
            outcome: best.map_or("", |latest| latest.outcome.name()),
            detail: best.and_then(|latest| latest.detail.as_deref()).map(|detail| printable(detail, 200)),
            implementation: Implementation::new(facts.software, identified),
            protocol: facts.protocol,
            tls: server.tls().map(|tls| TlsRow {
                version: tls.version.clone(),
                cipher: tls.cipher.clone(),
                certificate: tls.chain.first().and_then(|der| tls::describe(der.as_ref()).ok()),
            }),
            tip: facts.tip,
            latency_ms: facts.latency.map(model::Seconds::as_millis),
            group: None,
            watch: None,
        }
    }
}

fn rows(summary: &Summary) -> impl Iterator<Item = Row<'_>> {
    summary
        .servers()
        .map(|(host, server)| Row::new(host.to_string(), server, summary.identify(server).as_ref()))
}

/// One JSON object a line per server.
///
/// # Errors
/// None in practice: every row can be written as JSON.
pub(crate) fn json(summary: &Summary, sightings: &Sightings) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for ((host, _), row) in summary.servers().zip(rows(summary)) {
        let row = Row { watch: sightings.told_by(host), ..row };
        text.push_str(&serde_json::to_string(&row)?);
        text.push('\n');
    }
    Ok(text)
}

/// A table, and how many servers ended how.
pub(crate) fn table(summary: &Summary) -> String {
    let mut table = output::table([
        "server",
        "software (claimed)",
        "speaks like",
        "protocol",
        "TLS",
        "tip",
        "latency",
        "outcome",
    ]);
    let (mut servers, mut answered) = (0, 0);
    for row in rows(summary) {
        servers += 1;
        answered += usize::from(row.outcome == model::Outcome::Answered.name());
        let outcome = match &row.detail {
            Some(detail) => format!("{}: {detail}", row.outcome),
            None => row.outcome.to_owned(),
        };
        let Implementation { claimed, speaks_like, .. } = row.implementation;
        // Who claims nothing has said nothing.
        let unknown = claimed.is_some().then(|| "unknown".to_owned());
        table.add_row([
            row.server,
            claimed.unwrap_or_default(),
            speaks_like.or(unknown).unwrap_or_default(),
            row.protocol.map(protocols).unwrap_or_default(),
            row.tls.as_ref().map(tls_cell).unwrap_or_default(),
            row.tip.map(|tip| tip.height.to_string()).unwrap_or_default(),
            row.latency_ms.map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
            outcome,
        ]);
    }
    format!("{table}\n{servers} servers, {answered} answered.\n")
}

fn protocols([min, max]: [String; 2]) -> String {
    if min == max { min } else { format!("{min}–{max}") }
}

fn tls_cell(tls: &TlsRow) -> String {
    let version = tls.version.as_deref().unwrap_or("failed");
    match &tls.certificate {
        Some(certificate) if certificate.self_signed => format!("{version}, self-signed"),
        Some(_) => format!("{version}, issued"),
        None => version.to_owned(),
    }
}
