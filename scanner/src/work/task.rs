//! One claim on a server, from the first visit to the settlement.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use electrum::{Endpoint, Host};
use fleet::{
    FleetError,
    schedule::{Claim, Fenced, Lane, MOST_RECORD, Report, Schedule},
};
use jiff::Timestamp;
use model::{Outcome, Purpose, Visit};
use tokio::time::{Instant, sleep};

use super::{
    cadence::{CRAWLING, WATCH},
    entry::Entry,
    telling::Telling,
    worker::Worker,
};
use crate::{
    acquaintance::Acquaintance,
    agenda::{Agenda, Profile, itineraries, lookout},
    objects::Objects,
    probe::Offer,
    sweep::is_in_vain,
    term::Watch,
    visit::{Missed, Patience, Visited},
};

/// The name under which a campaign keeps what all servers are asked about.
const OBJECTS: &str = "objects";

/// How long the first visit of a claim waits for its turn. One network in which all servers are must not keep all others
/// from being visited; but a light visit to a neighbour of some who owe all they may waits for a minute, and must not be
/// sent away each time.
const FIRST_PATIENCE: Duration = Duration::from_secs(2 * 60);
/// How long the others wait: in that time a server forgets whatever it is owed.
const PATIENCE: Duration = Duration::from_secs(12 * 60);
/// Where there was no room for a word, it is said again so soon.
const NO_ROOM: Duration = Duration::from_secs(2);

/// How a claim ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attended {
    /// All was done that was to be done.
    Done,
    /// Others may go on at once.
    GivenBack,
    /// There are too many before it: later.
    Crowded,
}

/// A claim that this worker holds, as long as it does.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) claim: Claim,
    pub(super) since: Instant,
    over: AtomicBool,
}

impl Held {
    pub(super) fn new(claim: Claim) -> Self {
        Self { claim, since: Instant::now(), over: AtomicBool::new(false) }
    }

    /// Somebody else may have it now.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// What this worker heard last of each teller, so that the same is not told twice.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<Host, u64>>);

impl Told {
    fn is_news(&self, teller: &Host, digest: u64) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(teller) != Some(&digest)
    }

    fn note(&self, teller: Host, digest: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(teller, digest);
    }
}

/// Visits a server that is claimed.
///
/// # Errors
/// Where something could not be reported.
pub(super) async fn attend<S: Schedule + 'static>(
    worker: &Worker<S>,
    held: &Held,
) -> Result<Attended, FleetError> {
    let claim = &held.claim;
    let Ok(entry) = serde_json::from_slice::<Entry>(&claim.listing) else {
        return drop_spoilt(worker, held).await;
    };
    let mut acquaintance: Acquaintance = serde_json::from_slice(&claim.record).unwrap_or_default();
    let origin = entry.origin();
    let (mut number, mut politeness) = (0, FIRST_PATIENCE);
    for (endpoint, agenda) in agendas(worker, claim.lane, &entry, &mut acquaintance).await? {
        if held.is_over() || worker.gate.is_closed() || worker.is_quiet() {
            return Ok(Attended::GivenBack);
        }
        let patience = Patience { politeness, by: worker.until_quiet().map(|quiet| Instant::now() + quiet) };
        let visiting =
            worker.visitor.visit_within(&endpoint, &agenda, origin.clone(), &worker.gate, patience);
        let visited = match visiting.await {
            Ok(visited) => visited,
            Err(Missed::Closed) => return Ok(Attended::GivenBack),
            Err(Missed::Crowded) if number == 0 => {
                worker.metrics.skipped();
                return Ok(Attended::Crowded);
            }
            Err(Missed::LeftAlone | Missed::NotDue | Missed::NoTicket | Missed::Crowded) => {
                worker.metrics.skipped();
                continue;
            }
        };
        worker.health.progressed();
        politeness = PATIENCE;
        number += 1;
        if report(worker, held, number, &visited, &mut acquaintance).await? == Fenced::Stale {
            break;
        }
        if !hear(worker, held, &visited).await? {
            return Ok(Attended::GivenBack);
        }
        if is_in_vain(&visited.visit) {
            break;
        }
    }
    Ok(Attended::Done)
}

/// A server whose listing nobody can read can be visited by nobody, and while it is due nobody is done. It goes, until
/// somebody tells of it again.
async fn drop_spoilt<S: Schedule + 'static>(worker: &Worker<S>, held: &Held) -> Result<Attended, FleetError> {
    let subject = &held.claim.subject;
    let spoilt = FleetError::Spoilt { key: subject.to_string(), reason: "no listing of a server".to_owned() };
    worker.metrics.redis_failed(spoilt.class());
    tracing::warn!("{spoilt}: taken off the schedule");
    worker.persist(|| worker.schedule.retire(std::slice::from_ref(subject))).await?;
    held.end();
    Ok(Attended::Done)
}

/// What is to be done, visit by visit.
async fn agendas<S: Schedule + 'static>(
    worker: &Worker<S>,
    lane: Lane,
    entry: &Entry,
    acquaintance: &mut Acquaintance,
) -> Result<Vec<(Endpoint, Agenda)>, FleetError> {
    // What wallets use comes last in the order of endpoints.
    let endpoints: Vec<Endpoint> = entry.endpoints.iter().rev().cloned().collect();
    let series = rand::random_range(1..1 << 53);
    let plan = |profile| itineraries(profile, &endpoints, acquaintance, series, Timestamp::now());
    let planned = match lane {
        Lane::Watch => {
            let watch = Watch::lasting(worker.until_quiet().map_or(WATCH, |quiet| quiet.min(WATCH)));
            let watch = Agenda::Watch(watch);
            return Ok(lookout(acquaintance).map(|endpoint| (endpoint.clone(), watch)).into_iter().collect());
        }
        Lane::Liveness | Lane::Discovery => plan(Profile::Light),
        Lane::Deep => plan(Profile::Deep),
    };
    let search = match (lane, endpoints.first()) {
        (Lane::Deep, Some(endpoint)) if !objects_are_known(worker).await? => {
            Some((endpoint.clone(), Agenda::Objects))
        }
        _ => None,
    };
    let planned = planned
        .into_iter()
        .flat_map(|(endpoint, agendas)| agendas.into_iter().map(move |agenda| (endpoint.clone(), agenda)));
    let mut visits: Vec<(Endpoint, Agenda)> = search.into_iter().collect();
    for (endpoint, agenda) in planned {
        let (agenda, missed) = abridged(agenda, &worker.orders.disabled);
        // They count as played, or the deck would never come past them.
        acquaintance.played += missed;
        visits.push((endpoint, agenda));
    }
    Ok(visits)
}

/// What is left of an agenda without what is not to be asked, and how many cards that takes away. A visit whose only
/// point is taken away has no point.
fn abridged(agenda: Agenda, disabled: &BTreeSet<String>) -> (Agenda, usize) {
    let missed = agenda.cards().iter().filter(|card| disabled.contains(card.id)).count();
    match agenda {
        Agenda::Opening(probe) if disabled.contains(probe.id) => (Agenda::Light { offer: Offer::Usual }, 1),
        Agenda::Disguised(_) | Agenda::ParseError(_) if missed > 0 => {
            (Agenda::Light { offer: Offer::Usual }, missed)
        }
        Agenda::Deep { offer, mut cards } => {
            cards.retain(|card| !disabled.contains(card.id));
            (Agenda::Deep { offer, cards }, missed)
        }
        whole => (whole, 0),
    }
}

async fn objects_are_known<S: Schedule + 'static>(worker: &Worker<S>) -> Result<bool, FleetError> {
    let known = &worker.visitor.caller.objects;
    if known.get().is_some() {
        return Ok(true);
    }
    let kept = worker.persist(|| worker.schedule.kept(OBJECTS)).await?;
    if let Some(objects) = kept.and_then(|kept| serde_json::from_slice::<Objects>(&kept).ok()) {
        known.get_or_init(|| objects.into());
    }
    Ok(known.get().is_some())
}

async fn report<S: Schedule + 'static>(
    worker: &Worker<S>,
    held: &Held,
    number: u32,
    visited: &Visited,
    acquaintance: &mut Acquaintance,
) -> Result<Fenced, FleetError> {
    let visit = &visited.visit;
    let was_up = !acquaintance.answering.is_empty();
    let up = is_up(visit);
    acquaintance.take(visit);
    let doubtful = match up {
        Some(up) => worker.in_doubt(|doubt| {
            doubt.visited(&visit.endpoint.host, was_up, up);
            !up && doubt.is_in_order()
        }),
        None => false,
    };
    worker.metrics.visited(visit, held.claim.lane);
    if let Some(objects) = visited.objects.as_ref().filter(|objects| !objects.outputs.is_empty()) {
        let found = serde_json::to_vec(objects).unwrap_or_default();
        // Where another found some before, theirs are asked about.
        worker.persist(|| worker.schedule.keep(OBJECTS, &found)).await?;
    }
    let record = serde_json::to_vec(acquaintance).unwrap_or_default();
    let report = || {
        let report = Report { number, visit, doubtful, up, record: &record };
        worker.schedule.report(&held.claim, report)
    };
    let reported = worker.persist(report).await;
    match reported {
        Ok(Fenced::Done) => {}
        Ok(Fenced::Stale) => {
            held.end();
            worker.metrics.stale();
            worker.metrics.unreported();
        }
        Err(_) => worker.metrics.unreported(),
    }
    reported
}

/// Passes on what was said of others. Where there is no room for it, it is said again at the next visit; where there will be
/// none, it waits for room. False where it waited in vain.
async fn hear<S: Schedule + 'static>(
    worker: &Worker<S>,
    held: &Held,
    visited: &Visited,
) -> Result<bool, FleetError> {
    if !worker.orders.follow_peers {
        return Ok(true);
    }
    let most = worker.orders.seeds.caps.per_source;
    let Some(telling) = Telling::of(visited, worker.orders.network, most) else { return Ok(true) };
    let digest = telling.digest();
    if !worker.told.is_news(&telling.teller, digest) {
        return Ok(true);
    }
    for word in telling.words(MOST_RECORD) {
        while !worker.persist(|| worker.schedule.tell(&word)).await? {
            if !worker.orders.once || held.is_over() {
                return Ok(true);
            }
            if worker.gate.wait(sleep(NO_ROOM)).await.is_none() {
                return Ok(false);
            }
        }
    }
    worker.told.note(telling.teller, digest);
    Ok(true)
}

/// Whether a server is up by a visit; none where it says nothing of that.
fn is_up(visit: &Visit) -> Option<bool> {
    if !matches!(visit.purpose, Purpose::Light | Purpose::Deep) {
        return None;
    }
    match visit.outcome {
        Outcome::Answered | Outcome::ToldToStop => Some(true),
        Outcome::AddressRefused | Outcome::ProxyFailed => None,
        _ => Some(false),
    }
}

/// How long until it is due again; none where it was to be visited once.
pub(super) fn due_again<S: Schedule + 'static>(
    worker: &Worker<S>,
    held: &Held,
    attended: Attended,
) -> Option<Duration> {
    match attended {
        Attended::Done if worker.orders.once => None,
        Attended::Done => {
            Some(worker.orders.cadence.next(held.claim.lane, held.since.elapsed(), rand::random()))
        }
        Attended::GivenBack => Some(Duration::ZERO),
        // Not all at once again.
        Attended::Crowded => Some(CRAWLING.mul_f64(rand::random_range(0.5..1.5))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::probe;

    #[test]
    fn what_is_not_to_be_asked_is_taken_away_and_counted() {
        let disabled: BTreeSet<String> = ["E10", "E1"].map(str::to_owned).into();
        let card = |id: &str| probe(id).expect("a probe");
        let deep = |ids: &[&str]| {
            let cards = ids.iter().map(|id| card(id)).collect();
            Agenda::Deep { offer: Offer::Usual, cards }
        };
        let (left, missed) = abridged(deep(&["E10", "E11", "E1"]), &disabled);
        assert_eq!((left.cards().len(), missed), (1, 2));
        let (left, missed) = abridged(Agenda::ParseError(card("E1")), &disabled);
        assert!(matches!(left, Agenda::Light { .. }) && missed == 1);
        let (left, missed) = abridged(Agenda::ParseError(card("E11")), &disabled);
        assert!(matches!(left, Agenda::ParseError(_)) && missed == 0);
    }
}
