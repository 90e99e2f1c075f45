//! A sweep without a network: visits take no time, and the clock jumps to where the ledger allows the next.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use electrum::{Endpoint, Host};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Basis, DAY, cost::Costs};
use crate::{
    acquaintance::Acquaintances,
    agenda::Agenda,
    itinerary::{Itinerary, asked_for_objects, planned},
    ledger::{Denied, Ledger},
    sweep::PREPARED_PER_PLACE,
};

/// Connections and E at one server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    pub(super) round: (u64, f64),
    pub(super) day: (u64, f64),
}

/// What the walk came by.
pub(super) struct Walked {
    pub(super) expected: HashMap<Host, Expected>,
    pub(super) round_at_least: Duration,
}

/// Walks through so many rounds, or a day.
pub(super) fn walk(
    basis: &Basis,
    ledger: &Arc<Ledger>,
    rounds: u64,
    start: Instant,
    at: Timestamp,
) -> Walked {
    let addresses = basis.subjects.iter().map(|subject| (subject.server.host(), subject.address));
    let mut walk = Walk {
        basis,
        ledger,
        addresses: addresses.collect(),
        costs: Costs::new(basis.network, basis.objects.clone()),
        acquaintances: basis.acquaintances.clone(),
        start,
        at,
        first_round: true,
        expected: HashMap::new(),
    };
    let (mut began, mut round_at_least) = (start, Duration::ZERO);
    for number in 0..rounds {
        let ended = walk.round(began, number == 0 && basis.looks_for_objects());
        if number == 0 {
            round_at_least = ended.duration_since(began);
            walk.first_round = false;
        }
        began = ended.max(began + basis.options.interval);
        if began >= start + DAY {
            break;
        }
    }
    Walked { expected: walk.expected, round_at_least }
}

struct Walk<'a> {
    basis: &'a Basis,
    ledger: &'a Arc<Ledger>,
    addresses: HashMap<&'a Host, Option<IpAddr>>,
    costs: Costs,
    acquaintances: Acquaintances,
    start: Instant,
    at: Timestamp,
    first_round: bool,
    expected: HashMap<Host, Expected>,
}

impl Walk<'_> {
    /// Makes a round that begins then; gives when its last visit was made.
    fn round(&mut self, began: Instant, looks_for_objects: bool) -> Instant {
        let servers = || self.basis.subjects.iter().map(|subject| &subject.server);
        let queue = planned(servers(), &self.acquaintances, self.basis.options.profile, self.wall(began));
        let mut queue = VecDeque::from(queue);
        let searched = servers().filter_map(asked_for_objects);
        let searched = searched.take(if looks_for_objects { usize::MAX } else { 0 });
        // The first that may be visited has what is looked for.
        let mut now = began;
        for endpoint in searched {
            if let Some(when) = self.visit_as_soon_as(endpoint, &Agenda::Objects, now) {
                now = when;
                break;
            }
        }
        let mut prepared: BinaryHeap<Reverse<(Instant, usize)>> = BinaryHeap::new();
        let mut itineraries: Vec<Option<Itinerary>> = Vec::new();
        loop {
            while prepared.len() < self.basis.options.concurrency * PREPARED_PER_PLACE {
                let Some(itinerary) = queue.pop_front() else { break };
                prepared.push(Reverse((now, itineraries.len())));
                itineraries.push(Some(itinerary));
            }
            let Some(Reverse((when, place))) = prepared.pop() else { return now };
            now = when;
            let Some(mut itinerary) = itineraries[place].take() else { continue };
            let Some((endpoint, agenda)) = itinerary.0.front() else { continue };
            match self.visit(endpoint, agenda, now) {
                Err(Denied::NotBefore(later)) => {
                    itineraries[place] = Some(itinerary);
                    prepared.push(Reverse((later, place)));
                }
                // Nothing more is done there in this round.
                Err(Denied::LeftAlone(_) | Denied::NotDue(_)) => {}
                Ok(()) => {
                    itinerary.0.pop_front();
                    queue.extend(Some(itinerary).filter(|itinerary| !itinerary.0.is_empty()));
                }
            }
        }
    }

    /// Waits for its turn; none where it has none.
    fn visit_as_soon_as(
        &mut self,
        endpoint: &Endpoint,
        agenda: &Agenda,
        mut now: Instant,
    ) -> Option<Instant> {
        loop {
            match self.visit(endpoint, agenda, now) {
                Ok(()) => return Some(now),
                Err(Denied::NotBefore(later)) => now = later,
                Err(Denied::LeftAlone(_) | Denied::NotDue(_)) => return None,
            }
        }
    }

    /// Makes a visit, or a lighter one where it is too soon for this one.
    fn visit(&mut self, endpoint: &Endpoint, agenda: &Agenda, now: Instant) -> Result<(), Denied> {
        let address = self.addresses.get(&endpoint.host).copied().flatten();
        let lighter;
        let (mut permit, agenda) = match self.ledger.permit(&endpoint.host, address, agenda.class(), now) {
            Ok(permit) => (permit, agenda),
            Err(denied) => {
                let (Denied::NotDue(_), Some(instead)) = (denied, agenda.lighter()) else {
                    return Err(denied);
                };
                lighter = instead;
                (self.ledger.permit(&endpoint.host, address, lighter.class(), now)?, &lighter)
            }
        };
        let cost = self.costs.of(agenda);
        // What was rehearsed with a permit of this class fits, but for a few bytes.
        let _ = permit.charge(cost.min(agenda.class().budget()));
        let at = self.wall(now);
        agenda.note(&mut self.acquaintances, &endpoint.host, at);
        let expected = self.expected.entry(endpoint.host.clone()).or_default();
        for (counts, figures) in
            [(self.first_round, &mut expected.round), (now < self.start + DAY, &mut expected.day)]
        {
            if counts {
                figures.0 += 1;
                figures.1 += permit.spent();
            }
        }
        Ok(())
    }

    /// The time on the wall.
    fn wall(&self, now: Instant) -> Timestamp {
        let passed = SignedDuration::try_from(now.duration_since(self.start)).unwrap_or_default();
        self.at.checked_add(passed).unwrap_or(self.at)
    }
}
