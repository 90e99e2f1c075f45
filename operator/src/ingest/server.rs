//! What is known of one server: sights are folded into the status that it is to have, and compared with the one that was
//! written. Pure. What outlives a leader is in the status; the rest is learnt again within a round of visits.

use std::collections::{BTreeMap, VecDeque};

use crds::{
    ElectrumServerStatus, Text,
    campaign::Quorum,
    server::{Address, Latency, Location, Port, Reachability, Software, State, Verdict},
};
use jiff::{SignedDuration, Timestamp};
use model::geoip::Databases;

use super::sight::Sight;
use crds::conditions::{Holds, Said, find};

/// The condition of a server that answers, or does not.
pub const REACHABLE: &str = "Reachable";
/// How often what changes all the time is written: when it was last seen, uptime, latency, tip.
pub const REFRESH: SignedDuration = SignedDuration::from_hours(1);
/// The least time between two writes about what a server says, so that one that says something else each time is not
/// written each time. Whether it answers is written at once.
const SETTLES: SignedDuration = SignedDuration::from_mins(5);
/// For how many intervals of liveness an endpoint that answered counts as up when nobody was there since.
const FRESH: i32 = 3;
/// Ports of a spec, addresses of a status.
const MOST_PORTS: usize = 8;
const MOST_ADDRESSES: usize = 5;
/// Answers whose time is remembered: a day at every ten minutes.
const MOST_LATENCIES: usize = 144;

/// What a campaign says of how its servers are judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its vantages.
    pub vantages: Vec<String>,
    /// How many of them must agree.
    pub quorum: Quorum,
    /// How often a server is visited.
    pub liveness: SignedDuration,
}

/// What is known of a server.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Where it listens.
    pub ports: Vec<Port>,
    /// Whether a person named it.
    pub named: bool,
    /// What it is to be told.
    pub now: ElectrumServerStatus,
    /// What was last written, and when its changing parts were.
    told: ElectrumServerStatus,
    refreshed: Option<Timestamp>,
    written: Option<Timestamp>,
    /// Where it answered last, by vantage.
    answered: BTreeMap<String, Vec<(Port, Timestamp)>>,
    latencies: VecDeque<(Timestamp, u32)>,
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// What has changed.
    Change,
    /// Also what changes all the time.
    Refresh,
}

impl Server {
    /// A server of which a status is there.
    #[must_use]
    pub fn of(ports: Vec<Port>, named: bool, mut status: ElectrumServerStatus) -> Self {
        // Others' fields are not ours to write.
        status.suspicion = None;
        status.conditions.retain(|condition| condition.type_ == REACHABLE);
        let last_seen = status.reachability.as_ref().and_then(|reach| reach.last_seen);
        let answered = status.reachability.iter().flat_map(|reach| &reach.vantages);
        // It may have answered since, for as long as nothing is written of that.
        let answered_until = last_seen.and_then(|last| last.checked_add(REFRESH).ok());
        let answered = answered.filter(|verdict| verdict.state == State::Reachable).filter_map(|verdict| {
            // Until somebody was at each port again, none is known to be silent.
            let ports =
                ports.iter().map(|port| Some((port.clone(), answered_until?))).collect::<Option<_>>()?;
            Some((verdict.vantage.clone(), ports))
        });
        Self {
            answered: answered.collect(),
            ports,
            named,
            told: status.clone(),
            now: status,
            refreshed: last_seen,
            written: None,
            latencies: VecDeque::new(),
        }
    }

    /// Whether its software is not known yet.
    #[must_use]
    pub fn unknown(&self) -> bool {
        self.now.software.as_ref().is_none_or(|software| software.identified.is_none())
    }

    /// Takes in what a visit shows; says whether its spec is another now.
    pub fn take(&mut self, sight: &Sight, rules: &Rules, places: &Databases) -> bool {
        let listens =
            sight.up == Some(true) && !self.ports.contains(&sight.port) && self.ports.len() < MOST_PORTS;
        let first = self.ports.is_empty();
        if listens || first {
            self.ports.push(sight.port.clone());
            self.ports.sort_by_key(|port| (port.port, port.transport));
        }
        let renamed = sight.named && !self.named;
        self.named |= sight.named;
        self.judge(sight, rules);
        self.describe(sight, places);
        listens || first || renamed
    }

    fn judge(&mut self, sight: &Sight, rules: &Rules) {
        let reach = self.now.reachability.get_or_insert_default();
        reach.vantages.retain(|verdict| rules.vantages.contains(&verdict.vantage));
        self.answered.retain(|vantage, _| rules.vantages.contains(vantage));
        let Some(up) = sight.up.filter(|_| rules.vantages.contains(&sight.vantage)) else { return };
        let ports = self.answered.entry(sight.vantage.clone()).or_default();
        let state = if sight.doubtful && !up {
            State::Unknown
        } else {
            let oldest = sight.at.saturating_sub(rules.liveness * FRESH).unwrap_or(Timestamp::MIN);
            ports.retain(|(port, at)| *port != sight.port && *at >= oldest);
            if up {
                ports.push((sight.port.clone(), sight.at));
                reach.first_seen.get_or_insert(whole(sight.at));
                reach.last_seen = reach.last_seen.max(Some(whole(sight.at)));
            }
            if ports.is_empty() { State::Unreachable } else { State::Reachable }
        };
        let verdict = Verdict {
            vantage: sight.vantage.clone(),
            state,
            outcome: Some(sight.outcome),
            since: whole(sight.at),
        };
        match reach.vantages.iter_mut().find(|verdict| verdict.vantage == sight.vantage) {
            Some(said) if said.state != state => *said = verdict,
            Some(_) => {}
            None => {
                reach.vantages.push(verdict);
                reach.vantages.sort_by(|a, b| a.vantage.cmp(&b.vantage));
            }
        }
        let count = |state| reach.vantages.iter().filter(|verdict| verdict.state == state).count();
        let (up, down, abstain) = (count(State::Reachable), count(State::Unreachable), count(State::Unknown));
        let voters = rules.vantages.len().saturating_sub(abstain);
        let needed = rules.quorum.of(voters).max(1);
        reach.state = match (up, down) {
            (1.., _) => State::Reachable,
            (0, down) if down >= needed => State::Unreachable,
            _ => State::Unknown,
        };
        let (holds, reason, message) = match reach.state {
            State::Reachable => {
                (Holds::True, "Answers", format!("it answers at {up} of {} vantages", rules.vantages.len()))
            }
            State::Unreachable => (
                Holds::False,
                "Silent",
                format!("{down} vantages agree that it does not answer; {needed} must"),
            ),
            State::Unknown => (
                Holds::Unknown,
                "TooFewVantages",
                format!(
                    "{down} vantages got no answer, and {needed} must agree; the others abstain or were not there yet"
                ),
            ),
        };
        let said = Said { of: REACHABLE, holds, reason, message };
        self.now.conditions = vec![said.after(&self.now.conditions, None, sight.at)];
    }

    fn describe(&mut self, sight: &Sight, places: &Databases) {
        if !sight.addresses.is_empty() {
            let place = |ip: &std::net::IpAddr| {
                let place = places.place(*ip);
                let country = place.country.filter(|code| code.len() == 2);
                Address {
                    ip: *ip,
                    asn: place.asn.map(i64::from),
                    organisation: place.organisation.as_deref().map(Text::new),
                    country,
                    location: places
                        .location(*ip)
                        .map(|spot| Location { lat: spot.latitude(), lon: spot.longitude() }),
                }
            };
            self.now.addresses = sight.addresses.iter().take(MOST_ADDRESSES).map(place).collect();
        }
        if let Some(claimed) = &sight.claimed {
            let software = self.now.software.get_or_insert_default();
            if software.claimed.as_ref() != Some(claimed) {
                // Another name may be another program.
                *software = Software { claimed: Some(claimed.clone()), ..Software::default() };
            }
        }
        if let Some((identified, confidence)) = &sight.identified {
            let software = self.now.software.get_or_insert_default();
            if software.identified.is_none() || *confidence >= software.confidence {
                software.identified = Some(identified.clone());
                software.confidence = (confidence * 100.0).round() / 100.0;
            }
        }
        let set = |to: &mut Option<_>, from: &Option<_>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        set(&mut self.now.protocol, &sight.protocol);
        if sight.features.is_some() {
            self.now.features.clone_from(&sight.features);
        }
        if sight.tip.is_some() {
            self.now.tip.clone_from(&sight.tip);
        }
        // Ports may show different certificates: the first encrypted one speaks for all.
        let first = self.ports.iter().find(|port| port.transport.is_encrypted());
        if sight.tls.is_some() && (self.now.tls.is_none() || first == Some(&sight.port)) {
            self.now.tls.clone_from(&sight.tls);
        }
        if let Some(latency) = sight.latency {
            self.latencies.push_back((sight.at, latency));
            let oldest = sight.at.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
            while self.latencies.len() > MOST_LATENCIES
                || self.latencies.front().is_some_and(|(at, _)| *at < oldest)
            {
                self.latencies.pop_front();
            }
        }
    }

    /// What is to be written at a time.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Due {
        let since = |then: Option<Timestamp>| then.map(|then| now.duration_since(then));
        let (told, wanted) = (&self.told, &self.now);
        let reach = |status: &ElectrumServerStatus| status.reachability.clone().unwrap_or_default();
        let (was, is) = (reach(told), reach(wanted));
        let seen = |reach: &Reachability| {
            reach
                .vantages
                .iter()
                .filter(|verdict| verdict.state != State::Unknown)
                .map(|verdict| (verdict.vantage.clone(), verdict.state))
                .collect::<BTreeMap<_, _>>()
        };
        let (before, after) = (seen(&was), seen(&is));
        // A vantage that begins to abstain says nothing new.
        let turned =
            was.state != is.state || after.iter().any(|(vantage, state)| before.get(vantage) != Some(state));
        let first = told.reachability.is_none() && wanted.reachability.is_some();
        if first || since(self.refreshed).is_none_or(|since| since >= REFRESH) && is.last_seen.is_some() {
            return Due::Refresh;
        }
        if turned {
            return Due::Change;
        }
        let name = |status: &ElectrumServerStatus| {
            status.software.as_ref().map(|software| (software.claimed.clone(), software.identified.clone()))
        };
        let moved = !wanted.addresses.is_empty()
            && !wanted
                .addresses
                .iter()
                .any(|address| told.addresses.iter().any(|known| known.ip == address.ip));
        let says = name(told) != name(wanted)
            || (&told.protocol, &told.tls, &told.features)
                != (&wanted.protocol, &wanted.tls, &wanted.features)
            || told.tip.is_none() && wanted.tip.is_some()
            || moved;
        let settled = since(self.written).is_none_or(|since| since >= SETTLES);
        let is_new = told.software.is_none() && wanted.software.is_some();
        if says && (settled || is_new) { Due::Change } else { Due::Nothing }
    }

    /// The status as it is to be written. With `uptime`, where what changes all the time is written too.
    pub fn status(
        &mut self,
        generation: Option<i64>,
        uptime: Option<&[fleet::Uptime]>,
    ) -> ElectrumServerStatus {
        self.now.observed_generation = generation;
        if let Some(uptime) = uptime {
            let reach = self.now.reachability.get_or_insert_default();
            reach.uptime = together(uptime);
            // A few answers after a change of leaders are no day.
            if self.latencies.len() >= 8 || reach.latency.is_none() {
                reach.latency =
                    latency(self.latencies.iter().map(|(_, latency)| *latency)).or(reach.latency.take());
            }
            return self.now.clone();
        }
        let mut status = self.now.clone();
        let (is, was) = (status.reachability.get_or_insert_default(), self.told.reachability.as_ref());
        is.uptime = was.and_then(|was| was.uptime.clone());
        is.latency = was.and_then(|was| was.latency.clone());
        status
    }

    /// It is written.
    pub fn wrote(&mut self, status: ElectrumServerStatus, refreshed: bool, now: Timestamp) {
        self.written = Some(now);
        if refreshed {
            self.refreshed = Some(now);
        }
        self.told = status;
    }
}

/// What all vantages noted, each that looked counting alike.
fn together(all: &[fleet::Uptime]) -> Option<crds::server::Uptime> {
    let mean = |of: fn(&fleet::Uptime) -> Option<f64>| {
        let (sum, count) =
            all.iter().filter_map(of).fold((0.0, 0.0), |(sum, count), each| (sum + each, count + 1.0));
        (count > 0.0).then(|| (sum / count * 10.0).round() / 10.0)
    };
    let uptime = crds::server::Uptime {
        day: mean(|each| each.day),
        week: mean(|each| each.week),
        month: mean(|each| each.month),
    };
    (uptime != crds::server::Uptime::default()).then_some(uptime)
}

fn latency(all: impl Iterator<Item = u32>) -> Option<Latency> {
    let mut all: Vec<u32> = all.collect();
    all.sort_unstable();
    let share = |percent: usize| {
        let place = (all.len() * percent).div_ceil(100).saturating_sub(1);
        all.get(place).map(|latency| i32::try_from(*latency).unwrap_or(i32::MAX))
    };
    Some(Latency { p50_ms: share(50)?, p95_ms: share(95)? })
}

/// Whole seconds: what Kubernetes gives back must be what was written.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Since when nobody reaches it; none where somebody does, or nobody can tell.
#[must_use]
pub fn silent_since(status: &ElectrumServerStatus) -> Option<Timestamp> {
    let reachable = find(&status.conditions, REACHABLE).filter(|condition| condition.status == "False")?;
    Some(reachable.last_transition_time.0)
}

#[cfg(test)]
mod tests;
