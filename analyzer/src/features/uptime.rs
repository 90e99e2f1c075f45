//! When a server was up, as far as visits tell: between two of them anything may have happened.

use std::{collections::BTreeSet, num::NonZeroU16};

use electrum::Transport;
use jiff::Timestamp;
use model::{Outcome, finding::Digest};

use crate::visited::Visited;

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Outages that are remembered.
const MAX_OUTAGES: usize = 16;
/// Endpoints whose silence means something.
const MAX_ENDPOINTS: usize = 16;

/// When a server was up.
#[derive(Clone, Debug, Default)]
pub struct Uptime {
    /// Visits that found it up.
    pub up: u32,
    /// Visits that found it down.
    pub down: u32,
    /// The first visit that found it up.
    pub first: Option<Timestamp>,
    /// The latest that did.
    pub last_up: Option<Timestamp>,
    /// Outages, in the order of time.
    pub outages: Vec<Outage>,
    alive: BTreeSet<(Transport, NonZeroU16)>,
}

/// A time at which a server was down.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// The last visit before that found it up.
    pub last_up: Timestamp,
    /// The first that found it down.
    pub first_down: Timestamp,
    /// The last that did.
    pub last_down: Timestamp,
    /// The first afterwards that found it up; none as long as it lasts.
    pub first_up: Option<Timestamp>,
    /// Visits that found it down.
    pub visits: u32,
    /// The first of them.
    pub evidence: Digest,
}

impl Uptime {
    /// Whether the latest visit that can tell found it up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.last_up.is_some() && self.outages.last().is_none_or(|outage| outage.first_up.is_some())
    }

    /// Whether all outages are remembered.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.outages.len() < MAX_OUTAGES
    }

    /// Takes in a visit. Endpoints that never answered say nothing: anybody may have made them up.
    pub fn take(&mut self, visited: &Visited) {
        let endpoint = (visited.endpoint.transport, visited.endpoint.port);
        match visited.outcome {
            Outcome::Answered => {
                if self.alive.len() < MAX_ENDPOINTS {
                    self.alive.insert(endpoint);
                }
                self.rise(visited.started_at);
            }
            Outcome::ConnectionRefused | Outcome::Unreachable | Outcome::TimedOut
                if visited.describes && self.alive.contains(&endpoint) =>
            {
                self.fall(visited.started_at, visited.digest);
            }
            _ => {}
        }
    }

    fn rise(&mut self, at: Timestamp) {
        if let Some(outage) = self.outages.last_mut().filter(|outage| outage.first_up.is_none()) {
            outage.first_up = Some(at);
        }
        self.up = self.up.saturating_add(1);
        self.first.get_or_insert(at);
        self.last_up = Some(at);
    }

    fn fall(&mut self, at: Timestamp, evidence: Digest) {
        self.down = self.down.saturating_add(1);
        let Some(last_up) = self.last_up else { return };
        match self.outages.last_mut().filter(|outage| outage.first_up.is_none()) {
            Some(outage) => {
                outage.last_down = at;
                outage.visits = outage.visits.saturating_add(1);
            }
            None => {
                if self.outages.len() == MAX_OUTAGES {
                    self.outages.remove(0);
                }
                let (first_down, last_down) = (at, at);
                self.outages.push(Outage {
                    last_up,
                    first_down,
                    last_down,
                    first_up: None,
                    visits: 1,
                    evidence,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, fold, light};

    fn visit(second: i64, endpoint: &str, outcome: Outcome) -> model::Visit {
        let mut visit = light(endpoint, second);
        visit.outcome = outcome;
        visit
    }

    #[test]
    fn outages_begin_between_two_visits() {
        const OWN: &str = "tcp://a.example:50001";
        let mut uptime = Uptime::default();
        let visits = [
            visit(0, OWN, Outcome::Answered),
            visit(10, "tcp://a.example:1", Outcome::ConnectionRefused),
            visit(20, OWN, Outcome::Answered),
            visit(30, OWN, Outcome::ConnectionRefused),
            visit(35, OWN, Outcome::ToldToStop),
            visit(40, OWN, Outcome::TimedOut),
            visit(50, OWN, Outcome::Answered),
        ];
        fold(&visits, |visited, _| uptime.take(visited));
        let [outage] = uptime.outages[..] else { panic!("{:?}", uptime.outages) };
        assert_eq!((outage.last_up, outage.first_down, outage.last_down), (at(20), at(30), at(40)));
        assert_eq!((outage.first_up, outage.visits, uptime.up, uptime.down), (Some(at(50)), 2, 3, 2));
    }

    #[test]
    fn a_server_that_flickers_costs_no_more() {
        let mut uptime = Uptime::default();
        let outcomes = [Outcome::Answered, Outcome::Unreachable];
        let visits: Vec<_> =
            (0..100).map(|n| visit(n, "tcp://a.example:50001", outcomes[usize::from(n % 2 == 1)])).collect();
        fold(&visits, |visited, _| uptime.take(visited));
        assert_eq!((uptime.outages.len(), uptime.down), (MAX_OUTAGES, 50));
    }
}
