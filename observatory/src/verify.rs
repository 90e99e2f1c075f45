//! `observatory verify`: the proof behind a finding, replayed from the archive for a reader who trusts nobody.

use std::fmt::Write as _;

use analyzer::truth::verify::{Verdict, Verification, verify};
use clap::Args;
use electrum::text::printable;
use futures_util::TryStreamExt as _;
use model::{Archive, Visit, archive::ArchiveError, finding::Digest};

use crate::output::{self, Usage};

/// Most characters of a request or an answer that are shown.
const LONGEST: usize = 400;

/// Replay the proof behind a finding, step by step, from the bytes in the archive.
///
/// DIGEST is one that a finding names: of an exchange (SHA-256 of the SHA-256 of its request and that of its response),
/// of a message that nobody asked for, of a visit's line, or of a certificate.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory verify 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b --archive archive")]
pub(crate) struct Arguments {
    /// The digest, in hex
    #[arg(value_name = "DIGEST")]
    digest: Digest,
    /// The archive: a directory or a URL
    #[arg(long, value_name = "DIR|URL", default_value = "archive")]
    archive: String,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] where the archive holds nothing of that digest; else what kept it from being read.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let archive = Archive::open(&arguments.archive)?;
    let visits = visits(&archive).await?;
    let text = match verify(arguments.digest, &visits) {
        Some(verification) => steps(&verification, arguments.digest),
        None => visits.iter().find_map(|visit| beside(visit, arguments.digest)).ok_or_else(|| {
            Usage(format!("nothing in {} has the digest {}", arguments.archive, arguments.digest))
        })?,
    };
    Ok(output::result(&text)?)
}

async fn visits(archive: &Archive) -> anyhow::Result<Vec<Visit>> {
    let mut visits = Vec::new();
    let mut read = std::pin::pin!(archive.read());
    loop {
        match read.try_next().await {
            Ok(None) => return Ok(visits),
            Ok(Some(visit)) => visits.push(visit),
            Err(error @ ArchiveError::Spoilt { .. }) => output::note(&format!("archive: {error}")),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The exchange and the steps of the proofs that rest on it.
fn steps(verification: &Verification<'_>, digest: Digest) -> String {
    let visit = verification.visit;
    let mut text = heading(visit);
    if let Some(exchange) = visit.exchanges.iter().find(|exchange| Digest::of_exchange(exchange) == digest) {
        let show = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes), LONGEST);
        let _ = writeln!(text, "asked:    {}", show(exchange.request.bytes()));
        if let Some(reply) = &exchange.answer {
            let _ = writeln!(text, "answered: {}", show(reply.response.bytes()));
        }
    }
    for proof in &verification.proofs {
        let _ = writeln!(text, "\n{}", proof.subject);
        for step in &proof.steps {
            let mark = if step.holds { "holds" } else { "FAILS" };
            let _ = writeln!(text, "  {mark}  {}", step.what);
            let _ = writeln!(text, "         due:  {}", step.expected);
            let _ = writeln!(text, "         told: {}", step.found);
        }
    }
    text.push_str(match verification.verdict() {
        Verdict::Contradicted => "\nVerdict: what it said is not so.\n",
        Verdict::Holds => "\nVerdict: all of it holds.\n",
        Verdict::NothingToProve => "\nVerdict: bytes alone prove and disprove nothing here; the finding rests on how this compares with other visits.\n",
    });
    text
}

/// What else has a digest: a whole visit, a certificate.
fn beside(visit: &Visit, digest: Digest) -> Option<String> {
    if Digest::of_visit(visit).ok()? == digest {
        return Some(format!("{}This is the digest of the whole visit.\n", heading(visit)));
    }
    let chain = visit.tls.iter().flat_map(|tls| &tls.chain);
    let certificate = chain.into_iter().find(|der| Digest::of_bytes(der.as_bytes()) == digest)?;
    let described = electrum::tls::describe(certificate.as_bytes()).ok()?;
    Some(format!(
        "{}This is the digest of a certificate that was shown.\nsubject:    {}\nissuer:     {}\nvalid from: {}\nkey:        {} (SHA-256 {})\n",
        heading(visit),
        described.subject,
        described.issuer,
        described.not_before,
        described.key,
        described.spki_sha256
    ))
}

fn heading(visit: &Visit) -> String {
    format!("{} at {}, from {}\n", visit.endpoint, visit.started_at, printable(&visit.vantage, 60))
}
