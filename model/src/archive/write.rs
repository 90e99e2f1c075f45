//! The writing half: visits gather in memory, and leave it as one whole file.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use object_store::path::Path;

use super::{Archive, ArchiveError, VISITS, beside::Unwritten};
use crate::{Visit, finding::Digest};

/// Appends visits to an archive. What [`Writer::append`] took and no file holds yet is lost if the
/// process is killed: at most [`Writer::MAX_AGE`] of it. [`Writer::close`] writes the rest.
#[derive(Debug)]
pub struct Writer {
    archive: Archive,
    run: String,
    part: u32,
    /// Each day has files of its own. About midnight two are open.
    buffers: BTreeMap<Date, Buffer>,
    /// Whether what is old enough is written though there is little of it.
    hurries: bool,
}

#[derive(Debug)]
struct Buffer {
    lines: Vec<u8>,
    /// None where some of it could not be made.
    beside: Option<Unwritten>,
    visits: usize,
    since: Instant,
}

impl Archive {
    /// Starts appending. Every writer names its files after its own start and a random number, so that two of them never
    /// meet, and of two that follow each other in one second the files of the first are read first.
    #[must_use]
    pub fn writer(&self) -> Writer {
        let started = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S.%6fZ");
        let run = format!("{started}-{:08x}", rand::random::<u32>());
        Writer { archive: self.clone(), run, part: 0, buffers: BTreeMap::new(), hurries: true }
    }

    /// Starts writing files of a name, which depend on nothing but the visits: the same visits under the same name
    /// write over what they wrote before. Files are written when they are full, however long that takes.
    #[must_use]
    pub fn writer_named(&self, run: String) -> Writer {
        Writer { archive: self.clone(), run, part: 0, buffers: BTreeMap::new(), hurries: false }
    }
}

impl Writer {
    /// Visits in one file at most.
    pub const MAX_VISITS: usize = 1_000;
    /// Bytes in one file, before compression, about at most.
    const MAX_BYTES: usize = 8 << 20;
    /// Days that are written to at a time: visits of today, and the last ones of yesterday.
    const OPEN_DAYS: usize = 2;
    /// Oldest visit that is only in memory.
    pub const MAX_AGE: Duration = Duration::from_secs(5);

    /// Takes one visit, and writes a file where it is time to.
    ///
    /// # Errors
    /// [`ArchiveError`] where the file cannot be written; the visits stay in memory, and the next call
    /// tries again.
    pub async fn append(&mut self, visit: &Visit) -> Result<(), ArchiveError> {
        let date = visit.started_at.to_zoned(TimeZone::UTC).date();
        self.buffer(visit, date).map_err(|e| ArchiveError::Spoilt {
            file: format!("the visit to {}", visit.endpoint),
            reason: e.to_string(),
        })?;
        self.flush_if_due().await
    }

    /// Writes the files whose oldest visit is old enough. To be called now and then while no visits come.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub async fn flush_if_due(&mut self) -> Result<(), ArchiveError> {
        let is_due = |buffer: &Buffer| {
            buffer.visits >= Self::MAX_VISITS
                || buffer.lines.len() >= Self::MAX_BYTES
                || (self.hurries && buffer.since.elapsed() >= Self::MAX_AGE)
        };
        let mut due: Vec<Date> =
            self.buffers.iter().filter(|(_, buffer)| is_due(buffer)).map(|(date, _)| *date).collect();
        if due.is_empty() && self.buffers.len() > Self::OPEN_DAYS {
            due.extend(self.buffers.keys().next());
        }
        for date in due {
            self.flush(date).await?;
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub async fn close(mut self) -> Result<(), ArchiveError> {
        while let Some(date) = self.buffers.keys().next().copied() {
            self.flush(date).await?;
        }
        Ok(())
    }

    fn buffer(&mut self, visit: &Visit, date: Date) -> Result<(), serde_json::Error> {
        let buffer = self.buffers.entry(date).or_insert_with(|| Buffer {
            lines: Vec::new(),
            beside: Some(Unwritten::default()),
            visits: 0,
            since: Instant::now(),
        });
        let start = buffer.lines.len();
        serde_json::to_writer(&mut buffer.lines, visit)?;
        if let (Some(beside), Some(unwritten)) = (&self.archive.beside, &mut buffer.beside) {
            match beside.record(visit, Digest::of_bytes(&buffer.lines[start..])) {
                Some(record) => unwritten.add(&record),
                None => buffer.beside = None,
            }
        }
        buffer.lines.push(b'\n');
        buffer.visits += 1;
        Ok(())
    }

    async fn flush(&mut self, date: Date) -> Result<(), ArchiveError> {
        let Some(buffer) = self.buffers.get(&date) else { return Ok(()) };
        let name = format!("{}-{:05}{VISITS}", self.run, self.part);
        let path = Path::from_iter(["visits", &date.to_string(), &name]);
        let spoilt =
            |e: std::io::Error| ArchiveError::Spoilt { file: path.to_string(), reason: e.to_string() };
        let packed = zstd::encode_all(&buffer.lines[..], 3).map_err(spoilt)?;
        let length = packed.len() as u64;
        self.archive.put(&path, packed).await?;
        if let (Some(beside), Some(unwritten)) = (&self.archive.beside, &buffer.beside)
            && let Ok(records) = unwritten.pack(length)
        {
            // The visits are there; what is beside them can be made again.
            let _ = self.archive.put(&beside.of(&path), records).await;
        }
        self.buffers.remove(&date);
        self.part += 1;
        Ok(())
    }
}
