//! From the stream into the archive. A batch is acknowledged when its file is written, and the file is named after the
//! batch: whoever was killed in between writes the same file over again, and no visit is there twice.

use std::time::Duration;

use model::{Archive, archive::ArchiveError};

use super::Reader;
use crate::FleetError;

/// Visits in a batch. What is given to a consumer again is the batch that it was given before, because this never changes.
const BATCH: usize = 1_000;

/// What was drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Visits.
    pub visits: u64,
    /// Entries that were none.
    pub spoilt: u64,
    /// Entries that both groups have acknowledged, taken off the stream.
    pub trimmed: u64,
}

/// Why it stopped. What was acknowledged by then is in the archive.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// It could not be read.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// It could not be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Moves visits into the archive until there are no more. The reader must be of the group of the archive, and the only one
/// of its name.
///
/// # Errors
/// [`DrainError`]. Nothing is lost: what was not acknowledged comes again.
pub async fn drain(reader: &mut Reader, archive: &Archive) -> Result<Drained, DrainError> {
    let mut drained = Drained::default();
    let before = reader.spoilt();
    loop {
        let visits = reader.read(BATCH, Duration::ZERO).await?;
        let (Some(first), Some(last)) = (visits.first(), visits.last()) else {
            drained.trimmed += reader.trim().await?;
            drained.spoilt = reader.spoilt() - before;
            return Ok(drained);
        };
        let name = format!("{}-{}-{}", reader.campaign().replace('/', "."), first.id, last.id);
        let mut writer = archive.writer_named(name);
        for delivered in &visits {
            writer.append(&delivered.visit).await?;
        }
        writer.close().await?;
        reader.ack(visits.iter().map(|delivered| delivered.id.as_str())).await?;
        drained.visits += visits.len() as u64;
        drained.trimmed += reader.trim().await?;
    }
}
