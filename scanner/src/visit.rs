//! One visit: resolve, ask for a permit, connect, follow the agenda, record. A visit never fails; whatever
//! happens is its outcome.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use electrum::{
    Endpoint, Host,
    dial::{DialError, Dialer, Family, Resolved, Route, RouteError},
    tls::{self, Redemption},
};
use jiff::Timestamp;
use model::{
    Outcome, Seconds, Visit,
    purpose::{Arm, Factor, Twin},
    visit::Timings,
};
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    agenda::Agenda,
    aside::{self, Tickets},
    caller::{Caller, Listening},
    conversation::{Conversation, Scope, traffic},
    course::Course,
    discovery::InForce,
    gate::Gate,
    ledger::{CONNECTION_COST, Class, Denied, Ledger, Permit},
    objects::Objects,
    origin::Origin,
    outcome::{of_dial, of_route},
};

/// Makes visits, all by the same rules.
#[derive(Debug)]
pub struct Visitor {
    /// Finds and opens connections.
    pub dialer: Dialer,
    /// Says when one may be opened, and what may be spent on it.
    pub ledger: Arc<Ledger>,
    /// Who does not want to be visited. Asked before a look-up and again before each connection.
    pub exclusions: InForce,
    /// Who visits.
    pub caller: Caller,
    /// TLS session tickets that wait to be shown to somebody.
    pub tickets: Tickets,
}

/// A visit, and what it is not the archive's business to keep.
#[derive(Debug)]
pub struct Visited {
    /// The record.
    pub visit: Visit,
    /// The whole `result` of the peer list, where one came (M4). The record may hold it cut.
    pub peers: Option<Vec<u8>>,
    /// The whole `result` of the features, where they came (M1).
    pub features: Option<Vec<u8>>,
    /// The objects, where the visit was to find them and did.
    pub objects: Option<Objects>,
}

/// How long a visit waits for its turn.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Out of politeness, at the most. Waiting for a place at the gate does not count: there others are slow, and it does
    /// not get better by coming back.
    pub politeness: Duration,
    /// It begins by then, or not at all.
    pub by: Option<Instant>,
}

impl Patience {
    /// As long as it takes.
    pub const ENDLESS: Self = Self { politeness: Duration::MAX, by: None };
}

/// Why a visit was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The gate was closed.
    Closed,
    /// Its server asked to be left alone, and is.
    LeftAlone,
    /// Too soon for what was on the agenda, and there is nothing lighter.
    NotDue,
    /// There is no ticket to be shown.
    NoTicket,
    /// Its turn comes later than it would wait.
    Crowded,
}

impl Visited {
    /// One that led nowhere.
    fn refused(mut visit: Visit, error: &RouteError) -> Self {
        visit.outcome = of_route(error);
        visit.detail = Some(error.to_string());
        Self { visit, peers: None, features: None, objects: None }
    }
}

impl Visitor {
    /// Visits an endpoint as soon as politeness and a free place allow, however long that takes; where it is too soon for
    /// what is on the agenda, for something lighter. None where the server is left alone, there is nothing lighter, or the
    /// gate was closed before the visit began.
    pub async fn visit(
        &self,
        endpoint: &Endpoint,
        agenda: &Agenda,
        origin: Origin,
        gate: &Gate,
    ) -> Option<Visited> {
        self.visit_within(endpoint, agenda, origin, gate, Patience::ENDLESS).await.ok()
    }

    /// The same for who does not wait for ever.
    ///
    /// # Errors
    /// [`Missed`] where it was not made.
    pub async fn visit_within(
        &self,
        endpoint: &Endpoint,
        agenda: &Agenda,
        origin: Origin,
        gate: &Gate,
        patience: Patience,
    ) -> Result<Visited, Missed> {
        if matches!(agenda, Agenda::Redeem { from } if !self.tickets.has(from)) {
            return Err(Missed::NoTicket);
        }
        let resolved = if self.exclusions.cover_host(&endpoint.host) {
            Resolved { addresses: Vec::new(), elapsed: None, route: Err(RouteError::Excluded) }
        } else {
            let resolving = self.dialer.resolve_within(&endpoint.host, family(agenda));
            gate.wait(resolving).await.ok_or(Missed::Closed)?
        };
        let mut visit = self.caller.begin(endpoint.clone(), agenda, now());
        visit.resolution.addresses = BTreeSet::from_iter(resolved.addresses);
        visit.timings.dns = resolved.elapsed.map(Seconds::from);
        let route = resolved
            .route
            .and_then(|route| self.unless_excluded(&endpoint.host, route))
            .and_then(|route| self.unless_led_inward(route, &origin));
        visit.learnt_from = origin.learnt_from;
        let route = match route {
            Err(error) => return Ok(Visited::refused(visit, &error)),
            Ok(route) => route,
        };
        let lighter = agenda.lighter();
        let patience = match agenda {
            Agenda::Watch(watch) => {
                let by = patience.by.map_or(watch.until, |by| by.min(watch.until));
                Patience { by: Some(by), ..patience }
            }
            _ => patience,
        };
        let (place, permit, agenda) =
            match self.permit(endpoint, &route, agenda.class(), gate, patience).await {
                Ok((place, permit)) => (place, permit, agenda),
                Err(Missed::NotDue) => {
                    let lighter = lighter.as_ref().ok_or(Missed::NotDue)?;
                    let permitted = self.permit(endpoint, &route, lighter.class(), gate, patience).await;
                    let (place, permit) = permitted?;
                    (place, permit, lighter)
                }
                Err(missed) => return Err(missed),
            };
        // Whoever asked to be left alone while the visit waited for its turn is.
        let route = match self.unless_excluded(&endpoint.host, route) {
            Err(error) => return Ok(Visited::refused(visit, &error)),
            Ok(route) => route,
        };
        visit.purpose = agenda.purpose();
        visit.peer = route.address().map(|ip| (ip, endpoint.port.get()).into());
        // One moment, by both clocks: tip times are the one plus what the other measured.
        let began = Instant::now();
        visit.started_at = now();
        let scope = Scope::of(agenda, began, *self.dialer.limits(), rand::random());
        let attend = async {
            match agenda {
                Agenda::Hello(_) | Agenda::Ticket | Agenda::Redeem { .. } => {
                    let course = self.step_aside(&mut visit, agenda, &route, permit).await;
                    drop(place);
                    (course, None)
                }
                _ => {
                    let here = Here { place, gate, patience };
                    self.converse(&mut visit, agenda, &route, permit, scope, here).await
                }
            }
        };
        let ((course, objects), pointer) = tokio::join!(attend, self.dialer.pointer(&route));
        visit.timings.total = began.elapsed().into();
        visit.resolution.pointer = pointer;
        visit.outcome = course.outcome;
        visit.detail = course.detail;
        Ok(Visited { visit, peers: course.peers, features: course.features, objects })
    }

    fn unless_excluded(&self, host: &Host, route: Route) -> Result<Route, RouteError> {
        if self.is_excluded(host, &route) { Err(RouteError::Excluded) } else { Ok(route) }
    }

    fn is_excluded(&self, host: &Host, route: &Route) -> bool {
        self.exclusions.cover_host(host)
            || route.address().is_some_and(|ip| self.exclusions.cover_address(ip))
    }

    fn unless_led_inward(&self, route: Route, origin: &Origin) -> Result<Route, RouteError> {
        match route.address() {
            Some(ip) => origin.admits(ip, self.dialer.guard()).map(|()| route).map_err(RouteError::from),
            None => Ok(route),
        }
    }

    /// A place and a permit.
    async fn permit<'g>(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        class: Class,
        gate: &'g Gate,
        patience: Patience,
    ) -> Result<(SemaphorePermit<'g>, Permit), Missed> {
        let mut left = patience.politeness;
        let asking = async {
            loop {
                let place = gate.enter().await.ok_or(Missed::Closed)?;
                let asked = self.ledger.ask(&endpoint.host, route.address(), class);
                let earliest = match gate.wait(asked).await.ok_or(Missed::Closed)? {
                    Ok(permit) => return Ok((place, permit)),
                    Err(Denied::NotBefore(earliest)) => earliest,
                    Err(Denied::NotDue(_)) => return Err(Missed::NotDue),
                    Err(Denied::LeftAlone(_)) => return Err(Missed::LeftAlone),
                };
                // Others may use the place in the meantime.
                drop(place);
                let wait = earliest.saturating_duration_since(Instant::now());
                left = left.checked_sub(wait).ok_or(Missed::Crowded)?;
                gate.wait(sleep_until(earliest)).await.ok_or(Missed::Closed)?;
            }
        };
        match patience.by {
            Some(by) => timeout_at(by, asking).await.unwrap_or(Err(Missed::Crowded)),
            None => asking.await,
        }
    }

    async fn converse(
        &self,
        visit: &mut Visit,
        agenda: &Agenda,
        route: &Route,
        permit: Permit,
        scope: Scope,
        Here { place, gate, patience }: Here<'_>,
    ) -> (Course, Option<Objects>) {
        let endpoint = visit.endpoint.clone();
        let opened = Conversation::open(&self.dialer, &endpoint, route, permit, scope).await;
        visit.timings = Timings { dns: visit.timings.dns, ..opened.timings };
        visit.tls = opened.tls;
        let (course, found) = match opened.conversation {
            Ok(conversation) => {
                let listening = Listening { place: Some(place), gate };
                self.caller.converse(*conversation, visit, agenda, scope.began, listening).await
            }
            Err((error, permit)) => {
                visit.cost = permit.spent();
                // Its slot and its place are given back before the second connection asks for one.
                drop((permit, place));
                (self.explain(visit, &endpoint, route, error, (gate, patience)).await, None)
            }
        };
        visit.traffic = traffic(&opened.meter);
        (course, found)
    }

    /// What needs a connection and no session.
    async fn step_aside(
        &self,
        visit: &mut Visit,
        agenda: &Agenda,
        route: &Route,
        mut permit: Permit,
    ) -> Course {
        let (dialer, endpoint, permit) = (&self.dialer, &visit.endpoint, &mut permit);
        let done = match agenda {
            Agenda::Hello(hello) => {
                let answer = aside::hello(dialer, endpoint, route, permit, *hello).await;
                answer.map(|answer| visit.tls_stack = Some(answer))
            }
            Agenda::Redeem { from } => {
                let redeemed = aside::redeem(dialer, endpoint, route, permit, &self.tickets, from).await;
                redeemed.map(|redemption| visit.redemption = Some(redemption))
            }
            _ => {
                let given = aside::ticket(dialer, endpoint, route, permit, &self.tickets).await;
                given.map(|given| visit.redemption = (!given).then_some(Redemption::NoTicket))
            }
        };
        visit.cost = permit.spent();
        match done {
            Ok(()) => Course::new(Outcome::Answered, None),
            Err(error) => Course::new(of_dial(&error), error.to_string()),
        }
    }

    /// Finds out why there was no session. Where TLS found no common ground, one more connection asks the
    /// server what it does speak.
    async fn explain(
        &self,
        visit: &mut Visit,
        endpoint: &Endpoint,
        route: &Route,
        error: DialError,
        (gate, patience): (&Gate, Patience),
    ) -> Course {
        let DialError::Tls(tls_error) = &error else {
            return Course::new(of_dial(&error), error.to_string());
        };
        if tls_error.may_be_unsupported()
            && let Ok((_place, mut permit)) = self.permit(endpoint, route, Class::Light, gate, patience).await
            && !self.is_excluded(&endpoint.host, route)
            && permit.charge(CONNECTION_COST)
        {
            visit.cost += permit.spent();
            let offer = self.dialer.tls_offer(endpoint, route).await;
            let unsupported = offer.as_ref().ok().and_then(|offer| tls::classify(tls_error, offer));
            visit.tls_offer = offer.ok().and_then(Result::ok);
            if let Some(unsupported) = unsupported {
                return Course::new(Outcome::TlsUnsupported, unsupported.to_string());
            }
        }
        Course::new(of_dial(&error), error.to_string())
    }
}

/// Where a visit is: its place, at which gate, and how long it would wait for another.
struct Here<'g> {
    place: SemaphorePermit<'g>,
    gate: &'g Gate,
    patience: Patience,
}

/// The family of addresses that a visit is to go to.
fn family(agenda: &Agenda) -> Option<Family> {
    match agenda {
        Agenda::Twin(Twin { factor: Factor::AddressFamily, arm, .. }) => Some(match arm {
            Arm::A => Family::V4,
            Arm::B => Family::V6,
        }),
        _ => None,
    }
}

fn now() -> Timestamp {
    let now = Timestamp::now();
    // Microseconds, as every other time in the record.
    now.round(jiff::Unit::Microsecond).unwrap_or(now)
}
