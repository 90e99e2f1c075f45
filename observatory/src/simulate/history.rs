//! The visits that a scan of a simulated network would have made, over days of the simulated world: the same
//! agendas, courses, grammars and nodes, and no sockets. The runtime's clock is paused, so that waiting takes no time.
//!
//! What needs a socket is left out: WebSockets, unusual TLS hellos, tickets. Handshakes show the certificate that the
//! server would have shown.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use electrum::{Endpoint, tls};
use indicatif::ProgressBar;
use jiff::Timestamp;
use model::Visit;
use scanner::{
    acquaintance::Acquaintances,
    agenda::{Agenda, Profile, itineraries},
    caller::Caller,
    objects::Objects,
    rehearsal::{self, Connection},
    visit::Visited,
};
use simulator::{
    SimTime,
    chance::Chance,
    serve::{Clock, Inside, Transport},
    world::{Member, World},
};

/// From the end of one visit to a server to the beginning of the next, as politeness has it.
const SPACING: Duration = Duration::from_secs(10);
/// Servers that are asked for objects before there are none.
const OBJECT_TRIES: usize = 5;
/// From the scanner to a server and back, until places are told apart.
const ROUND_TRIP: Duration = Duration::from_millis(30);

/// How a network is visited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    /// How much is asked. In light rounds each server is visited once, at its endpoints in turn.
    pub(crate) profile: Profile,
    /// How many times everybody is visited.
    pub(crate) rounds: u32,
    /// From one round to the next.
    pub(crate) every: Duration,
    /// Decides what a scan leaves to chance.
    pub(crate) seed: u64,
}

impl History {
    /// Looks for what every server is asked about, as a deep scan does first.
    ///
    /// # Errors
    /// None in practice.
    pub(crate) async fn objects(&self, caller: &Caller, world: &World) -> anyhow::Result<Option<Objects>> {
        for member in world.members().iter().take(OBJECT_TRIES) {
            let doors = doors(member)?;
            let Some((endpoint, door)) = doors.last_key_value() else { continue };
            let visited =
                visit(caller, endpoint, *door, member, &Agenda::Objects, (world.begins(), 0)).await?;
            if let Some(objects) = visited.objects.filter(|objects| !objects.outputs.is_empty()) {
                return Ok(Some(objects));
            }
        }
        Ok(None)
    }

    /// Visits some servers of the world, round by round. `places` are theirs among all.
    ///
    /// # Errors
    /// What `keep` says of a visit.
    pub(crate) async fn visits(
        &self,
        caller: &Caller,
        world: &World,
        places: &[usize],
        bar: &ProgressBar,
        mut keep: impl AsyncFnMut(&Visit) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut acquaintances = Acquaintances::default();
        for round in 0..self.rounds {
            for place in places {
                let member = world.members().get(*place).context("no such server")?;
                let doors = doors(member)?;
                let mut chance = Chance::new(self.seed, "visits", &[*place as u64, round.into()]);
                let mut moment = world.begins() + self.every * round + self.every.mul_f64(chance.unit());
                let endpoints: Vec<Endpoint> = doors.keys().cloned().collect();
                for (endpoint, agenda) in
                    self.planned(&endpoints, &acquaintances, round, moment, &mut chance)?
                {
                    let lot = u32::try_from(chance.below(u32::MAX.into())).unwrap_or_default();
                    let Some(door) = doors.get(&endpoint) else { continue };
                    let visited = visit(caller, &endpoint, *door, member, &agenda, (moment, lot)).await?;
                    acquaintances.take(&visited.visit);
                    keep(&visited.visit).await?;
                    moment = moment + Duration::from(visited.visit.timings.total) + SPACING;
                }
                bar.inc(1);
            }
        }
        Ok(())
    }

    /// What is asked of one server in a round.
    fn planned(
        &self,
        endpoints: &[Endpoint],
        acquaintances: &Acquaintances,
        round: u32,
        moment: SimTime,
        chance: &mut Chance,
    ) -> anyhow::Result<Vec<(Endpoint, Agenda)>> {
        let Some(first) = endpoints.first() else { return Ok(Vec::new()) };
        let turn = round as usize % endpoints.len();
        let visited = match self.profile {
            Profile::Light => &endpoints[turn..=turn],
            Profile::Deep => endpoints,
        };
        let known = acquaintances.of(&first.host);
        let series = chance.below(1 << 53);
        let planned = itineraries(self.profile, visited, &known, series, date(moment)?);
        let spoken = |agenda: &Agenda| !agenda.probes().is_empty();
        let at = |(endpoint, agendas): (Endpoint, VecDeque<Agenda>)| {
            agendas.into_iter().filter(spoken).map(move |agenda| (endpoint.clone(), agenda))
        };
        Ok(planned.into_iter().flat_map(at).collect())
    }
}

/// Where a server is reached by lines, and what it shows there.
type Door<'w> = (SocketAddr, &'w Transport);

fn doors(member: &Member) -> anyhow::Result<BTreeMap<Endpoint, Door<'_>>> {
    let door = |(address, transport): Door<'_>| {
        let name = match transport {
            Transport::Tcp => electrum::Transport::Tcp,
            Transport::Tls(_) => electrum::Transport::Tls,
            Transport::WebSocket | Transport::SecureWebSocket(_) => return None,
        };
        Some(Endpoint::new(address.ip().into(), address.port(), name).map(|endpoint| (endpoint, address)))
    };
    let doors = member
        .doors()
        .filter_map(|found| Some(door(found)?.map(|(endpoint, address)| (endpoint, (address, found.1)))));
    Ok(doors.collect::<Result<_, _>>()?)
}

async fn visit(
    caller: &Caller,
    endpoint: &Endpoint,
    (peer, transport): Door<'_>,
    member: &Member,
    agenda: &Agenda,
    (moment, lot): (SimTime, u32),
) -> anyhow::Result<Visited> {
    let tls = match transport {
        Transport::Tls(credentials) | Transport::SecureWebSocket(credentials) => Some(tls::Facts {
            version: Some("TLSv1.3".to_owned()),
            cipher: Some("TLS13_AES_256_GCM_SHA384".to_owned()),
            group: Some("X25519".to_owned()),
            alpn: None,
            chain: credentials.chain().iter().map(|certificate| certificate.as_ref().into()).collect(),
            key_proven: true,
        }),
        Transport::Tcp | Transport::WebSocket => None,
    };
    let clock = Clock::start_at(moment, 1);
    let stream = Inside::connect(Arc::clone(member.server()), clock, ROUND_TRIP);
    let connection = Connection { stream, peer, tls, round_trip: ROUND_TRIP };
    Ok(rehearsal::visit(caller, endpoint, agenda, date(moment)?, lot, Some(connection)).await)
}

fn date(moment: SimTime) -> anyhow::Result<Timestamp> {
    Ok(Timestamp::UNIX_EPOCH.checked_add(World::date(moment))?)
}
