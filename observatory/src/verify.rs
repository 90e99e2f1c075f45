//! `observatory verify`: the proof behind a finding, replayed from the archive for a reader who trusts nobody.

use std::{fmt::Write as _, str::FromStr};

use analyzer::truth::verify::{Others, Verdict, Verification, said, verify};
use clap::Args;
use data_encoding::HEXLOWER_PERMISSIVE;
use electrum::text::printable;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use model::{Archive, Visit, archive::ArchiveError, finding::Digest};

use crate::output::{self, Usage};

/// Most characters of a request or an answer that are shown.
const LONGEST: usize = 400;

/// Replay the proof behind a finding, step by step, from the bytes in the archive.
///
/// DIGEST is one that a finding names: of an exchange (SHA-256 of the SHA-256 of its request and that of its response),
/// of a message that nobody asked for, of a visit's line, or of a certificate. Its first twelve digits will do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory verify 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b --archive archive
  observatory verify 4a5e1e4baab8 --archive archive")]
pub(crate) struct Arguments {
    /// The digest, or the beginning of it, in hex
    #[arg(value_name = "DIGEST")]
    digest: Beginning,
    /// The archive: a directory or a URL
    #[arg(long, value_name = "DIR|URL", default_value = "archive")]
    archive: String,
}

/// The beginning of a digest: as much as tells it from all others.
#[derive(Clone, Debug)]
struct Beginning(Vec<u8>);

impl FromStr for Beginning {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // As the report shows one that it cut.
        let text = text.trim_end_matches('…');
        let bytes =
            HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|bytes| (6..=32).contains(&bytes.len()));
        bytes
            .map(Self)
            .ok_or("a digest is 64 hexadecimal digits, of which at least 12 are needed, and an even number")
    }
}

/// Runs the command. What is looked for is kept, and what is said of the same, never the archive.
///
/// # Errors
/// [`Usage`] where the archive holds nothing of that digest; else what kept it from being read.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let archive = Archive::open(&arguments.archive)?;
    let is_it = |digest: &Digest| digest.begins_with(&arguments.digest.0);
    let nothing = || Usage(format!("nothing in {} has that digest", arguments.archive));
    let text = match first(&archive, |visit, _| said(visit, is_it)).await? {
        Some((digest, holder)) => {
            let mut others = Others::about(digest, &holder);
            if others.matter() {
                each(&archive, |visit, _| {
                    others.hear(&visit);
                    true
                })
                .await?;
            }
            steps(&verify(digest, &holder, &others), digest)
        }
        // Whole visits are digested only where nothing that was said has this one.
        None => first(&archive, |visit, line| beside(visit, line, is_it)).await?.ok_or_else(nothing)?.0,
    };
    Ok(output::result(&text)?)
}

/// What is found first, and the visit in which it is.
async fn first<T>(
    archive: &Archive,
    look: impl Fn(&Visit, &[u8]) -> Option<T>,
) -> anyhow::Result<Option<(T, Visit)>> {
    let mut found = None;
    each(archive, |visit, line| {
        found = look(&visit, line).map(|what| (what, visit));
        found.is_none()
    })
    .await?;
    Ok(found)
}

/// Shows the visits of an archive and the lines in which they are written, as long as more are wanted.
async fn each(archive: &Archive, mut wants_more: impl FnMut(Visit, &[u8]) -> bool) -> anyhow::Result<()> {
    let mut files = std::pin::pin!(archive.files_since(Timestamp::MIN));
    let spoilt = |error: &ArchiveError| output::note(&format!("archive: {error}"));
    let mut room = Vec::new();
    while let Some(packed) = files.try_next().await? {
        let file = packed.unpack(&mut room);
        for (number, line) in file.lines().into_iter().enumerate() {
            match file.visit(number, line) {
                Ok(visit) => {
                    if !wants_more(visit, line) {
                        return Ok(());
                    }
                }
                Err(error) => spoilt(&error),
            }
        }
        file.damage.iter().for_each(spoilt);
    }
    Ok(())
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
        Verdict::Outvoted => "\nVerdict: it is not what a quorum of neighbourhoods said.\n",
        Verdict::Holds => "\nVerdict: all of it holds.\n",
        Verdict::NothingToProve => "\nVerdict: bytes alone prove and disprove nothing here; the finding rests on how this compares with other visits.\n",
    });
    text
}

/// What else has a digest: a whole visit, a certificate.
fn beside(visit: &Visit, line: &[u8], is_it: impl Fn(&Digest) -> bool) -> Option<String> {
    if is_it(&Digest::of_bytes(line)) {
        return Some(format!("{}This is the digest of the whole visit.\n", heading(visit)));
    }
    let chain = visit.tls.iter().flat_map(|tls| &tls.chain);
    let certificate = chain.into_iter().find(|der| is_it(&Digest::of_bytes(der.as_bytes())))?;
    let shown = format!("{}This is the digest of a certificate that was shown.\n", heading(visit));
    let Ok(described) = electrum::tls::describe(certificate.as_bytes()) else {
        return Some(format!("{shown}It cannot be read.\n"));
    };
    Some(format!(
        "{shown}subject:    {}\nissuer:     {}\nvalid from: {}\nkey:        {} (SHA-256 {})\n",
        described.subject, described.issuer, described.not_before, described.key, described.spki_sha256
    ))
}

fn heading(visit: &Visit) -> String {
    format!("{} at {}, from {}\n", visit.endpoint, visit.started_at, printable(&visit.vantage, 60))
}
