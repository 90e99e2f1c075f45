//! The politeness ledger: what a visit may cost a server, and when the next may come.
//!
//! Costs are counted in ElectrumX's own units, E (electrumx, session.py): what its operator's cost
//! limits count, we count too, for every server alike. A [`Permit`] is the right to open one
//! connection; nothing else opens one. Decisions take the clock as an argument.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use electrum::{Host, Subnet};
use tokio::time::Instant;

/// What opening a connection costs, with its TLS handshake, in E.
pub const CONNECTION_COST: f64 = 5.0;
/// Bytes of answers that cost one E.
const BYTES_PER_E: f64 = 5_000.0;

/// How polite we are. Loopback addresses are our own machine: no spacing there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Politeness {
    /// Least time between two connections to one server.
    pub server_spacing: Duration,
    /// Least time between two connections into one /24 (IPv4) or /48 (IPv6).
    pub subnet_spacing: Duration,
    /// Most connections to one server at once.
    pub connections: u32,
    /// Most E for one visit.
    pub visit_budget: f64,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            server_spacing: Duration::from_secs(10),
            subnet_spacing: Duration::from_secs(10),
            connections: 2,
            visit_budget: 60.0,
        }
    }
}

/// Why a connection may not be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Ask again then.
    NotBefore(Instant),
    /// The server asked to be left alone; it is, for the rest of the scan.
    LeftAlone,
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
    subnets: HashMap<Subnet, Instant>,
}

#[derive(Debug, Default)]
struct Account {
    last: Option<Instant>,
    open: u32,
    left_alone: bool,
}

impl Ledger {
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
        now: Instant,
    ) -> Result<Permit, Denied> {
        let mut state = self.state();
        let State { servers, subnets } = &mut *state;
        let account = servers.entry(server.clone()).or_default();
        if account.left_alone {
            return Err(Denied::LeftAlone);
        }
        if account.open >= self.politeness.connections {
            return Err(Denied::NotBefore(now + Duration::from_secs(1)));
        }
        if !address.is_some_and(|ip| ip.is_loopback()) {
            let subnet = address.map(Subnet::from);
            let by_server = account.last.map(|last| last + self.politeness.server_spacing);
            let by_subnet =
                subnet.and_then(|s| subnets.get(&s)).map(|last| *last + self.politeness.subnet_spacing);
            if let Some(earliest) = by_server.max(by_subnet).filter(|earliest| *earliest > now) {
                return Err(Denied::NotBefore(earliest));
            }
            if let Some(subnet) = subnet {
                subnets.insert(subnet, now);
            }
        }
        account.last = Some(now);
        account.open += 1;
        Ok(Permit {
            ledger: Arc::clone(self),
            server: server.clone(),
            budget: self.politeness.visit_budget,
            spent: 0.0,
        })
    }

    /// Waits for the right to open one connection.
    ///
    /// # Errors
    /// [`Denied::LeftAlone`] where waiting does not help.
    pub async fn wait(self: &Arc<Self>, server: &Host, address: Option<IpAddr>) -> Result<Permit, Denied> {
        loop {
            match self.permit(server, address, Instant::now()) {
                Err(Denied::NotBefore(earliest)) => tokio::time::sleep_until(earliest).await,
                decided => return decided,
            }
        }
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
    budget: f64,
    spent: f64,
}

impl Permit {
    /// Takes a cost out of the budget, or says that it does not fit any more.
    #[must_use]
    pub fn charge(&mut self, cost: f64) -> bool {
        let fits = self.spent + cost <= self.budget;
        if fits {
            self.spent += cost;
        }
        fits
    }

    /// Charges what an answer of so many bytes cost. It was sent already: there is nothing to refuse.
    #[expect(clippy::cast_precision_loss, reason = "answers are shorter than 2^52 bytes")]
    pub fn charge_answer(&mut self, bytes: usize) {
        self.spent += bytes as f64 / BYTES_PER_E;
    }

    /// What was spent so far, in E.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// The server asked to be left alone: no more permits for it.
    pub fn leave_alone(&self) {
        self.ledger.state().servers.entry(self.server.clone()).or_default().left_alone = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(account) = self.ledger.state().servers.get_mut(&self.server) {
            account.open = account.open.saturating_sub(1);
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

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn a_server_and_its_neighbours_are_left_in_peace_for_ten_seconds() {
        let (ledger, now) = (Ledger::new(Politeness::default()), Instant::now());
        let (a, b, c) = (host("a.example"), host("b.example"), host("c.example"));
        drop(ledger.permit(&a, ip("203.0.113.1"), now).expect("the first"));
        // The same name at another address, and another name in the same /24.
        assert_eq!(ledger.permit(&a, ip("198.51.100.1"), now).err(), Some(Denied::NotBefore(now + TEN)));
        assert_eq!(ledger.permit(&b, ip("203.0.113.99"), now).err(), Some(Denied::NotBefore(now + TEN)));
        assert!(ledger.permit(&c, ip("203.0.114.1"), now).is_ok());
        assert!(ledger.permit(&a, ip("203.0.113.1"), now + TEN).is_ok());
        assert_eq!(
            ledger.permit(&b, ip("203.0.113.99"), now + TEN).err(),
            Some(Denied::NotBefore(now + TEN * 2))
        );
        assert!(ledger.permit(&host("2001:db8::1"), ip("2001:db8::1"), now).is_ok());
        assert!(ledger.permit(&host("2001:db8:0:9::1"), ip("2001:db8:0:9::1"), now).is_err());
    }

    #[test]
    fn behind_a_proxy_the_server_alone_counts() {
        let (ledger, now) = (Ledger::new(Politeness::default()), Instant::now());
        assert!(ledger.permit(&host("a.example"), None, now).is_ok());
        assert!(ledger.permit(&host("a.example"), None, now).is_err());
        assert!(ledger.permit(&host("b.example"), None, now).is_ok());
    }

    #[test]
    fn never_more_than_two_connections_even_on_loopback() {
        let (ledger, now) = (Ledger::new(Politeness::default()), Instant::now());
        let server = host("127.0.0.1");
        let first = ledger.permit(&server, ip("127.0.0.1"), now).expect("one");
        let _second = ledger.permit(&server, ip("127.0.0.1"), now).expect("two");
        assert!(matches!(ledger.permit(&server, ip("127.0.0.1"), now), Err(Denied::NotBefore(_))));
        drop(first);
        assert!(ledger.permit(&server, ip("127.0.0.1"), now).is_ok());
    }

    #[test]
    fn the_budget_is_a_wall_and_answers_count() {
        let ledger = Ledger::new(Politeness { visit_budget: 10.0, ..Politeness::default() });
        let mut permit = ledger.permit(&host("a.example"), None, Instant::now()).expect("a permit");
        assert!(permit.charge(9.0) && !permit.charge(2.0) && permit.charge(0.5));
        permit.charge_answer(5_000);
        assert!((permit.spent() - 10.5).abs() < 1e-9);
        assert!(!permit.charge(0.1));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_lasts_as_long_as_it_must_and_a_stop_is_final() {
        let ledger = Ledger::new(Politeness::default());
        let (server, began) = (host("a.example"), Instant::now());
        let permit = ledger.wait(&server, None).await.expect("at once");
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(ledger.wait(&server, None).await.expect("later"));
        assert_eq!(began.elapsed(), TEN);
        permit.leave_alone();
        assert!(matches!(ledger.wait(&server, None).await, Err(Denied::LeftAlone)));
    }
}
