//! One visit: resolve, ask for a permit, connect, probe, record. A visit never fails; whatever happens
//! is its outcome.

use std::{collections::BTreeSet, sync::Arc};

use data_encoding::HEXLOWER;
use electrum::{
    Endpoint, Network,
    dial::{DialError, Dialer, Resolved, Route, RouteError},
    message::Answer,
    session::SessionError,
    tls,
};
use jiff::Timestamp;
use model::{
    Outcome, Seconds, Visit,
    visit::{Resolution, Timings, Traffic, Unasked},
};
use sha2::{Digest as _, Sha256};
use tokio::{sync::SemaphorePermit, time::Instant};

use crate::{
    conversation::{Conversation, Round, traffic},
    discovery::Exclusions,
    gate::Gate,
    ledger::{CONNECTION_COST, Denied, Ledger, Permit},
    outcome::{of_dial, of_route, of_session},
    probe::{Known, Needs, Pace, Probe},
};

/// Time per call after which a one-by-one probe has shown what it can: ElectrumX from 1.18 on delays
/// small answers on purpose, by a second each.
const SLOW_CALL: std::time::Duration = std::time::Duration::from_millis(800);

/// Makes visits, all by the same rules.
#[derive(Debug)]
pub struct Visitor {
    /// Finds and opens connections.
    pub dialer: Dialer,
    /// Says when one may be opened, and what may be spent on it.
    pub ledger: Arc<Ledger>,
    /// Who does not want to be visited.
    pub exclusions: Exclusions,
    /// The network whose servers are visited.
    pub network: Network,
    /// Where we visit from.
    pub vantage: String,
    /// How we name ourselves.
    pub client_name: String,
    /// What to ask.
    pub probes: &'static [Probe],
    /// What makes control script hashes unguessable.
    pub secret: [u8; 32],
}

/// A visit, and what it is not the archive's business to keep.
#[derive(Debug)]
pub struct Visited {
    /// The record.
    pub visit: Visit,
    /// The whole `result` of the peer list, where one came (M4). The record may hold it cut.
    pub peers: Option<Vec<u8>>,
}

/// How a conversation went, as far as the visit is concerned.
struct Course {
    outcome: Outcome,
    detail: Option<String>,
    peers: Option<Vec<u8>>,
}

impl Course {
    fn new(outcome: Outcome, detail: impl Into<Option<String>>) -> Self {
        Self { outcome, detail: detail.into(), peers: None }
    }
}

impl Visitor {
    /// Visits an endpoint as soon as politeness and a free place allow. None where the server asked to be
    /// left alone in the meantime, or the gate was closed before the visit began.
    pub async fn visit(&self, endpoint: &Endpoint, learnt_from: Vec<String>, gate: &Gate) -> Option<Visited> {
        let resolved = match self.exclusions.covers_host(&endpoint.host) {
            Some(_) => Resolved { addresses: Vec::new(), elapsed: None, route: Err(RouteError::Excluded) },
            None => gate.wait(self.dialer.resolve(&endpoint.host)).await?,
        };
        let mut visit = Visit {
            network: self.network,
            endpoint: endpoint.clone(),
            vantage: self.vantage.clone(),
            learnt_from,
            started_at: now(),
            outcome: Outcome::Answered,
            detail: None,
            resolution: Resolution { addresses: BTreeSet::from_iter(resolved.addresses), pointer: None },
            peer: None,
            timings: Timings { dns: resolved.elapsed.map(Seconds::from), ..Timings::default() },
            tls: None,
            tls_offer: None,
            exchanges: Vec::new(),
            unasked: Unasked::default(),
            traffic: Traffic::default(),
            cost: 0.0,
        };
        let peers = match resolved.route.and_then(|route| self.unless_excluded(route)) {
            Err(error) => {
                visit.outcome = of_route(&error);
                visit.detail = Some(error.to_string());
                None
            }
            Ok(route) => {
                let (place, permit) = self.permit(endpoint, &route, gate).await?;
                visit.started_at = now();
                visit.peer = route.address().map(|ip| (ip, endpoint.port.get()).into());
                let (peers, pointer) = tokio::join!(
                    self.converse(&mut visit, endpoint, &route, permit),
                    self.dialer.pointer(&route)
                );
                drop(place);
                visit.resolution.pointer = pointer;
                peers
            }
        };
        Some(Visited { visit, peers })
    }

    fn unless_excluded(&self, route: Route) -> Result<Route, RouteError> {
        match route.address().and_then(|ip| self.exclusions.covers_address(ip)) {
            Some(_) => Err(RouteError::Excluded),
            None => Ok(route),
        }
    }

    async fn permit<'g>(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        gate: &'g Gate,
    ) -> Option<(SemaphorePermit<'g>, Permit)> {
        loop {
            let place = gate.enter().await?;
            match self.ledger.permit(&endpoint.host, route.address(), Instant::now()) {
                Ok(permit) => return Some((place, permit)),
                Err(Denied::LeftAlone) => return None,
                Err(Denied::NotBefore(earliest)) => {
                    // Others may use the place in the meantime.
                    drop(place);
                    gate.wait(tokio::time::sleep_until(earliest)).await?;
                }
            }
        }
    }

    async fn converse(
        &self,
        visit: &mut Visit,
        endpoint: &Endpoint,
        route: &Route,
        permit: Permit,
    ) -> Option<Vec<u8>> {
        let began = Instant::now();
        let opened = Conversation::open(&self.dialer, endpoint, route, permit).await;
        visit.timings = Timings { dns: visit.timings.dns, ..opened.timings };
        visit.tls = opened.tls;
        let course = match opened.conversation {
            Ok(mut conversation) => {
                let course = self.probe(&mut conversation, endpoint).await;
                visit.timings.first_byte = conversation.time_of("H1").map(Seconds::from);
                let transcript = conversation.close().await;
                visit.exchanges = transcript.exchanges;
                visit.unasked = transcript.unasked;
                visit.cost = transcript.cost;
                course
            }
            Err((error, permit)) => {
                visit.cost = permit.spent();
                // Its slot is given back before the second connection asks for one.
                drop(permit);
                self.explain(visit, endpoint, route, error).await
            }
        };
        visit.outcome = course.outcome;
        visit.detail = course.detail;
        visit.timings.total = began.elapsed().into();
        visit.traffic = traffic(&opened.meter);
        course.peers
    }

    /// Asks everything there is to ask, round by round: each round is all that what is known by then
    /// allows.
    async fn probe(&self, conversation: &mut Conversation, endpoint: &Endpoint) -> Course {
        let mut known = self.known(endpoint);
        let mut peers = None;
        let mut left: Vec<&Probe> = self.probes.iter().collect();
        while !left.is_empty() {
            let (ready, rest): (Vec<&Probe>, Vec<&Probe>) =
                left.into_iter().partition(|probe| known.satisfies(probe.needs));
            if ready.is_empty() {
                break;
            }
            left = rest;
            let (slow, fast): (Vec<&Probe>, Vec<&Probe>) =
                ready.into_iter().partition(|probe| probe.pace == Pace::OneByOne);
            let mut rounds: Vec<Vec<_>> = Vec::new();
            for probe in slow {
                rounds.extend((probe.calls)(&known).into_iter().map(|call| vec![(probe.id, call)]));
            }
            rounds.push(
                fast.iter().flat_map(|p| (p.calls)(&known).into_iter().map(|call| (p.id, call))).collect(),
            );

            let greeting = fast.iter().any(|probe| probe.needs == Needs::Connection);
            let mut too_slow = false;
            for round in rounds {
                let alone = slow_call(&round);
                if too_slow && alone.is_some() {
                    continue;
                }
                let ended = conversation
                    .ask(round, |probe, answer| learn(&mut known, &mut peers, probe, answer))
                    .await;
                match ended {
                    Round::Done => {}
                    Round::ToldToStop(said) => {
                        return Course { peers, ..Course::new(Outcome::ToldToStop, said) };
                    }
                    // Ours ran out; what did come in the meantime says more.
                    Round::Ended(SessionError::OutOfTime) if greeting && known.protocol.is_none() => {
                        return ungreeted(conversation);
                    }
                    Round::Ended(error) => {
                        return Course { peers, ..Course::new(of_session(&error), error.to_string()) };
                    }
                }
                too_slow = alone.and_then(|id| conversation.time_of(id)).is_none_or(|took| took > SLOW_CALL);
            }
            if greeting && known.protocol.is_none() {
                return ungreeted(conversation);
            }
        }
        Course { peers, ..Course::new(Outcome::Answered, None) }
    }

    fn known(&self, endpoint: &Endpoint) -> Known {
        let control = Sha256::new_with_prefix(self.secret).chain_update(endpoint.host.to_string()).finalize();
        Known {
            network: self.network,
            client_name: self.client_name.clone(),
            control: HEXLOWER.encode(&control),
            protocol: None,
            tip: None,
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
    ) -> Course {
        let DialError::Tls(tls_error) = &error else {
            return Course::new(of_dial(&error), error.to_string());
        };
        if tls_error.may_be_unsupported()
            && let Ok(mut permit) = self.ledger.wait(&endpoint.host, route.address()).await
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

/// The probe of a round that is one call alone, to be timed.
fn slow_call(round: &[(&'static str, crate::probe::Call)]) -> Option<&'static str> {
    match round {
        [(id @ "M5", _)] => Some(id),
        _ => None,
    }
}

/// Takes from an answer what later probes need.
fn learn(known: &mut Known, peers: &mut Option<Vec<u8>>, probe: &str, answer: &Answer<'_>) {
    #[derive(serde::Deserialize)]
    struct Best {
        height: u32,
    }
    match (probe, answer) {
        ("H1", answer) => known.protocol = answer.result::<(String, String)>().map(|(_, version)| version),
        ("C1", answer) => known.tip = answer.result::<Best>().map(|best| best.height),
        ("M4", Answer::Result(result)) => *peers = Some(result.as_bytes().to_vec()),
        _ => {}
    }
}

/// What a server is that did not greet us back.
fn ungreeted(conversation: &Conversation) -> Course {
    match (conversation.answer_of("H1"), conversation.unasked()) {
        (Some(Answer::Error(error)), _) => {
            // It speaks the protocol, and not with us.
            let said = electrum::text::printable(&error.message, 80);
            Course::new(Outcome::Answered, format!("greeting refused: {said}"))
        }
        (Some(Answer::Result(_)), _) => {
            Course::new(Outcome::NotElectrum, "the greeting's answer is not a name and a version".to_owned())
        }
        (None, 0) => Course::new(Outcome::TimedOut, "no answer to the greeting".to_owned()),
        (None, n) => {
            Course::new(Outcome::NotElectrum, format!("{n} messages, none of them an answer to the greeting"))
        }
    }
}

fn now() -> Timestamp {
    let now = Timestamp::now();
    // Microseconds, as every other time in the record.
    now.round(jiff::Unit::Microsecond).unwrap_or(now)
}
