//! How long answers take: overall, for scripts that the host was never asked about, for a wallet's search for its own
//! addresses, and for each type of script.

use std::time::Duration;

use model::{Seconds, finding::Digest};
use serde::{Deserialize, Serialize};

use crate::{
    reading::{Reading, Turn},
    visited::Visited,
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Samples that are kept of each kind, the first ones.
const MOST: usize = 64;
/// Exchanges that are kept as evidence of each kind.
const MOST_EVIDENCE: usize = 4;
/// The probes of the script types, as docs/probes.md names them.
const TYPES: [&str; 7] = ["S2", "S3", "S4", "S5", "S6", "S7", "S8"];

/// How long answers take.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    /// From the greeting to the first byte of its answer.
    pub latency: Latency,
    /// The same in milliseconds, for the first visits.
    pub greeting: Lags,
    /// How much longer the first question about a script takes that nobody ever used, than the next ones about it.
    pub unseen: Lags,
    /// How much longer a wallet's search for its addresses takes than what was asked about scripts in the same write.
    pub search: Lags,
    /// For each type of script, how long the slowest answer of a visit took, among those asked in one write.
    pub types: [Lags; TYPES.len()],
    /// The least time that an answer took beyond the way there and back.
    pub overhead: Option<Duration>,
}

/// A histogram of latencies, in steps of a fifth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: std::collections::BTreeMap<u8, u32>,
}

/// Differences of time, in milliseconds, and exchanges that show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    /// The first ones.
    pub millis: Vec<i32>,
    /// Exchanges in which it took the longest.
    pub evidence: Vec<Digest>,
}

/// How long answers of one visit took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// From the greeting to the first byte of its answer, and the exchange as in [`Lag`].
    greeting: Option<(Seconds, Option<Digest>)>,
    unseen: Option<Lag>,
    search: Option<Lag>,
    /// By the place of the probe in [`TYPES`].
    types: Box<[(u8, Lag)]>,
}

/// A difference of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Lag {
    millis: i32,
    /// The exchange that shows it, where there is a difference.
    evidence: Option<Digest>,
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let greeting = reading.of_probe("H1").find_map(|turn| {
            let took = turn.took()?;
            Some((took.into(), Lag::of(millis(took), turn).evidence))
        });
        // Who pads answers collects them: what comes late came too late for a write, whatever was asked.
        let (search, types) =
            if reading.is_padded() { Default::default() } else { (search(reading), types(reading)) };
        Self { greeting, unseen: unseen(reading), search, types }
    }
}

impl Lag {
    fn of(millis: i32, turn: &Turn<'_>) -> Self {
        Self { millis, evidence: (millis > 0).then(|| turn.digest()) }
    }
}

fn unseen(reading: &Reading<'_>) -> Option<Lag> {
    // Asked one by one, after a rest where the server writes once a second.
    let mut asked = reading.of_probe("S13");
    let first = asked.next()?;
    let later: Vec<Duration> = asked.map(Turn::took).collect::<Option<_>>()?;
    Some(Lag::of(millis(first.took()?) - millis(later.into_iter().max()?), first))
}

fn search(reading: &Reading<'_>) -> Option<Lag> {
    let search: Vec<Duration> = reading.of_probe("S12").filter_map(Turn::took).collect();
    let sent = |turn: &Turn<'_>| turn.exchange.sent;
    let last = reading.of_probe("S12").filter(|turn| turn.took().is_some()).last()?;
    let others = reading
        .turns
        .iter()
        .filter(|turn| turn.exchange.probe != "S12" && turn.script().is_some() && sent(turn) == sent(last));
    let others: Vec<Duration> = others.filter_map(Turn::took).collect();
    Some(Lag::of(millis(median(search)?) - millis(median(others)?), last))
}

/// Compares what was asked in one write: of several the one that asks about most types.
fn types(reading: &Reading<'_>) -> Box<[(u8, Lag)]> {
    let asked = TYPES.map(|probe| reading.of_probe(probe).next().map(|turn| turn.exchange.sent));
    let together = |write: &Seconds| asked.iter().flatten().filter(|sent| *sent == write).count();
    let Some(write) = asked.iter().flatten().max_by_key(|write| together(write)) else {
        return Box::default();
    };
    let lags = (0..).zip(TYPES).filter_map(|(kind, probe)| {
        let turns = reading.of_probe(probe).filter(|turn| turn.exchange.sent == *write);
        let slowest = turns.filter_map(|turn| Some((turn.took()?, turn))).max_by_key(|(took, _)| *took);
        slowest.map(|(took, turn)| (kind, Lag::of(millis(took), turn)))
    });
    lags.collect()
}

impl Timing {
    /// Takes in a visit.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        if let Some((took, evidence)) = note.greeting {
            let took = Duration::from(took);
            self.latency.add(took);
            self.greeting.add(Lag { millis: millis(took), evidence });
            let connect = visited.connect.map(Duration::from).unwrap_or_default();
            let overhead = took.saturating_sub(connect);
            self.overhead = Some(self.overhead.map_or(overhead, |least| least.min(overhead)));
        }
        if let Some(lag) = note.unseen {
            self.unseen.add(lag);
        }
        if let Some(lag) = note.search {
            self.search.add(lag);
        }
        for (kind, lag) in &note.types {
            if let Some(lags) = self.types.get_mut(usize::from(*kind)) {
                lags.add(*lag);
            }
        }
    }
}

impl Latency {
    fn add(&mut self, took: Duration) {
        let count = self.counts.entry(step(took)).or_default();
        *count = count.saturating_add(1);
    }

    /// The latency that so large a share of the answers did not exceed, to a tenth; none without answers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.counts.values().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        let reached = |(_, count): &(&u8, &u32)| {
            seen += u64::from(**count);
            seen as f64 >= share * total as f64
        };
        let (step, _) = self.counts.iter().find(reached)?;
        Some(Duration::from_secs_f64(1e-4 * STEP.powf(f64::from(*step) + 0.5)))
    }
}

/// From one step of the histogram to the next.
const STEP: f64 = 1.2;

/// The step of a latency: a tenth of a millisecond is the first.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is meant"
)]
fn step(took: Duration) -> u8 {
    (took.as_secs_f64() / 1e-4).max(1.0).log(STEP) as u8
}

impl Lags {
    fn add(&mut self, lag: Lag) {
        if self.millis.len() < MOST {
            self.millis.push(lag.millis);
        }
        if self.evidence.len() < MOST_EVIDENCE {
            self.evidence.extend(lag.evidence);
        }
    }

    /// How many are above a limit.
    #[must_use]
    pub fn above(&self, limit: i32) -> usize {
        self.millis.iter().filter(|millis| **millis > limit).count()
    }

    /// How many are below one.
    #[must_use]
    pub fn below(&self, limit: i32) -> usize {
        self.millis.iter().filter(|millis| **millis < limit).count()
    }

    /// The one in the middle.
    #[must_use]
    pub fn median(&self) -> Option<i32> {
        median(self.millis.clone())
    }
}

fn median<T: Ord + Copy>(mut all: Vec<T>) -> Option<T> {
    all.sort_unstable();
    all.get(all.len().checked_sub(1)? / 2).copied()
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use model::{Exchange, Recorded, exchange::Reply};

    use super::*;
    use crate::testing::{fold, light};

    /// A question about a script, sent at one millisecond and answered at another.
    fn asked(probe: &'static str, sent: u64, came: u64, padding: &str) -> Exchange {
        let at = |millis| Duration::from_millis(millis).into();
        let recorded = |text: String| Recorded::new(text.as_bytes(), Recorded::LIMIT);
        let script = "5a".repeat(32);
        let request =
            format!(r#"{{"id":1,"method":"blockchain.scripthash.get_history","params":["{script}"]}}"#);
        let response = recorded(format!(r#"{{"id":1,"result":[]{padding}}}"#));
        let answer = Some(Reply { response, first_byte: at(came), last_byte: at(came) });
        Exchange { probe: probe.into(), request: recorded(request), sent: at(sent), answer }
    }

    fn timing(exchanges: Vec<Exchange>) -> Timing {
        let mut visit = light("tcp://192.0.2.1:50001", 0);
        visit.exchanges = exchanges;
        let mut timing = Timing::default();
        fold(&[visit], |visited, reading| timing.take(visited, &Note::of(reading)));
        timing
    }

    #[test]
    fn a_script_is_new_once_and_only_s13_measures_it() {
        let slow = [(0, 280), (1_400, 1_431), (2_600, 2_629)];
        let ask = |probe| slow.map(|(sent, came)| asked(probe, sent, came, "   ")).to_vec();
        assert_eq!(timing(ask("S13")).unseen.millis, [280 - 31]);
        assert_eq!(timing(ask("S1")).unseen.millis, [0; 0]);
        assert_eq!(timing(ask("S13")[..1].to_vec()).unseen.millis, [0; 0], "nothing to compare with");
        let silent = Exchange { answer: None, ..asked("S13", 2_600, 0, "") };
        assert_eq!(timing([ask("S13")[..2].to_vec(), vec![silent]].concat()).unseen.millis, [0; 0]);
    }

    /// Questions about all types, sent at these milliseconds and answered ten later, but for one.
    fn types(sent: [u64; 7], slow: usize, padding: &str) -> Vec<Exchange> {
        let came = |kind: usize| sent[kind] + if kind == slow { 900 } else { 10 };
        (0..7).map(|kind| asked(TYPES[kind], sent[kind], came(kind), padding)).collect()
    }

    #[test]
    fn types_are_compared_where_one_write_asks_about_them_and_no_write_waits_for_another() {
        let sampled = |exchanges| timing(exchanges).types.map(|lags| lags.millis);
        let slow = |kind: usize| std::array::from_fn(|each| vec![if each == kind { 900 } else { 10 }]);
        assert_eq!(sampled(types([5; 7], 3, "")), slow(3));
        let mut alone = slow(7);
        alone[0].clear();
        assert_eq!(sampled(types([5, 40, 40, 40, 40, 40, 40], 0, "")), alone, "S2 came before the others");
        assert_eq!(
            sampled(types([5; 7], 3, "   ")),
            <[Vec<i32>; 7]>::default(),
            "held back, as all answers are"
        );
    }

    #[test]
    fn a_search_is_compared_with_what_is_asked_in_the_same_write() {
        let searched = |padding| {
            let search = (0..9).map(|_| asked("S12", 5, 1_405, padding));
            timing(types([5; 7], 7, padding).into_iter().chain(search).collect()).search.millis
        };
        assert_eq!(searched(""), [1_390]);
        assert_eq!(searched("   "), [0; 0], "the second write of a server that collects its answers");
    }

    #[test]
    fn quantiles_are_as_good_as_the_steps() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for millis in 1..=100 {
            latency.add(Duration::from_millis(millis));
        }
        for (share, expected) in [(0.5, 50.0), (0.95, 95.0)] {
            let found = latency.quantile(share).expect("answers").as_secs_f64() * 1_000.0;
            assert!((found / expected - 1.0).abs() < 0.12, "{found} for {expected}");
        }
        latency.add(Duration::ZERO);
        latency.add(Duration::MAX);
        assert!(latency.quantile(1.0) > latency.quantile(0.0));
    }
}
