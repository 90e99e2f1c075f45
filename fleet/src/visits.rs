//! The stream of a campaign's visits, as those read it who make something of them: each group gets every visit, and of a
//! group one consumer. A visit is over when both groups have acknowledged it; nothing else is ever taken off the stream.

mod drain;
mod entry;

use std::{
    collections::HashMap,
    fmt,
    sync::LazyLock,
    time::{Duration, Instant},
};

use redis::{
    Script,
    streams::{StreamAutoClaimReply, StreamId, StreamReadReply},
};

use self::entry::Read;
pub use self::{
    drain::{DrainError, Drained, drain},
    entry::Delivered,
};
use crate::{
    FleetError, Redis,
    keys::of_campaign,
    pack::{Digest, Unpacked},
};

/// How long a consumer may take over what it was given, before others take it for dead.
const DEAD: Duration = Duration::from_secs(5 * 60);
/// Entries that were spoilt, kept to be looked at.
const MOST_SPOILT: u32 = 1_000;
/// Longest that a read waits for the first visit.
const LONGEST_BLOCK: Duration = Duration::from_secs(30);
/// Answers fetched at a time.
const FETCHED: usize = 256;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The operator, for statuses.
    Operator,
    /// The analyzer, for the archive.
    Archive,
}

impl Group {
    /// All who must have read a visit before it is over.
    pub const ALL: [Self; 2] = [Self::Operator, Self::Archive];

    /// The name in Redis.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Archive => "archive",
        }
    }
}

/// Acknowledges a spoilt entry, and keeps its id and what is wrong with it, newest first.
static SPOILT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("visits/spoilt.lua")));
/// Takes off the stream what both groups have acknowledged.
static TRIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("visits/trim.lua")));

/// One consumer of a group.
pub struct Reader {
    redis: Redis,
    patient: Redis,
    campaign: String,
    group: Group,
    consumer: String,
    /// Where to go on among what this consumer was given before it began; none when that is done.
    unfinished: Option<String>,
    looked_for_dead: Option<Instant>,
    spoilt: u64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("campaign", &self.campaign)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Begins to read. What a consumer of this name was given and did not acknowledge comes first, in the same order.
    ///
    /// # Errors
    /// Where Redis cannot be used.
    pub async fn open(
        redis: &Redis,
        campaign: &str,
        group: Group,
        consumer: &str,
    ) -> Result<Self, FleetError> {
        for group in Group::ALL {
            let mut create = redis::cmd("XGROUP");
            create
                .arg("CREATE")
                .arg(of_campaign(campaign, "visits"))
                .arg(group.name())
                .arg("0")
                .arg("MKSTREAM");
            match redis.call::<()>(&create).await {
                // Somebody else was first.
                Err(FleetError::Refused(reason)) if reason.contains("BUSYGROUP") => {}
                done => done?,
            }
        }
        Ok(Self {
            redis: redis.clone(),
            patient: redis.patient(LONGEST_BLOCK + Duration::from_secs(5)),
            campaign: campaign.to_owned(),
            group,
            consumer: consumer.to_owned(),
            unfinished: Some("0".to_owned()),
            looked_for_dead: None,
            spoilt: 0,
        })
    }

    /// The next visits, at most so many; waits so long for the first, but no longer than half a minute. What was given
    /// to consumers that died comes in between. Entries that are no visits are put aside, and counted.
    ///
    /// # Errors
    /// Where Redis cannot be used. What was given and not acknowledged by then comes again.
    pub async fn read(&mut self, most: usize, block: Duration) -> Result<Vec<Delivered>, FleetError> {
        let read = self.try_read(most, block).await;
        if read.is_err() {
            // The answer that was lost may have held some.
            self.unfinished = Some("0".to_owned());
        }
        read
    }

    async fn try_read(&mut self, most: usize, block: Duration) -> Result<Vec<Delivered>, FleetError> {
        loop {
            let entries = self.entries(most.max(1), block).await?;
            if entries.is_empty() {
                return Ok(Vec::new());
            }
            let visits = self.unpack(entries).await?;
            // Where all were spoilt there may be others.
            if !visits.is_empty() {
                return Ok(visits);
            }
        }
    }

    /// Says that visits were made use of, so that they come to nobody of the group again.
    ///
    /// # Errors
    /// Where Redis cannot be used. Say it again.
    pub async fn ack<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<(), FleetError> {
        let mut ack = redis::cmd("XACK");
        ack.arg(self.stream()).arg(self.group.name());
        let ids: Vec<&str> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.redis.call(ack.arg(ids)).await
    }

    /// Takes off the stream what both groups have acknowledged; gives how many that were.
    ///
    /// # Errors
    /// Where Redis cannot be used.
    pub async fn trim(&self) -> Result<u64, FleetError> {
        let mut trim = TRIM.prepare_invoke();
        trim.key(self.stream());
        for group in Group::ALL {
            trim.arg(group.name());
        }
        self.redis.run(&trim).await
    }

    /// How many entries were no visits, of those this reader met.
    #[must_use]
    pub fn spoilt(&self) -> u64 {
        self.spoilt
    }

    /// The campaign whose visits they are.
    #[must_use]
    pub fn campaign(&self) -> &str {
        &self.campaign
    }

    fn stream(&self) -> String {
        of_campaign(&self.campaign, "visits")
    }

    async fn entries(&mut self, most: usize, block: Duration) -> Result<Vec<StreamId>, FleetError> {
        if let Some(after) = self.unfinished.clone() {
            let entries = self.given(most, &after, None).await?;
            self.unfinished = entries.last().map(|entry| entry.id.clone());
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        if self.looked_for_dead.is_none_or(|at| at.elapsed() >= DEAD / 5) {
            let entries = self.of_the_dead(most).await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            self.looked_for_dead = Some(Instant::now());
        }
        self.given(most, ">", Some(block)).await
    }

    async fn given(
        &self,
        most: usize,
        after: &str,
        block: Option<Duration>,
    ) -> Result<Vec<StreamId>, FleetError> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(self.group.name()).arg(&self.consumer).arg("COUNT").arg(most);
        // To Redis 0 is for ever.
        let block = block.map(|block| millis(block.min(LONGEST_BLOCK))).filter(|block| *block > 0);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block);
        }
        read.arg("STREAMS").arg(self.stream()).arg(after);
        let from = if block.is_some() { &self.patient } else { &self.redis };
        let reply: Option<StreamReadReply> = from.call(&read).await?;
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    /// Takes over what consumers were given that are taken for dead.
    async fn of_the_dead(&self, most: usize) -> Result<Vec<StreamId>, FleetError> {
        let (mut from, mut entries) = ("0-0".to_owned(), Vec::new());
        loop {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(self.stream()).arg(self.group.name()).arg(&self.consumer).arg(millis(DEAD));
            claim.arg(&from).arg("COUNT").arg(most - entries.len());
            let reply: StreamAutoClaimReply = self.redis.call(&claim).await?;
            entries.extend(reply.claimed);
            from = reply.next_stream_id;
            if from == "0-0" || entries.len() >= most {
                return Ok(entries);
            }
        }
    }

    async fn unpack(&mut self, entries: Vec<StreamId>) -> Result<Vec<Delivered>, FleetError> {
        let read: Vec<(String, Result<Read, String>)> =
            entries.into_iter().map(|entry| (entry.id.clone(), Read::of(&entry))).collect();
        let visits = read.iter().filter_map(|(_, read)| read.as_ref().ok());
        let kept = self.answers(visits.map(|read| &read.visit)).await?;
        let mut delivered = Vec::with_capacity(read.len());
        for (id, read) in read {
            let kept = |digest: &Digest| kept.get(digest).map(Vec::as_slice);
            match read.and_then(|read| read.complete(id.clone(), kept)) {
                Ok(visit) => delivered.push(visit),
                Err(reason) => self.put_aside(&id, &reason).await?,
            }
        }
        Ok(delivered)
    }

    async fn answers(
        &self,
        visits: impl Iterator<Item = &Unpacked>,
    ) -> Result<HashMap<Digest, Vec<u8>>, FleetError> {
        let mut digests: Vec<Digest> = visits.flat_map(Unpacked::digests).collect();
        digests.sort_unstable();
        digests.dedup();
        let mut kept = HashMap::new();
        for digests in digests.chunks(FETCHED) {
            let keys: Vec<String> = digests
                .iter()
                .map(|digest| of_campaign(&self.campaign, &format!("answer:{digest}")))
                .collect();
            let found: Vec<Option<Vec<u8>>> = self.redis.call(redis::cmd("MGET").arg(keys)).await?;
            kept.extend(digests.iter().zip(found).filter_map(|(digest, bytes)| Some((*digest, bytes?))));
        }
        Ok(kept)
    }

    async fn put_aside(&mut self, id: &str, reason: &str) -> Result<(), FleetError> {
        tracing::warn!(campaign = self.campaign, id, reason, "an entry of the stream is no visit");
        let mut spoilt = SPOILT.prepare_invoke();
        spoilt.key(self.stream()).key(of_campaign(&self.campaign, "spoilt"));
        spoilt.arg(self.group.name()).arg(id).arg(reason).arg(MOST_SPOILT);
        self.redis.run::<()>(&spoilt).await?;
        self.spoilt += 1;
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
