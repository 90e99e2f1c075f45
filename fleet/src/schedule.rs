//! Who is visited when, and by which worker: lanes, claims, tokens. docs/fleet.md tells how it works.
//!
//! All implementations pass one suite (`tests/conformance`). Times are those of the shared clock, which is the store's own.

use std::{fmt, str::FromStr, time::Duration};

use electrum::Host;
use jiff::Timestamp;
use model::Visit;

use crate::{FleetError, uptime::Uptime};

mod memory;
mod redis;
mod scripts;
mod table;

pub use self::{
    memory::{Memory, MemorySchedule, Waiting},
    redis::RedisSchedule,
};

/// One campaign, seen from one vantage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The campaign, as `NAMESPACE/NAME`.
    pub campaign: String,
    /// The vantage.
    pub vantage: String,
}

/// What visits are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Who is there.
    Liveness,
    /// Everything.
    Deep,
    /// Who else there is.
    Discovery,
    /// To listen.
    Watch,
}

impl Lane {
    /// All of them, the dearest to miss first.
    pub const ALL: [Self; 4] = [Self::Discovery, Self::Liveness, Self::Deep, Self::Watch];

    /// The name in keys, logs and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Deep => "deep",
            Self::Discovery => "discovery",
            Self::Watch => "watch",
        }
    }

    /// Its place in [`Self::ALL`], and in scripts (which count from 1).
    fn index(self) -> usize {
        match self {
            Self::Discovery => 0,
            Self::Liveness => 1,
            Self::Deep => 2,
            Self::Watch => 3,
        }
    }
}

/// What a claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The campaign itself: whoever claims it looks for servers.
    Campaign,
    /// A server.
    Server(Host),
}

/// `@campaign`, which is no host, or the canonical host.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Campaign => f.pad("@campaign"),
            Self::Server(host) => fmt::Display::fmt(host, f),
        }
    }
}

impl FromStr for Subject {
    type Err = electrum::endpoint::EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "@campaign" => Ok(Self::Campaign),
            host => host.parse().map(Self::Server),
        }
    }
}

/// A subject that is to be on the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Who.
    pub subject: Subject,
    /// What discovery knows of it: where it listens, who told of it. Where the subject is known already this takes
    /// the place of what was known.
    pub listing: Vec<u8>,
    /// In which lanes, and how long from now until it is due for the first time. Lanes it is in already stay as
    /// they are.
    pub lanes: Vec<(Lane, Duration)>,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Who asks. Subjects belong to it only while it is present (see [`Schedule::attend`]).
    pub worker: &'a str,
    /// From these lanes, in this order.
    pub lanes: &'a [Lane],
    /// At most so many.
    pub most: usize,
    /// For so long, unless extended.
    pub lease: Duration,
    /// How long others leave a subject to the worker it belongs to.
    pub patience: Duration,
}

/// A subject that a worker may visit, and nobody else until the lease is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub subject: Subject,
    /// What for.
    pub lane: Lane,
    /// Greater than that of every claim before.
    pub token: u64,
    /// When it was due.
    pub due: Timestamp,
    /// What discovery knows of it.
    pub listing: Vec<u8>,
    /// What visits taught about it; empty before the first.
    pub record: Vec<u8>,
}

/// What became of something that was done under a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// It is done; or was done already, when it was said before.
    Done,
    /// The claim is over: nothing was done.
    Stale,
}

/// A visit, and what goes with it.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Which of the claim's reports, from 1.
    pub number: u32,
    /// The visit.
    pub visit: &'a Visit,
    /// Whether the worker takes its own network to be broken: what failed says nothing of the server.
    pub doubtful: bool,
    /// Whether the server counts as up or down by it; none where it says nothing about that.
    pub up: Option<bool>,
    /// What visits taught about the subject by now.
    pub record: &'a [u8],
}

/// How a lane stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneStatus {
    /// Which.
    pub lane: Lane,
    /// Subjects in it.
    pub subjects: u64,
    /// Subjects that are due and not claimed.
    pub due: u64,
    /// Subjects that are claimed.
    pub claimed: u64,
    /// How long the longest due has been due.
    pub lag: Duration,
}

/// How a scope stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Each lane.
    pub lanes: Vec<LaneStatus>,
    /// Workers that are present, by name, and how many claims each holds.
    pub workers: Vec<(String, u64)>,
    /// Visits that wait in the campaign's stream, and how many may.
    pub backlog: (u64, u64),
    /// Settlements and reports that were refused since the beginning.
    pub stale: u64,
}

/// Who is visited when, and by which worker.
pub trait Schedule: Send + Sync {
    /// Puts subjects on the schedule; gives the number of those that were not on it. Listings and records have at most
    /// [`MOST_RECORD`] bytes.
    fn enrol(&self, subjects: &[Enrolment]) -> impl Future<Output = Result<usize, FleetError>> + Send;

    /// Takes subjects off the schedule, with all that is kept of them. Claims on them are over.
    fn retire(&self, subjects: &[Subject]) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Every subject and its listing, in pages: give the cursor back to go on, until there is none. A subject may come
    /// twice, and one that is put on the schedule in the meantime may not come.
    #[expect(clippy::type_complexity, reason = "a page and where the next begins")]
    fn subjects(
        &self,
        cursor: u64,
    ) -> impl Future<Output = Result<(Vec<(Subject, Vec<u8>)>, Option<u64>), FleetError>> + Send;

    /// Says that a worker is there, for so long; gives all that are.
    fn attend(
        &self,
        worker: &str,
        lasting: Duration,
    ) -> impl Future<Output = Result<Vec<String>, FleetError>> + Send;

    /// Says that a worker goes.
    fn leave(&self, worker: &str) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Takes what is due.
    fn claim(&self, wanted: &Wanted<'_>) -> impl Future<Output = Result<Vec<Claim>, FleetError>> + Send;

    /// Keeps claims for a while longer, from now; says of each whether it still was one.
    fn extend(
        &self,
        claims: &[&Claim],
        lease: Duration,
    ) -> impl Future<Output = Result<Vec<Fenced>, FleetError>> + Send;

    /// Puts a visit into the stream, and what was learnt from it into the record.
    fn report(
        &self,
        claim: &Claim,
        report: Report<'_>,
    ) -> impl Future<Output = Result<Fenced, FleetError>> + Send;

    /// Ends claims; the subject of each is due again, in its lane, so long from now. With none it leaves the lane.
    fn settle(
        &self,
        claims: &[(&Claim, Option<Duration>)],
    ) -> impl Future<Output = Result<Vec<Fenced>, FleetError>> + Send;

    /// Leaves word for whoever claims the campaign from this vantage, at most [`MOST_WORDS`] of [`MOST_RECORD`] bytes;
    /// false where there is no room.
    fn tell(&self, word: &[u8]) -> impl Future<Output = Result<bool, FleetError>> + Send;

    /// The first words that were left, at most so many.
    fn told(&self, most: usize) -> impl Future<Output = Result<Vec<Vec<u8>>, FleetError>> + Send;

    /// Takes away the first words, which the claim's holder has dealt with. Said again it takes away more.
    fn forget(&self, claim: &Claim, words: usize) -> impl Future<Output = Result<Fenced, FleetError>> + Send;

    /// What the whole campaign keeps under a name, if anything.
    fn kept(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, FleetError>> + Send;

    /// Has the whole campaign keep something under a name, where it keeps nothing there yet.
    fn keep(&self, name: &str, what: &[u8]) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// How all of it stands.
    fn status(&self) -> impl Future<Output = Result<Status, FleetError>> + Send;

    /// How much of the time each was up, by what was reported.
    fn uptime(&self, subjects: &[Subject]) -> impl Future<Output = Result<Vec<Uptime>, FleetError>> + Send;

    /// The last deep visit to a server, from any vantage.
    fn deep(&self, subject: &Subject) -> impl Future<Output = Result<Option<Visit>, FleetError>> + Send;
}

/// Most bytes of a listing or a record.
pub const MOST_RECORD: usize = 4_096;

/// Most words that wait for whoever claims the campaign.
pub const MOST_WORDS: usize = 1_000;

/// Visits that may wait in a campaign's stream, where nobody says otherwise.
pub const BACKLOG: u64 = 200_000;

fn check_size(bytes: &[u8]) -> Result<(), FleetError> {
    if bytes.len() <= MOST_RECORD {
        return Ok(());
    }
    Err(FleetError::Refused(format!("{} bytes where {MOST_RECORD} are the most", bytes.len())))
}

/// Whole milliseconds, as far as Redis counts exactly.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(1 << 50)
}

fn timestamp(millis: u64) -> Timestamp {
    i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

fn hour(millis: u64) -> u64 {
    millis / 3_600_000
}
