//! The politeness ledger: what a visit may cost a server, and when the next may come.
//!
//! Costs are counted in ElectrumX's own units, E (electrumx, session.py): what its operator's cost
//! limits count, we count too, for every server alike. A [`Permit`] is the right to open one
//! connection; nothing else opens one. Decisions take the clock as an argument.

mod balance;
mod permit;
mod politeness;
mod quiet;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use electrum::{Host, Subnet};
use tokio::time::Instant;

use self::{balance::Balance, quiet::Quiet};
pub use self::{
    permit::Permit,
    politeness::{CONNECTION_COST, Class, ERROR_COST, MOST_ERRORS, PARSE_ERROR_COST, Politeness},
    quiet::{FIRST_QUIET, LONGEST_QUIET},
};

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
        Ok(Permit::new(Arc::clone(self), server.clone(), address, class, now))
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
