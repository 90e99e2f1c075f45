//! Who is visited when, and by which worker: lanes, claims, tokens. docs/fleet.md tells how it works.
//!
//! All implementations pass one suite (`tests/conformance`). Times are those of the shared clock, which is the store's own.

use std::{fmt, time::Duration};

use electrum::Host;
use jiff::Timestamp;
use model::Visit;

use crate::FleetError;

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

/// A subject that is to be on the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Who.
    pub subject: Subject,
    /// What is known of it. Where the subject is known already its record stays as it is.
    pub record: Vec<u8>,
    /// In which lanes, and how long from now until it is due for the first time. Lanes it is in already stay as
    /// they are.
    pub lanes: Vec<(Lane, Duration)>,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Who asks. Must be present (see [`Schedule::attend`]).
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
    /// What is known of it.
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
    /// What is known of the subject now.
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
    /// Puts subjects on the schedule; gives the number of those that were not on it. A record has at most
    /// [`MOST_RECORD`] bytes.
    fn enrol(&self, subjects: &[Enrolment]) -> impl Future<Output = Result<usize, FleetError>> + Send;

    /// Takes subjects off the schedule, with all that is kept of them. Claims on them are over.
    fn retire(&self, subjects: &[Subject]) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Every subject and its record, in pages: give the cursor back to go on, until there is none. A subject may come
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

    /// How all of it stands.
    fn status(&self) -> impl Future<Output = Result<Status, FleetError>> + Send;
}

/// Most bytes of a record.
pub const MOST_RECORD: usize = 4_096;
