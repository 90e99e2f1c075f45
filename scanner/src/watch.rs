//! The watching lane: one long visit to each server, which listens for blocks, and another when it ends.
//!
//! When servers on one node hear of a block, and what their node's fee estimator says then, is what tells them
//! from servers on two. Opening connections takes a place at the gate, listening takes none.

mod patience;

use std::{sync::Arc, time::Duration};

use electrum::Endpoint;
use model::Visit;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use self::patience::Patience;
pub use crate::term::Watch;
use crate::{
    agenda::{Agenda, lookout},
    gate::Gate,
    origin::Origin,
    sweep::{Event, GRACE, World},
    visit::Visitor,
};

/// From one server's beginning to the next one's, so that a thousand names are not looked up at once.
const SPREAD: Duration = Duration::from_millis(50);

/// Watches every server that answered when it was last visited, until the watch is over or `gate` is closed.
/// Events go to `events`; if nobody listens any more, the watch ends.
pub async fn run(
    visitor: Arc<Visitor>,
    world: &World,
    watch: Watch,
    gate: Gate,
    events: mpsc::Sender<Event>,
) {
    let lookouts: Vec<(Endpoint, Origin)> = world
        .frontier
        .servers()
        .filter_map(|server| {
            let endpoint = lookout(&world.acquaintances.of(server.host()))?.clone();
            Some((endpoint, Origin::of(server.host(), &world.frontier, &world.acquaintances)))
        })
        .collect();
    if events.send(Event::Watching(lookouts.len(), watch.clone())).await.is_err() {
        return;
    }
    let mut lanes = JoinSet::new();
    for (place, (endpoint, origin)) in (0..).zip(lookouts) {
        let (visitor, watch, gate, events) =
            (Arc::clone(&visitor), watch.clone(), gate.clone(), events.clone());
        lanes.spawn(async move {
            let agenda = Agenda::Watch(watch.clone());
            let visit = || {
                let visiting = visitor.visit(&endpoint, &agenda, origin.clone(), &gate);
                async { visiting.await.map(|visited| visited.visit) }
            };
            if gate.wait(sleep(SPREAD * place)).await.is_some() {
                keep_watching(watch.until, &gate, &events, visit).await;
            }
        });
    }
    let done = async { while lanes.join_next().await.is_some() {} };
    if gate.wait(done).await.is_none() {
        let rest = async { while lanes.join_next().await.is_some() {} };
        // Whoever is still opening a connection by then has nothing to tell.
        let _ = timeout_at(Instant::now() + GRACE, rest).await;
    }
}

/// One visit after the other, politely.
async fn keep_watching<V: Future<Output = Option<Visit>>>(
    until: Instant,
    gate: &Gate,
    events: &mpsc::Sender<Event>,
    visit: impl Fn() -> V,
) {
    let mut patience = Patience::default();
    while Instant::now() < until {
        let Some(visit) = visit().await else { return };
        let pause = patience.after(&visit);
        if events.send(Event::Visited(Box::new(visit))).await.is_err() {
            return;
        }
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < until) else { return };
        if gate.wait(sleep(pause)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use model::Outcome;

    use super::*;
    use crate::acquaintance::{Acquaintance, Constitution};

    #[test]
    fn a_server_is_watched_where_wallets_connect_if_it_can_take_it() {
        let mut acquaintance = Acquaintance::default();
        assert_eq!(lookout(&acquaintance), None);
        for (url, expected) in [
            ("tcp://a.example:50001", "tcp://a.example:50001"),
            ("wss://a.example:50004", "wss://a.example:50004"),
            ("ssl://a.example:50002", "ssl://a.example:50002"),
            ("ws://a.example:50003", "ssl://a.example:50002"),
        ] {
            let mut visit = patience::tests::visit(Outcome::Answered, None, Duration::ZERO);
            visit.endpoint = url.parse().expect("an endpoint");
            acquaintance.take(&visit);
            assert_eq!(lookout(&acquaintance).map(ToString::to_string).as_deref(), Some(expected));
        }
        // It does not answer there any more.
        acquaintance.take(&patience::tests::visit(Outcome::Closed, None, Duration::ZERO));
        assert_ne!(lookout(&acquaintance).map(|endpoint| endpoint.transport), Some(electrum::Transport::Tls));
        acquaintance.constitution = Constitution::Fragile;
        assert_eq!(lookout(&acquaintance), None);
    }

    #[tokio::test(start_paused = true)]
    async fn each_visit_is_followed_by_another_and_who_hangs_up_has_more_and_more_peace() {
        let began = Instant::now();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let script = [
            (Outcome::Answered, minutes(60)),
            (Outcome::Closed, minutes(0)),
            (Outcome::Closed, minutes(0)),
            (Outcome::ConnectionRefused, minutes(0)),
            (Outcome::Answered, minutes(60)),
            (Outcome::ToldToStop, minutes(5)),
        ];
        let made = Mutex::new(Vec::new());
        let visit = || async {
            let (outcome, lasts) = script[made.lock().expect("sound").len()];
            made.lock().expect("sound").push(began.elapsed().as_secs() / 60);
            sleep(lasts).await;
            Some(patience::tests::visit(outcome, None, lasts))
        };
        let (events, mut inbox) = mpsc::channel(10);
        keep_watching(began + minutes(10_000), &Gate::new(1), &events, visit).await;
        // A minute, two and four after the three failures; none after the stop.
        assert_eq!(*made.lock().expect("sound"), [0, 60, 61, 63, 67, 127]);
        inbox.close();
        let mut recorded = 0;
        while let Some(Event::Visited(_)) = inbox.recv().await {
            recorded += 1;
        }
        assert_eq!(recorded, script.len());
    }
}
