//! The visits that a scan of a simulated network would have made, over days of the simulated world: the same
//! agendas, courses, grammars and nodes, and no sockets. The runtime's clock is paused, so that waiting takes no time.
//!
//! What needs a socket is left out: WebSockets, unusual TLS hellos, tickets. Handshakes show the certificate that the
//! server would have shown.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
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
    rehearsal::{self, Connection, Goal, Reached},
    visit::Visited,
};
use simulator::{
    SimTime,
    chance::Chance,
    serve::{Clock, Inside, Transport},
    world::{Member, World},
};
use tokio::runtime::Builder;

/// From the end of one visit to a server to the beginning of the next, as politeness has it.
const SPACING: Duration = Duration::from_secs(10);
/// Servers that are asked for objects before there are none.
const OBJECT_TRIES: usize = 5;
/// Hosts of one server that are remembered, the latest ones.
const MOST_HOSTS: usize = 16;

/// How a network is visited.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The rounds, in their order.
    pub(crate) rounds: Vec<Round>,
    /// Decides what a scan leaves to chance.
    pub(crate) seed: u64,
}

/// One visit to everybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// When it begins, counted from the beginning of the world.
    pub(crate) begins: Duration,
    /// How long it takes until everybody's turn has come.
    pub(crate) lasts: Duration,
    /// How much is asked. In light rounds each host is visited once, at its endpoints in turn.
    pub(crate) profile: Profile,
}

/// A host of a server, and where it leads at a moment.
struct Host {
    name: electrum::Host,
    /// None where its name leads nowhere.
    address: Option<Ipv4Addr>,
}

impl History {
    /// Looks for what every server is asked about, as a deep scan does first.
    ///
    /// # Errors
    /// What `keep` says of a visit.
    pub(crate) async fn objects(
        &self,
        caller: &Caller,
        world: &World,
        mut keep: impl AsyncFnMut(&Visit) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Objects>> {
        let mut tries = 0;
        for member in world.members() {
            let site = Site { caller, world, member };
            let Some(host) = site.hosts(world.begins())?.pop() else { continue };
            let Some((endpoint, transport)) = site.endpoints(&host)?.pop() else { continue };
            tries += 1;
            if tries > OBJECT_TRIES {
                break;
            }
            let visited =
                site.visit(&host, endpoint, &transport, &Agenda::Objects, (world.begins(), 0)).await?;
            keep(&visited.visit).await?;
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
        let mut known: BTreeMap<usize, Vec<electrum::Host>> = BTreeMap::new();
        for (number, round) in self.rounds.iter().enumerate() {
            for place in places {
                let site =
                    Site { caller, world, member: world.members().get(*place).context("no such server")? };
                let mut chance = Chance::new(self.seed, "visits", &[*place as u64, number as u64]);
                let mut moment = world.begins() + round.begins + round.lasts.mul_f64(chance.unit());
                let known = known.entry(*place).or_default();
                for host in site.hosts_so_far(known, moment)? {
                    for (endpoint, transport, agenda) in
                        planned(&site, &host, &acquaintances, (number, round.profile, moment), &mut chance)?
                    {
                        let lot = u32::try_from(chance.below(u32::MAX.into())).unwrap_or_default();
                        let visited = site.visit(&host, endpoint, &transport, &agenda, (moment, lot)).await?;
                        acquaintances.take(&visited.visit);
                        keep(&visited.visit).await?;
                        moment = moment + Duration::from(visited.visit.timings.total) + SPACING;
                    }
                }
                bar.inc(1);
            }
        }
        Ok(())
    }
}

/// What is asked of one host in a round, and where.
fn planned(
    site: &Site<'_>,
    host: &Host,
    acquaintances: &Acquaintances,
    (round, profile, moment): (usize, Profile, SimTime),
    chance: &mut Chance,
) -> anyhow::Result<Vec<(Endpoint, Transport, Agenda)>> {
    let mut ways = site.endpoints(host)?;
    if profile == Profile::Light && !ways.is_empty() {
        ways = vec![ways.swap_remove(round % ways.len())];
    }
    let endpoints: Vec<Endpoint> = ways.iter().map(|(endpoint, _)| endpoint.clone()).collect();
    let known = acquaintances.of(&host.name);
    let planned = itineraries(profile, &endpoints, &known, chance.below(1 << 53), date(moment)?);
    let mut all = Vec::new();
    for ((endpoint, transport), (_, agendas)) in ways.into_iter().zip(planned) {
        let spoken = agendas.into_iter().filter(|agenda| !agenda.probes().is_empty());
        // Nobody is asked twice who is not there.
        let asked = if host.address.is_some() { usize::MAX } else { 1 };
        all.extend(spoken.take(asked).map(|agenda| (endpoint.clone(), transport.clone(), agenda)));
    }
    Ok(all)
}

/// A server of the world, and who visits it.
#[derive(Clone, Copy)]
struct Site<'w> {
    caller: &'w Caller,
    world: &'w World,
    member: &'w Arc<Member>,
}

impl Site<'_> {
    /// Its hosts at a moment.
    fn hosts(&self, moment: SimTime) -> anyhow::Result<Vec<Host>> {
        let host = |text: String| {
            let name: electrum::Host = text.parse()?;
            let address = self.leads(&name, moment);
            anyhow::Ok(Host { name, address })
        };
        self.member.hosts(moment).into_iter().map(host).collect()
    }

    /// Its hosts at a moment, and those that it had when it was visited before, unless they are another server's now.
    fn hosts_so_far(&self, known: &mut Vec<electrum::Host>, moment: SimTime) -> anyhow::Result<Vec<Host>> {
        let mut hosts = self.hosts(moment)?;
        let before = known.iter().filter(|name| hosts.iter().all(|host| host.name != **name));
        let before = before.map(|name| Host { name: name.clone(), address: self.leads(name, moment) });
        let before: Vec<Host> = before.filter(|host| self.is_nobody_elses(host)).collect();
        for host in &hosts {
            if !known.contains(&host.name) {
                known.push(host.name.clone());
            }
        }
        if let Some(many @ 1..) = known.len().checked_sub(MOST_HOSTS) {
            known.drain(..many);
        }
        hosts.extend(before);
        Ok(hosts)
    }

    /// Where a host leads at a moment.
    fn leads(&self, host: &electrum::Host, moment: SimTime) -> Option<Ipv4Addr> {
        match host {
            electrum::Host::Address(IpAddr::V4(address)) => Some(*address),
            electrum::Host::Name(name) => self.world.resolve(name.as_str(), moment).first().copied(),
            electrum::Host::Address(IpAddr::V6(_)) | electrum::Host::Onion(_) => None,
        }
    }

    fn is_nobody_elses(&self, host: &Host) -> bool {
        host.address.is_none_or(|address| self.member.addresses().contains(&address))
    }

    /// Where one of its hosts is reached by lines, and what is shown there. Those that wallets use come last.
    fn endpoints(&self, host: &Host) -> anyhow::Result<Vec<(Endpoint, Transport)>> {
        let mut endpoints = Vec::new();
        for (port, transport) in self.member.transports() {
            let name = match transport {
                Transport::Tcp => electrum::Transport::Tcp,
                Transport::Tls(_) => electrum::Transport::Tls,
                Transport::WebSocket | Transport::SecureWebSocket(_) => continue,
            };
            endpoints.push((Endpoint::new(host.name.clone(), port, name)?, transport));
        }
        Ok(endpoints)
    }

    async fn visit(
        &self,
        host: &Host,
        endpoint: Endpoint,
        transport: &Transport,
        agenda: &Agenda,
        (moment, lot): (SimTime, u32),
    ) -> anyhow::Result<Visited> {
        let answering = |address: Ipv4Addr| self.world.member_at(address)?.at(address, moment);
        let reached = match host.address.map(|address| (address, answering(address))) {
            None => Reached::NoAddress,
            Some((_, None)) => Reached::Nobody,
            Some((address, Some(server))) => {
                let round_trip = self.member.round_trip(lot.into());
                let stream = Inside::connect(Arc::new(server), Clock::start_at(moment, 1), round_trip);
                let peer = SocketAddr::from((address, endpoint.port.get()));
                Reached::Server(Connection { stream, peer, tls: shown(transport), round_trip })
            }
        };
        let is_name = matches!(host.name, electrum::Host::Name(_));
        let addresses = host.address.filter(|_| is_name).map(IpAddr::from).into_iter().collect();
        let goal = Goal { endpoint, addresses, at: date(moment)?, lot };
        Ok(rehearsal::visit(self.caller, goal, agenda, reached).await)
    }
}

/// What a handshake shows.
fn shown(transport: &Transport) -> Option<tls::Facts> {
    let (Transport::Tls(credentials) | Transport::SecureWebSocket(credentials)) = transport else {
        return None;
    };
    Some(tls::Facts {
        version: Some("TLSv1.3".to_owned()),
        cipher: Some("TLS13_AES_256_GCM_SHA384".to_owned()),
        group: Some("X25519".to_owned()),
        alpn: None,
        chain: credentials.chain().iter().map(|certificate| certificate.as_ref().into()).collect(),
        key_proven: true,
    })
}

fn date(moment: SimTime) -> anyhow::Result<Timestamp> {
    Ok(Timestamp::UNIX_EPOCH.checked_add(World::date(moment))?)
}

/// Runs something on this thread, on a clock that jumps to whatever is waited for.
pub(crate) fn alone<T>(what: impl AsyncFnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.context("no runtime")?.block_on(what())
}
