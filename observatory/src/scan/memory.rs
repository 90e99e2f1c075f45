//! What earlier scans left in the archive that this one has to know: whom to leave alone, what was asked already,
//! and which objects everybody is asked about.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use electrum::Network;
use futures_util::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use model::{Archive, Outcome};
use scanner::{
    acquaintance::Acquaintances,
    ledger::{Class, FIRST_QUIET, Ledger},
    objects::Objects,
};
use tokio::time::Instant;

use crate::output::{self, Usage};

/// Visits that are older teach nothing about what to ask today.
const LOOKS_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Reads the archive, and tells the ledger whom to leave alone for how long.
///
/// # Errors
/// When the archive cannot be read. Single files that cannot are named and passed over.
pub(crate) async fn recall(
    archive: &Archive,
    network: Network,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<Acquaintances> {
    let (now, mut acquaintances) = (Timestamp::now(), Acquaintances::default());
    let mut visits = std::pin::pin!(archive.read_since(now - LOOKS_BACK));
    loop {
        match visits.try_next().await {
            Ok(None) => break,
            Ok(Some(visit)) if visit.network != network => {}
            Ok(Some(visit)) => {
                acquaintances.take(&visit);
                if visit.outcome == Outcome::ToldToStop {
                    let until = until(visit.started_at, FIRST_QUIET, now);
                    ledger.leave_alone_until(&visit.endpoint.host, until);
                }
            }
            Err(error @ model::archive::ArchiveError::Spoilt { .. }) => {
                output::note(&format!("archive: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    for (server, acquaintance) in acquaintances.iter() {
        let due =
            [(Class::Deep, acquaintance.latest_deep), (Class::ParseError, acquaintance.latest_parse_error)];
        for (class, latest) in due {
            if let (Some(latest), Some(spacing)) = (latest, class.spacing()) {
                ledger.not_before(server, class, until(latest, spacing, now));
            }
        }
    }
    Ok(acquaintances)
}

/// The instant that lies so long after a time.
fn until(since: Timestamp, long: std::time::Duration, now: Timestamp) -> Instant {
    let passed = std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Instant::now() + long.saturating_sub(passed)
}

fn name(network: Network) -> String {
    format!("objects/{network}.json")
}

/// The objects that the user names, or that an earlier scan found.
///
/// # Errors
/// [`Usage`] where the file is no list of objects.
pub(crate) async fn objects(
    archive: &Archive,
    network: Network,
    file: Option<&Path>,
) -> anyhow::Result<Option<Objects>> {
    if let Some(path) = file {
        let complaint = |e: &dyn std::fmt::Display| Usage(format!("--objects {}: {e}", path.display()));
        let text = std::fs::read(path).map_err(|e| complaint(&e))?;
        return Ok(Some(serde_json::from_slice(&text).map_err(|e| complaint(&e))?));
    }
    let Some(kept) = archive.kept(&name(network)).await? else { return Ok(None) };
    let advice = || {
        format!("{} in the archive is damaged: delete it, and the objects are looked for anew", name(network))
    };
    serde_json::from_slice(&kept).map(Some).with_context(advice)
}

/// Keeps the objects for the next scan: answers about the same objects can be compared.
///
/// # Errors
/// When the archive cannot be written.
pub(crate) async fn keep_objects(
    archive: &Archive,
    network: Network,
    objects: &Objects,
) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(objects)?;
    Ok(archive.keep(&name(network), text).await?)
}
