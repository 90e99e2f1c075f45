//! What earlier visits tell of a server that decides what it is asked next. Learnt from visits alone, so that an
//! archive teaches the same as the scan that wrote it.

use std::collections::BTreeSet;

use electrum::{Endpoint, Host};
use jiff::Timestamp;
use model::{Outcome, Purpose, Visit, facts::Facts};

use crate::probe::{Occasion, probe};

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acquaintance {
    /// Deep visits so far.
    pub deep_visits: u32,
    /// When the latest deep visit began.
    pub latest_deep: Option<Timestamp>,
    /// When it was last sent what is no JSON.
    pub latest_parse_error: Option<Timestamp>,
    /// Cards played so far, of visits of their own too.
    pub played: usize,
    /// Whether it has answered the unusual TLS hellos.
    pub tls_stack_known: bool,
    /// Whether its name has addresses of both families.
    pub dual_stack: bool,
    /// Endpoints that answered when they were last visited.
    pub answering: BTreeSet<Endpoint>,
    /// How much it can take.
    pub constitution: Constitution,
}

/// How much a server can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Constitution {
    /// Nothing is known against it.
    #[default]
    Robust,
    /// It hung up on a greeting with a range of versions, as old personal servers do.
    Unsure,
    /// A personal server, which serves one client at a time and ends when it meets what it does not expect.
    Fragile,
}

impl Acquaintance {
    /// Takes in a visit.
    pub fn take(&mut self, visit: &Visit) {
        let asked: BTreeSet<&str> = visit.exchanges.iter().map(|exchange| &*exchange.probe).collect();
        let occasion = |id: &&str| probe(id).map(|probe| probe.occasion);
        self.played += asked
            .iter()
            .filter(|id| matches!(occasion(id), Some(Occasion::Card | Occasion::Opening | Occasion::Last)))
            .count();
        match visit.purpose {
            Purpose::Deep | Purpose::Opening => self.deep(visit),
            Purpose::ParseError => {
                self.latest_parse_error = self.latest_parse_error.max(Some(visit.started_at))
            }
            Purpose::TlsStack => self.tls_stack_known = true,
            _ => {}
        }
        let addresses = &visit.resolution.addresses;
        self.dual_stack |= addresses.iter().any(|ip| ip.is_ipv4()) && addresses.iter().any(|ip| ip.is_ipv6());
        if visit.outcome == Outcome::Answered {
            self.answering.insert(visit.endpoint.clone());
        } else {
            self.answering.remove(&visit.endpoint);
        }
        self.constitution = self.constitution.max(constitution(visit));
    }

    fn deep(&mut self, visit: &Visit) {
        // Where there was no session nothing was asked.
        if !visit.exchanges.is_empty() {
            self.deep_visits += 1;
            self.latest_deep = self.latest_deep.max(Some(visit.started_at));
        }
    }
}

/// What a visit shows of how much its server can take. A server may claim to be fragile: it is asked less then.
fn constitution(visit: &Visit) -> Constitution {
    let greeted = |usual: &Purpose| matches!(usual, Purpose::Light | Purpose::Deep | Purpose::Twin(_));
    let greeting = visit.exchanges.iter().find(|exchange| exchange.probe == "H1");
    let Some(greeting) = greeting.filter(|_| greeted(&visit.purpose)) else { return Constitution::Robust };
    if Facts::of(visit).software.is_some_and(|software| software.starts_with("ElectrumPersonalServer")) {
        return Constitution::Fragile;
    }
    let hung_up = greeting.answer.is_none() && matches!(visit.outcome, Outcome::Closed);
    if hung_up { Constitution::Unsure } else { Constitution::Robust }
}

/// What is known of all servers.
#[derive(Clone, Debug, Default)]
pub struct Acquaintances(std::collections::HashMap<Host, Acquaintance>);

impl Acquaintances {
    /// Takes in a visit.
    pub fn take(&mut self, visit: &Visit) {
        self.0.entry(visit.endpoint.host.clone()).or_default().take(visit);
    }

    /// What is known of a server.
    #[must_use]
    pub fn of(&self, server: &Host) -> Acquaintance {
        self.0.get(server).cloned().unwrap_or_default()
    }

    /// Everybody.
    pub fn iter(&self) -> impl Iterator<Item = (&Host, &Acquaintance)> {
        self.0.iter()
    }
}
