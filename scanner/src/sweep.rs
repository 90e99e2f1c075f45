//! Visits everybody, round by round, and follows what they say about others.

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use electrum::{Endpoint, guard::Guard};
use model::Visit;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    discovery::{Admission, Frontier, Listing, Refusals, Server, Source, parse_peers},
    gate::Gate,
    visit::{Visited, Visitor},
};

/// Visits under preparation for each that may run: most of them wait, out of politeness.
const PREPARED_PER_PLACE: usize = 8;
/// How long visits under way may go on once we are asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How to sweep.
#[derive(Clone, Copy, Debug)]
pub struct Options {
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
    /// A round begins with so many endpoints to visit.
    Round {
        /// Counted from 1.
        number: u32,
        /// Endpoints known by then.
        endpoints: usize,
    },
    /// So many more endpoints became known.
    Learnt {
        /// New endpoints.
        endpoints: usize,
        /// Listings that were turned away, by reason.
        refused: Refusals,
    },
    /// A visit ended.
    Visited(Box<Visit>),
    /// A visit came to nothing: its server asked to be left alone, or we were asked to stop.
    Skipped,
}

/// Sweeps until the last round is done or `gate` is closed. Events go to `events`; if nobody listens any
/// more, the sweep ends.
pub async fn run(
    visitor: Arc<Visitor>,
    mut frontier: Frontier,
    options: Options,
    gate: Gate,
    events: mpsc::Sender<Event>,
) -> Frontier {
    for number in 1..=options.rounds {
        let began = Instant::now();
        let mut round =
            Round { visitor: &visitor, frontier: &mut frontier, options, gate: &gate, events: &events };
        let finished = round.run(number).await;
        let last = number == options.rounds;
        if !finished
            || (!last && gate.wait(tokio::time::sleep_until(began + options.interval)).await.is_none())
        {
            break;
        }
    }
    frontier
}

struct Round<'a> {
    visitor: &'a Arc<Visitor>,
    frontier: &'a mut Frontier,
    options: Options,
    gate: &'a Gate,
    events: &'a mpsc::Sender<Event>,
}

impl Round<'_> {
    /// Whether the round went to its end.
    async fn run(&mut self, number: u32) -> bool {
        let mut queue = VecDeque::from(endpoints_of(self.frontier.servers()));
        if self.tell(Event::Round { number, endpoints: queue.len() }).await.is_none() {
            return false;
        }
        let mut visits = JoinSet::new();
        loop {
            while visits.len() < self.options.concurrency * PREPARED_PER_PLACE {
                let Some(endpoint) = queue.pop_front() else { break };
                visits.spawn(self.prepare(endpoint));
            }
            match self.gate.wait(visits.join_next()).await {
                Some(None) => return true,
                Some(Some(ended)) => {
                    let Some(learnt) = self.take(ended).await else { return false };
                    queue.extend(learnt);
                }
                None => {
                    self.drain(visits).await;
                    return false;
                }
            }
        }
    }

    fn prepare(&self, endpoint: Endpoint) -> impl Future<Output = Option<Visited>> + Send + 'static {
        let learnt_from = self.frontier.sources_of(&endpoint.host).map(ToString::to_string).collect();
        let (visitor, gate) = (Arc::clone(self.visitor), self.gate.clone());
        async move { visitor.visit(&endpoint, learnt_from, &gate).await }
    }

    /// Passes a visit on; gives the endpoints that it told of for the first time. None where nobody
    /// listens any more.
    async fn take(
        &mut self,
        ended: Result<Option<Visited>, tokio::task::JoinError>,
    ) -> Option<Vec<Endpoint>> {
        let visited = match ended {
            Ok(Some(visited)) => visited,
            Ok(None) => return self.tell(Event::Skipped).await.map(|()| Vec::new()),
            Err(error) => {
                tracing::error!("a visit was lost: {error}");
                return self.tell(Event::Skipped).await.map(|()| Vec::new());
            }
        };
        let admitted = self.admit(&visited);
        self.tell(Event::Visited(Box::new(visited.visit))).await?;
        let Some(admission) = admitted else { return Some(Vec::new()) };
        let endpoints = endpoints_of(admission.new.iter().chain(&admission.changed));
        self.tell(Event::Learnt { endpoints: endpoints.len(), refused: admission.refused }).await?;
        Some(endpoints)
    }

    fn admit(&mut self, visited: &Visited) -> Option<Admission> {
        let peers = visited.peers.as_ref().filter(|_| self.options.follow_peers)?;
        let source = Source::Peer(visited.visit.endpoint.host.clone());
        let most = self.frontier.caps().per_source;
        // A list that is none teaches nothing; its bytes are in the record.
        let list = parse_peers(peers, self.visitor.network, most).ok()?;
        let guard = self.options.guard;
        let admissible = |ip: IpAddr| guard.check(ip).is_ok();
        Some(self.frontier.admit(&source, list.rows.into_iter().map(Listing::from), admissible))
    }

    /// Lets the visits under way end, for a while.
    async fn drain(&mut self, mut visits: JoinSet<Option<Visited>>) {
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

/// Endpoints in the order of visits: first one endpoint of each server, then the second ones, so that
/// the spacing between two visits to one server is mostly over before it is asked for.
fn endpoints_of<'a>(servers: impl Iterator<Item = &'a Server>) -> Vec<Endpoint> {
    let mut ranked: Vec<(usize, &Endpoint)> =
        servers.flat_map(|server| server.endpoints().iter().rev().enumerate()).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, endpoint)| endpoint.clone()).collect()
}
