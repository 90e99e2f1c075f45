//! Visits everybody, round by round, and follows what they say about others.

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use electrum::{Endpoint, guard::Guard};
use jiff::Timestamp;
use model::{Outcome, Visit, purpose::Purpose};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    acquaintance::Acquaintances,
    agenda::{Agenda, Profile},
    discovery::{Admission, Frontier, Listing, Refusals, Server, Source, own_websockets, parse_peers},
    gate::Gate,
    itinerary::{self, Itinerary, planned},
    kin::Kin,
    objects::Objects,
    origin::Origin,
    probe::Offer,
    term::Watch,
    visit::{Visited, Visitor},
};

/// Visits under preparation for each that may run: most of them wait, out of politeness.
pub(crate) const PREPARED_PER_PLACE: usize = 8;
/// How long visits under way may go on once we are asked to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// Servers that are asked for objects before a round goes without.
const OBJECT_TRIES: usize = 5;

/// How to sweep.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much to ask.
    pub profile: Profile,
    /// How many times everybody is visited.
    pub rounds: u32,
    /// From the beginning of one round to the beginning of the next, if it takes less.
    pub interval: Duration,
    /// Visits at once.
    pub concurrency: usize,
    /// Whether to visit the servers that servers tell us of.
    pub follow_peers: bool,
    /// Which addresses may be dialled: what is certain to be refused is not even admitted.
    pub guard: Guard,
}

/// What happens during a sweep.
#[derive(Debug)]
pub enum Event {
    /// A round begins with so many visits to make.
    Round {
        /// Counted from 1.
        number: u32,
        /// Visits known by then.
        visits: usize,
    },
    /// So many more visits are to be made.
    Learnt {
        /// More visits.
        visits: usize,
        /// Listings that were turned away, by reason.
        refused: Refusals,
    },
    /// A visit ended.
    Visited(Box<Visit>),
    /// So many visits came to nothing: their server is left alone or takes its time for nothing, or we were asked
    /// to stop.
    Skipped(usize),
    /// From now on every server is asked about these.
    Objects(Arc<Objects>),
    /// The rounds are over, and a watch over so many servers begins.
    Watching(usize, Watch),
}

/// What a sweep begins and ends with.
#[derive(Debug)]
pub struct World {
    /// The servers.
    pub frontier: Frontier,
    /// What is known of them.
    pub acquaintances: Acquaintances,
    /// Who resembles whom.
    pub kin: Kin,
}

/// Sweeps until the last round is done or `gate` is closed. Events go to `events`; if nobody listens any
/// more, the sweep ends.
pub async fn run(
    visitor: Arc<Visitor>,
    mut world: World,
    options: Options,
    gate: Gate,
    events: mpsc::Sender<Event>,
) -> World {
    for number in 1..=options.rounds {
        let began = Instant::now();
        let mut round = Round { visitor: &visitor, world: &mut world, options, gate: &gate, events: &events };
        let finished = round.run(number).await;
        let last = number == options.rounds;
        if finished.is_none()
            || (!last && gate.wait(tokio::time::sleep_until(began + options.interval)).await.is_none())
        {
            break;
        }
    }
    world
}

struct Round<'a> {
    visitor: &'a Arc<Visitor>,
    world: &'a mut World,
    options: Options,
    gate: &'a Gate,
    events: &'a mpsc::Sender<Event>,
}

impl Round<'_> {
    /// None where the round did not go to its end.
    async fn run(&mut self, number: u32) -> Option<()> {
        let mut queue: VecDeque<Itinerary> = self.planned(self.world.frontier.servers()).into();
        self.tell(Event::Round { number, visits: visits_in(&queue) }).await?;
        self.find_objects().await?;
        let mut visits = JoinSet::new();
        loop {
            while visits.len() < self.options.concurrency * PREPARED_PER_PLACE {
                let Some(itinerary) = queue.pop_front() else { break };
                visits.spawn(self.prepare(itinerary));
            }
            match self.gate.wait(visits.join_next()).await {
                Some(None) => {
                    queue.extend(self.tickets().await?);
                    if queue.is_empty() {
                        return Some(());
                    }
                }
                Some(Some(ended)) => queue.extend(self.take(ended).await?),
                None => {
                    self.drain(visits).await;
                    return None;
                }
            }
        }
    }

    fn planned<'s>(&self, servers: impl Iterator<Item = &'s Server>) -> Vec<Itinerary> {
        planned(servers, &self.world.acquaintances, self.options.profile, Timestamp::now())
    }

    /// Looks for objects, once in a sweep, where deep visits will want them. None where nobody listens any more
    /// or the gate was closed.
    async fn find_objects(&mut self) -> Option<()> {
        if self.options.profile == Profile::Light || self.visitor.caller.objects.get().is_some() {
            return Some(());
        }
        let candidates: Vec<Endpoint> =
            self.world.frontier.servers().filter_map(itinerary::asked_for_objects).cloned().collect();
        let mut tries = 0;
        for endpoint in candidates {
            let origin = self.origin(&endpoint);
            let Some(visited) = self.visitor.visit(&endpoint, &Agenda::Objects, origin, self.gate).await
            else {
                continue;
            };
            let conversed = !visited.visit.exchanges.is_empty();
            self.tell(Event::Learnt { visits: 1, refused: Refusals::default() }).await?;
            self.tell(Event::Visited(Box::new(visited.visit))).await?;
            if let Some(objects) = visited.objects.filter(|objects| !objects.outputs.is_empty()) {
                let objects = Arc::clone(self.visitor.caller.objects.get_or_init(|| Arc::new(objects)));
                return self.tell(Event::Objects(objects)).await;
            }
            tries += usize::from(conversed);
            if tries == OBJECT_TRIES {
                break;
            }
        }
        Some(())
    }

    /// When all else is done: whose tickets are shown to whom.
    async fn tickets(&mut self) -> Option<Vec<Itinerary>> {
        if self.options.profile == Profile::Light {
            return Some(Vec::new());
        }
        let itineraries: Vec<Itinerary> =
            self.world.kin.pairs().into_iter().map(Itinerary::of_ticket).collect();
        self.tell(Event::Learnt { visits: visits_in(&itineraries), refused: Refusals::default() }).await?;
        Some(itineraries)
    }

    fn origin(&self, endpoint: &Endpoint) -> Origin {
        Origin::of(&endpoint.host, &self.world.frontier, &self.world.acquaintances)
    }

    fn prepare(
        &self,
        Itinerary(mut stops): Itinerary,
    ) -> impl Future<Output = (Itinerary, Option<Visited>)> + Send + 'static {
        let next = stops.pop_front().map(|(endpoint, agenda)| {
            let origin = self.origin(&endpoint);
            (endpoint, agenda, origin)
        });
        let (visitor, gate) = (Arc::clone(self.visitor), self.gate.clone());
        async move {
            let visited = match next {
                Some((endpoint, agenda, origin)) => visitor.visit(&endpoint, &agenda, origin, &gate).await,
                None => None,
            };
            (Itinerary(stops), visited)
        }
    }

    /// Passes a visit on; gives what is to be done next. None where nobody listens any more.
    async fn take(
        &mut self,
        ended: Result<(Itinerary, Option<Visited>), tokio::task::JoinError>,
    ) -> Option<Vec<Itinerary>> {
        let (rest, visited) = match ended {
            Ok((rest, Some(visited))) => (rest, visited),
            Ok((rest, None)) => {
                return self.tell(Event::Skipped(1 + rest.0.len())).await.map(|()| Vec::new());
            }
            Err(error) => {
                tracing::error!("a visit was lost: {error}");
                return self.tell(Event::Skipped(1)).await.map(|()| Vec::new());
            }
        };
        self.world.acquaintances.take(&visited.visit);
        if self.options.profile == Profile::Deep {
            self.world.kin.take(&visited.visit);
        }
        let admission = self.admit(&visited);
        let in_vain = is_in_vain(&visited.visit);
        self.tell(Event::Visited(Box::new(visited.visit))).await?;
        let learnt = self.planned(admission.new.iter());
        // Of servers that are known already only the new endpoints are new: nothing dear is asked twice.
        let light = |endpoint| Itinerary::at(endpoint, [Agenda::Light { offer: Offer::Usual }]);
        let changed = admission.changed.iter().flat_map(Server::endpoints).map(light);
        let mut next: Vec<Itinerary> = learnt.into_iter().chain(changed).collect();
        if !next.is_empty() || admission.refused.total() > 0 {
            self.tell(Event::Learnt { visits: visits_in(&next), refused: admission.refused }).await?;
        }
        if in_vain {
            self.tell(Event::Skipped(rest.0.len())).await?;
        } else {
            next.extend(Some(rest).filter(|rest| !rest.0.is_empty()));
        }
        Some(next)
    }

    fn admit(&mut self, visited: &Visited) -> Admission {
        if !self.options.follow_peers {
            return Admission::default();
        }
        let host = &visited.visit.endpoint.host;
        let source = Source::Peer(host.clone());
        let most = self.world.frontier.caps().per_source;
        // A list that is none teaches nothing; its bytes are in the record.
        let listed = visited
            .peers
            .as_ref()
            .and_then(|peers| parse_peers(peers, self.visitor.caller.network, most).ok());
        let peers = listed.into_iter().flat_map(|list| list.rows).map(Listing::from);
        let own = visited.features.as_ref().and_then(|features| own_websockets(features, host));
        let (guard, teller) = (self.options.guard, visited.visit.peer.map(|peer| peer.ip()));
        let admissible = |ip: IpAddr| guard.check_told(ip, teller).is_ok();
        self.world.frontier.admit(&source, peers.chain(own.map(Listing::from)), admissible)
    }

    /// Lets the visits under way end, for a while.
    async fn drain(&mut self, mut visits: JoinSet<(Itinerary, Option<Visited>)>) {
        let deadline = Instant::now() + GRACE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, visits.join_next()).await {
            if self.take(ended).await.is_none() {
                return;
            }
        }
    }

    async fn tell(&self, event: Event) -> Option<()> {
        self.events.send(event).await.ok()
    }
}

/// Whether the next visits would end as this one did, and take as long. An odd opening or the arm of a twin may end
/// so and say something.
pub(crate) fn is_in_vain(visit: &Visit) -> bool {
    let is_usual = matches!(visit.purpose, Purpose::Light | Purpose::Deep);
    is_usual && matches!(visit.outcome, Outcome::TimedOut | Outcome::NotElectrum)
}

fn visits_in<'a>(itineraries: impl IntoIterator<Item = &'a Itinerary>) -> usize {
    itineraries.into_iter().map(|itinerary| itinerary.0.len()).sum()
}

#[cfg(test)]
mod tests {
    use model::purpose::{Arm, Factor, Twin};

    use super::*;

    #[test]
    fn who_lets_a_usual_visit_run_out_of_time_is_not_asked_for_more() {
        let ended = |purpose: Purpose, outcome: Outcome| {
            let endpoint = "tcp://127.0.0.1:1".parse().expect("an endpoint");
            let network = electrum::Network::Regtest;
            let visit = Visit::begun(network, endpoint, "here".to_owned(), purpose, Timestamp::UNIX_EPOCH);
            is_in_vain(&Visit { outcome, ..visit })
        };
        let twin = || Purpose::Twin(Twin { factor: Factor::ElectrumName, arm: Arm::B, series: 1, place: 1 });
        assert!(ended(Purpose::Light, Outcome::TimedOut) && ended(Purpose::Deep, Outcome::TimedOut));
        assert!(ended(Purpose::Deep, Outcome::NotElectrum));
        assert!(!ended(Purpose::Deep, Outcome::Answered) && !ended(Purpose::Deep, Outcome::Closed));
        assert!(!ended(twin(), Outcome::TimedOut) && !ended(Purpose::Opening, Outcome::TimedOut));
    }
}
