//! Who is visited in one round, in which order. Pure but for the numbers of series; a sweep follows it, and so does
//! the plan of a sweep.

use std::collections::VecDeque;

use electrum::Endpoint;
use jiff::Timestamp;

use crate::{
    acquaintance::Acquaintances,
    agenda::{Agenda, Profile, itineraries},
    discovery::Server,
};

/// Visits that are still to be made, one after the other.
pub(crate) struct Itinerary(pub(crate) VecDeque<(Endpoint, Agenda)>);

impl Itinerary {
    pub(crate) fn at(endpoint: &Endpoint, agendas: impl IntoIterator<Item = Agenda>) -> Self {
        Self(agendas.into_iter().map(|agenda| (endpoint.clone(), agenda)).collect())
    }

    /// One server's ticket, shown to another; and then to itself, because a refusal means something only where
    /// the ticket was still good.
    pub(crate) fn of_ticket((from, to): (Endpoint, Endpoint)) -> Self {
        let redeem = || Agenda::Redeem { from: from.clone() };
        Self(VecDeque::from([(from.clone(), Agenda::Ticket), (to, redeem()), (from.clone(), redeem())]))
    }
}

/// What is to be done at these servers: first one endpoint of each, then the second ones, so that the
/// spacing between two visits to one server is mostly over before it is asked for.
pub(crate) fn planned<'s>(
    servers: impl Iterator<Item = &'s Server>,
    acquaintances: &Acquaintances,
    profile: Profile,
    now: Timestamp,
) -> Vec<Itinerary> {
    let mut ranked: Vec<(usize, Itinerary)> = Vec::new();
    for server in servers {
        // Encrypted endpoints come last in their order, and are what wallets use.
        let endpoints: Vec<Endpoint> = server.endpoints().iter().rev().cloned().collect();
        let series = rand::random_range(1..1 << 53);
        let planned = itineraries(profile, &endpoints, &acquaintances.of(server.host()), series, now);
        let planned = planned.into_iter().map(|(endpoint, agendas)| Itinerary::at(&endpoint, agendas));
        ranked.extend(planned.enumerate());
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, itinerary)| itinerary).collect()
}

/// Where a server is asked for objects.
pub(crate) fn asked_for_objects(server: &Server) -> Option<&Endpoint> {
    server.endpoints().last()
}
