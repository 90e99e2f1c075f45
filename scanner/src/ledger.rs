//! The politeness ledger: what a visit may cost a server, and when the next may come.
//!
//! Costs are counted in ElectrumX's own units, E (electrumx, session.py): what its operator's cost
//! limits count, we count too, for every server alike. A [`Permit`] is the right to open one
//! connection; nothing else opens one. Decisions take the clock as an argument.

mod balance;
mod quiet;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use electrum::{Host, Subnet};
use tokio::time::Instant;

pub use self::quiet::{FIRST_QUIET, LONGEST_QUIET};
use self::{
    balance::{Balance, DECAY},
    quiet::Quiet,
};

/// What opening a connection costs, with its TLS handshake, in E.
pub const CONNECTION_COST: f64 = 5.0;
/// What an error costs, beside what the request costs anyway, in E.
pub const ERROR_COST: f64 = 100.0;
/// What a line that is no JSON costs, in E.
pub const PARSE_ERROR_COST: f64 = 1_100.0;
/// Bytes, of requests and answers, that cost one E.
const BYTES_PER_E: f64 = 5_000.0;
/// Most errors that we provoke in one session.
pub const MOST_ERRORS: u32 = 3;

/// How heavy a visit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Questions that every wallet asks.
    Light,
    /// Everything, a few errors among it.
    Deep,
    /// One line that is no JSON, which ElectrumX counts as dear as eleven errors.
    ParseError,
    /// A long visit that mostly listens.
    Watch,
}

impl Class {
    /// Most that one visit may cost, in E.
    #[must_use]
    pub fn budget(self) -> f64 {
        match self {
            Self::Light => 60.0,
            Self::Deep => 350.0,
            Self::ParseError => PARSE_ERROR_COST + 60.0,
            // With all else that is owed at the most (`Politeness::most_owed`) just what ElectrumX lets pass
            // before it slows a client down; an hour decays twelve times as much.
            Self::Watch => 300.0,
        }
    }

    /// What is set aside when the connection is opened, in E: short visits may spend all at once, a watch spends
    /// little by little, and has it counted as it goes (see [`Permit::settle`]).
    fn set_aside(self) -> f64 {
        match self {
            Self::Watch => 60.0,
            Self::Light | Self::Deep | Self::ParseError => self.budget(),
        }
    }

    /// Least time between two such visits to one server; none beyond the spacing of connections.
    #[must_use]
    pub fn spacing(self) -> Option<Duration> {
        match self {
            Self::Light | Self::Watch => None,
            Self::Deep => Some(Duration::from_secs(15 * 60)),
            Self::ParseError => Some(Duration::from_secs(7 * 24 * 60 * 60)),
        }
    }
}

/// How polite we are. Loopback addresses are our own machine: nothing but the number of connections, the
/// budget of a visit and a wish to be left alone counts there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Politeness {
    /// Least time between two connections to one server.
    pub server_spacing: Duration,
    /// Least time between two connections into one /24 (IPv4) or /48 (IPv6).
    pub subnet_spacing: Duration,
    /// Most connections to one server at once.
    pub connections: u32,
    /// Most E that a server, or a /24 or /48, was ever made to spend and has not been given time to forget,
    /// whatever the transports and the kinds of visits. ElectrumX slows clients down from 1,000.
    pub most_owed: f64,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            server_spacing: Duration::from_secs(10),
            subnet_spacing: Duration::from_secs(10),
            connections: 2,
            most_owed: 700.0,
        }
    }
}

impl Politeness {
    /// Most connections to a server, or into a /24 or /48, within a span of time.
    #[must_use]
    pub fn most_connections(&self, within: Duration) -> u64 {
        let spacing = self.server_spacing.min(self.subnet_spacing);
        1 + u64::try_from(within.as_nanos() / spacing.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    /// Most E that a server, or a /24 or /48, is made to spend within a span of time by visits of which none
    /// is dearer than this: what may be owed at the end, and what is forgotten on the way.
    #[must_use]
    pub fn most_spent(&self, within: Duration, dearest: Class) -> f64 {
        self.most_owed.max(dearest.budget()) + within.as_secs_f64() * DECAY
    }
}

/// Why a connection may not be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Ask again then.
    NotBefore(Instant),
    /// Too soon for a visit of this class; a lighter one may be in order.
    NotDue(Instant),
    /// The server asked to be left alone, and is, until then.
    LeftAlone(Instant),
}

/// Who was visited when, and who asked not to be.
#[derive(Debug)]
pub struct Ledger {
    politeness: Politeness,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    servers: HashMap<Host, Account>,
    subnets: HashMap<Subnet, Account>,
}

/// What is known of a server, of an address that several servers may share, or of a neighbourhood.
#[derive(Debug)]
struct Account {
    last: Option<Instant>,
    open: u32,
    due: HashMap<Class, Instant>,
    quiet: Quiet,
    balance: Balance,
}

impl Account {
    fn new(now: Instant) -> Self {
        Self { last: None, open: 0, due: HashMap::new(), quiet: Quiet::default(), balance: Balance::new(now) }
    }

    /// When the next connection may be opened that may cost so much.
    fn next(&self, spacing: Duration, room: f64, now: Instant) -> Instant {
        let spaced = self.last.map_or(now, |last| last + spacing);
        spaced.max(self.balance.when(room, now))
    }

    fn open(&mut self, set_aside: f64, now: Instant) {
        self.last = Some(now);
        self.open += 1;
        self.balance.add(set_aside, now);
    }
}

impl State {
    fn server(&mut self, host: &Host, now: Instant) -> &mut Account {
        self.servers.entry(host.clone()).or_insert_with(|| Account::new(now))
    }

    fn subnet(&mut self, subnet: Subnet, now: Instant) -> &mut Account {
        self.subnets.entry(subnet).or_insert_with(|| Account::new(now))
    }

    /// Until when a server is left alone, because it said so under this name or at this address.
    fn quiet_until(&self, server: &Host, address: Option<IpAddr>, now: Instant) -> Option<Instant> {
        let by_address = address.map(Host::Address);
        let accounts = [Some(server), by_address.as_ref()].into_iter().flatten();
        accounts.filter_map(|host| self.servers.get(host)?.quiet.until(now)).max()
    }
}

impl Ledger {
    /// How polite it is.
    #[must_use]
    pub fn politeness(&self) -> &Politeness {
        &self.politeness
    }

    /// An empty ledger.
    #[must_use]
    pub fn new(politeness: Politeness) -> Arc<Self> {
        Arc::new(Self { politeness, state: Mutex::default() })
    }

    /// Asks for the right to open one connection to a server at an address (unknown behind a proxy).
    ///
    /// # Errors
    /// [`Denied`], with the earliest time at which asking again makes sense.
    pub fn permit(
        self: &Arc<Self>,
        server: &Host,
        address: Option<IpAddr>,
        class: Class,
        now: Instant,
    ) -> Result<Permit, Denied> {
        let politeness = self.politeness;
        let mut state = self.state();
        if let Some(until) = state.quiet_until(server, address, now) {
            return Err(Denied::LeftAlone(until));
        }
        let account = state.server(server, now);
        if account.open >= politeness.connections {
            return Err(Denied::NotBefore(now + Duration::from_secs(1)));
        }
        let subnet = address.map(Subnet::from);
        if !address.is_some_and(|ip| ip.is_loopback()) {
            if let Some(due) = account.due.get(&class).filter(|due| **due > now) {
                return Err(Denied::NotDue(*due));
            }
            let room = politeness.most_owed - class.set_aside();
            let by_server = account.next(politeness.server_spacing, room, now);
            let by_subnet = subnet.map(|s| state.subnet(s, now).next(politeness.subnet_spacing, room, now));
            let earliest = by_subnet.map_or(by_server, |by_subnet| by_subnet.max(by_server));
            if earliest > now {
                return Err(Denied::NotBefore(earliest));
            }
        }
        let account = state.server(server, now);
        account.open(class.set_aside(), now);
        if let Some(spacing) = class.spacing() {
            account.due.insert(class, now + spacing);
        }
        if let Some(subnet) = subnet {
            state.subnet(subnet, now).open(class.set_aside(), now);
        }
        let (ledger, server) = (Arc::clone(self), server.clone());
        let (opened, counted) = (now, class.set_aside());
        Ok(Permit {
            ledger,
            server,
            address,
            class,
            opened,
            spent: 0.0,
            counted,
            reserved: 0.0,
            errors: 0,
            risks: 0,
        })
    }

    /// Waits for the right to open one connection.
    ///
    /// # Errors
    /// [`Denied`] where waiting for a turn does not help.
    pub async fn wait(
        self: &Arc<Self>,
        server: &Host,
        address: Option<IpAddr>,
        class: Class,
    ) -> Result<Permit, Denied> {
        loop {
            match self.permit(server, address, class, Instant::now()) {
                Err(Denied::NotBefore(earliest)) => tokio::time::sleep_until(earliest).await,
                decided => return decided,
            }
        }
    }

    /// Remembers, from an earlier scan, when the next visit of a class is due at a server.
    pub fn not_before(&self, server: &Host, class: Class, due: Instant) {
        self.state().server(server, Instant::now()).due.insert(class, due);
    }

    /// Remembers, from an earlier scan, that a server said stop, and until when it is left alone.
    pub fn leave_alone_until(&self, server: &Host, until: Instant) {
        self.state().server(server, Instant::now()).quiet.keep_until(until);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and the state is sound after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to open one connection and to spend a budget on it. The connection counts as open until
/// the permit is dropped.
#[derive(Debug)]
pub struct Permit {
    ledger: Arc<Ledger>,
    server: Host,
    address: Option<IpAddr>,
    class: Class,
    opened: Instant,
    spent: f64,
    /// How much of it the accounts of the server and its neighbourhood know of, or were told of beforehand.
    counted: f64,
    /// What risky requests that wait for an answer may cost yet.
    reserved: f64,
    errors: u32,
    risks: u32,
}

impl Permit {
    /// Whether a cost fits into the budget.
    #[must_use]
    pub fn affords(&self, cost: f64) -> bool {
        self.spent + self.reserved + cost <= self.class.budget()
    }

    /// Takes a cost out of the budget, or says that it does not fit any more.
    #[must_use]
    pub fn charge(&mut self, cost: f64) -> bool {
        let fits = self.affords(cost);
        if fits {
            self.spent += cost;
        }
        fits
    }

    /// Takes the cost of a request that may be answered by an error out of the budget, and sets the cost of
    /// the error aside; or says that it does not fit, or that there were errors enough.
    #[must_use]
    pub fn risk(&mut self, cost: f64, error_cost: f64) -> bool {
        let affordable = self.affords_risk(cost, error_cost);
        if affordable {
            self.spent += cost;
            self.reserved += error_cost;
            self.risks += 1;
        }
        affordable
    }

    /// Whether [`Permit::risk`] would say yes.
    #[must_use]
    pub fn affords_risk(&self, cost: f64, error_cost: f64) -> bool {
        self.affords(cost + error_cost) && self.errors + self.risks < MOST_ERRORS
    }

    /// The risky request was answered, or will not be any more.
    pub fn risk_over(&mut self, error_cost: f64) {
        self.reserved -= error_cost;
        self.risks = self.risks.saturating_sub(1);
    }

    /// Charges an error. It happened: there is nothing to refuse.
    pub fn charge_error(&mut self, cost: f64) {
        self.spent += cost;
        self.errors += 1;
    }

    /// Whether the session has had all the errors it may have.
    #[must_use]
    pub fn has_erred_enough(&self) -> bool {
        self.errors >= MOST_ERRORS
    }

    /// Charges what an answer shows that it cost beyond what was charged for it.
    pub fn charge_more(&mut self, cost: f64) {
        self.spent += cost.max(0.0);
    }

    /// Charges bytes that travelled, in either direction.
    #[expect(clippy::cast_precision_loss, reason = "lines are shorter than 2^52 bytes")]
    pub fn charge_bytes(&mut self, bytes: usize) {
        self.spent += bytes as f64 / BYTES_PER_E;
    }

    /// What was spent so far, in E.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// Has what was spent by now counted, and what was set aside and not spent given back.
    pub fn settle(&mut self, now: Instant) {
        let uncounted = self.spent - std::mem::replace(&mut self.counted, self.spent);
        let mut state = self.ledger.state();
        state.server(&self.server, now).balance.add(uncounted, now);
        if let Some(address) = self.address {
            state.subnet(address.into(), now).balance.add(uncounted, now);
        }
    }

    /// The server showed that it wants to be left alone: no permits for it, nor for its address, for a while.
    pub fn leave_alone(&self, now: Instant) {
        let mut state = self.ledger.state();
        state.server(&self.server, now).quiet.begin(now);
        let same = matches!(&self.server, Host::Address(ip) if self.address == Some(*ip));
        if let Some(address) = self.address.filter(|_| !same) {
            state.server(&Host::Address(address), now).quiet.begin(now);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A plan walks ahead of the clock; nothing closes before it was opened.
        let now = Instant::now().max(self.opened);
        self.settle(now);
        let mut state = self.ledger.state();
        let server = state.server(&self.server, now);
        server.open = server.open.saturating_sub(1);
        if let Some(address) = self.address {
            let subnet = state.subnet(address.into(), now);
            subnet.open = subnet.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().expect("a host")
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn ledger() -> Arc<Ledger> {
        Ledger::new(Politeness::default())
    }

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn a_server_and_its_neighbours_are_left_in_peace_for_ten_seconds() {
        let (ledger, now) = (ledger(), Instant::now());
        let ask = |server: &str, address: &str, at: Instant| {
            ledger.permit(&host(server), ip(address), Class::Light, at).map(drop)
        };
        let later = Err(Denied::NotBefore(now + TEN));
        assert_eq!(ask("a.example", "203.0.113.1", now), Ok(()));
        // The same name at another address, and another name in the same /24.
        assert_eq!(ask("a.example", "198.51.100.1", now), later);
        assert_eq!(ask("b.example", "203.0.113.99", now), later);
        assert_eq!(ask("c.example", "203.0.114.1", now), Ok(()));
        assert_eq!(ask("a.example", "203.0.113.1", now + TEN), Ok(()));
        assert_eq!(ask("b.example", "203.0.113.99", now + TEN), Err(Denied::NotBefore(now + TEN * 2)));
        assert_eq!(ask("2001:db8::1", "2001:db8::1", now), Ok(()));
        assert_eq!(ask("2001:db8:0:9::1", "2001:db8:0:9::1", now), later);
    }

    #[test]
    fn behind_a_proxy_the_server_alone_counts() {
        let (ledger, now) = (ledger(), Instant::now());
        assert!(ledger.permit(&host("a.example"), None, Class::Light, now).is_ok());
        assert!(ledger.permit(&host("a.example"), None, Class::Light, now).is_err());
        assert!(ledger.permit(&host("b.example"), None, Class::Light, now).is_ok());
    }

    #[test]
    fn never_more_than_two_connections_even_on_loopback() {
        let (ledger, now) = (ledger(), Instant::now());
        let ask = || ledger.permit(&host("127.0.0.1"), ip("127.0.0.1"), Class::Deep, now);
        let first = ask().expect("one");
        let _second = ask().expect("two");
        assert!(matches!(ask(), Err(Denied::NotBefore(_))));
        drop(first);
        assert!(ask().is_ok());
    }

    #[test]
    fn the_budget_is_a_wall_and_bytes_and_errors_count() {
        let ledger = ledger();
        let mut permit =
            ledger.permit(&host("a.example"), None, Class::Light, Instant::now()).expect("a permit");
        assert!(permit.charge(50.0) && !permit.charge(11.0) && permit.charge(9.0));
        permit.charge_bytes(5_000);
        assert!((permit.spent() - 60.0).abs() < 1e-9);
        assert!(!permit.charge(0.1));
        permit.charge_error(ERROR_COST);
        assert!((permit.spent() - 160.0).abs() < 1e-9);
    }

    #[test]
    fn risks_are_paid_for_beforehand_and_three_errors_are_enough() {
        let ledger = ledger();
        let mut permit =
            ledger.permit(&host("a.example"), None, Class::Deep, Instant::now()).expect("a permit");
        assert!(permit.charge(40.0));
        assert!(permit.risk(1.0, ERROR_COST) && permit.risk(1.0, ERROR_COST) && permit.risk(1.0, ERROR_COST));
        assert!(!permit.risk(0.0, 0.0), "three errors are possible already");
        assert!(!permit.charge(10.0), "what may be spent is set aside");
        permit.risk_over(ERROR_COST);
        assert!(permit.charge(10.0) && permit.risk(1.0, 10.0));
        for _ in 0..MOST_ERRORS {
            permit.charge_error(0.0);
        }
        assert!(permit.has_erred_enough() && !permit.risk(0.0, 0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn deep_visits_are_a_quarter_of_an_hour_apart_and_light_ones_may_come_between() {
        let ledger = ledger();
        let (server, began) = (host("a.example"), Instant::now());
        let ask = |class| ledger.permit(&server, ip("203.0.113.1"), class, Instant::now()).map(drop);
        assert_eq!(ask(Class::Deep), Ok(()));
        tokio::time::advance(TEN).await;
        let due = began + Duration::from_secs(900);
        assert_eq!(ask(Class::Deep), Err(Denied::NotDue(due)));
        assert_eq!(ask(Class::Light), Ok(()));
        tokio::time::advance(Duration::from_secs(890)).await;
        assert_eq!(ask(Class::Deep), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_neighbourhood_never_owes_more_than_it_may() {
        let ledger = ledger();
        let ask = |name: &str, class| ledger.permit(&host(name), ip("203.0.113.1"), class, Instant::now());
        let mut first = ask("a.example", Class::Deep).expect("a permit");
        assert!(first.charge(340.0));
        drop(first);
        tokio::time::advance(TEN).await;
        let mut second = ask("b.example", Class::Deep).expect("340 - 10 + 350 is less than 700");
        assert!(second.charge(350.0));
        drop(second);
        tokio::time::advance(TEN).await;
        // 340 + 350 - 20 are owed; 60 more fit when 30 have decayed.
        let earliest = Instant::now() + Duration::from_secs(30);
        assert_eq!(ask("c.example", Class::Light).err(), Some(Denied::NotBefore(earliest)));
        // The dearest visit waits until nothing is owed any more.
        let earliest = Instant::now() + Duration::from_secs(670);
        assert_eq!(ask("c.example", Class::ParseError).err(), Some(Denied::NotBefore(earliest)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_leaves_room_for_others_and_counts_as_it_goes() {
        let ledger = ledger();
        let ask = |name: &str, class| ledger.permit(&host(name), ip("203.0.113.1"), class, Instant::now());
        let mut watch = ask("a.example", Class::Watch).expect("a permit");
        assert!(watch.charge(25.0));
        watch.settle(Instant::now());
        tokio::time::advance(Duration::from_secs(600)).await;
        let deep = ask("a.example", Class::Deep).expect("nothing is owed any more");
        assert!(matches!(ask("a.example", Class::Light), Err(Denied::NotBefore(_))), "two connections");
        drop(deep);
        // A storm of blocks: all that is left of the budget at once.
        assert!(watch.affords(275.0) && watch.charge(275.0) && !watch.charge(0.1));
        watch.settle(Instant::now());
        tokio::time::advance(TEN).await;
        let earliest = Instant::now() + Duration::from_secs(265);
        assert_eq!(ask("b.example", Class::ParseError).err(), Some(Denied::NotBefore(earliest)));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_lasts_as_long_as_it_must() {
        let ledger = ledger();
        let (server, began) = (host("a.example"), Instant::now());
        drop(ledger.wait(&server, None, Class::Light).await.expect("at once"));
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(ledger.wait(&server, None, Class::Light).await.expect("later"));
        assert_eq!(began.elapsed(), TEN);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_stop_is_left_alone_for_an_hour_by_name_and_by_address() {
        let ledger = ledger();
        let began = Instant::now();
        let ask = |name: &str| ledger.permit(&host(name), ip("203.0.113.1"), Class::Light, Instant::now());
        ask("a.example").expect("a permit").leave_alone(Instant::now());
        let left_alone = Some(Denied::LeftAlone(began + FIRST_QUIET));
        assert_eq!(ask("a.example").err(), left_alone);
        assert_eq!(ask("alias.example").err(), left_alone);
        tokio::time::advance(FIRST_QUIET - Duration::from_secs(1)).await;
        assert_eq!(ask("a.example").err(), left_alone);
        tokio::time::advance(Duration::from_secs(1)).await;
        let again = ask("a.example").expect("an hour later");
        again.leave_alone(Instant::now());
        assert_eq!(ask("alias.example").err(), Some(Denied::LeftAlone(began + FIRST_QUIET * 3)));
    }

    #[test]
    fn what_an_earlier_scan_did_counts() {
        let (ledger, now) = (ledger(), Instant::now());
        ledger.not_before(&host("a.example"), Class::ParseError, now + TEN);
        let asked = ledger.permit(&host("a.example"), None, Class::ParseError, now);
        assert_eq!(asked.err(), Some(Denied::NotDue(now + TEN)));
    }
}
