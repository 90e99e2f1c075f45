//! The politeness ledger: what a visit may cost a server, and when the next may come.
//!
//! Costs are counted in ElectrumX's own units, E (electrumx, session.py): what its operator's cost
//! limits count, we count too, for every server alike. A [`Permit`] is the right to open one
//! connection; nothing else opens one. Decisions take the clock as an argument. A ledger that is shared
//! ([`Ledger::shared`]) gives no permit that all who share it have not agreed to.

mod accounts;
mod balance;
mod permit;
mod politeness;
mod quiet;
mod shared;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use electrum::Host;
use fleet::permits::{Bounds, Permits};
use model::geoip::Databases;
use tokio::time::Instant;

use self::{
    accounts::{Accounts, Sought},
    shared::Shared,
};
pub use self::{
    permit::Permit,
    politeness::{CONNECTION_COST, Class, ERROR_COST, MOST_ERRORS, PARSE_ERROR_COST, Politeness, Spacings},
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
    systems: Databases,
    shared: Option<Shared>,
    accounts: Mutex<Accounts>,
}

impl Ledger {
    /// How polite it is.
    #[must_use]
    pub fn politeness(&self) -> &Politeness {
        &self.politeness
    }

    /// An empty ledger of one process.
    #[must_use]
    pub fn new(politeness: Politeness) -> Arc<Self> {
        Self::of(politeness, Databases::default(), None)
    }

    /// A ledger that keeps to what all agree on who share the permits. Must be made within a runtime.
    #[must_use]
    pub fn shared(politeness: Politeness, systems: Databases, permits: Permits) -> Arc<Self> {
        Self::of(politeness, systems, Some(Shared::new(permits)))
    }

    fn of(politeness: Politeness, systems: Databases, shared: Option<Shared>) -> Arc<Self> {
        Arc::new(Self { politeness, systems, shared, accounts: Mutex::default() })
    }

    /// Asks for the right to open one connection to a server at an address (unknown behind a proxy), now. Where the
    /// ledger is shared and the others cannot be asked, there is none.
    ///
    /// # Errors
    /// [`Denied`], with the earliest time at which asking again makes sense.
    pub async fn ask(
        self: &Arc<Self>,
        server: &Host,
        address: Option<IpAddr>,
        class: Class,
    ) -> Result<Permit, Denied> {
        let Some(shared) = &self.shared else {
            return self.permit(server, address, class, Instant::now());
        };
        let (sought, bounds) = (self.sought(server, address, class), self.bounds(address, class));
        self.accounts().check(&sought, &bounds, Instant::now())?;
        let side = shared.ask(&sought, bounds).await?;
        let now = Instant::now();
        self.accounts().open(&sought, now);
        Ok(Permit::new(Arc::clone(self), sought, now, Some(side)))
    }

    /// The same for a ledger of one process, at any time: a plan runs ahead of the clock. One that is shared gives none.
    pub(crate) fn permit(
        self: &Arc<Self>,
        server: &Host,
        address: Option<IpAddr>,
        class: Class,
        now: Instant,
    ) -> Result<Permit, Denied> {
        let (sought, bounds) = (self.sought(server, address, class), self.bounds(address, class));
        if self.shared.is_some() {
            return Err(Denied::NotDue(now));
        }
        let mut accounts = self.accounts();
        accounts.check(&sought, &bounds, now)?;
        accounts.open(&sought, now);
        drop(accounts);
        Ok(Permit::new(Arc::clone(self), sought, now, None))
    }

    /// Waits for the right to open one connection.
    #[cfg(test)]
    pub(crate) async fn wait(
        self: &Arc<Self>,
        server: &Host,
        address: Option<IpAddr>,
        class: Class,
    ) -> Result<Permit, Denied> {
        loop {
            match self.ask(server, address, class).await {
                Err(Denied::NotBefore(earliest)) => tokio::time::sleep_until(earliest).await,
                decided => return decided,
            }
        }
    }

    /// Waits until those who share the ledger know of every permit that was dropped and all that was spent. Whoever ends
    /// should, for as long as there is time: what they do not know they take for open and spent until it expires.
    pub async fn told(&self) {
        if let Some(shared) = &self.shared {
            shared.told().await;
        }
    }

    /// Remembers, from an earlier scan, when the next visit of a class is due at a server.
    pub fn not_before(&self, server: &Host, class: Class, due: Instant) {
        self.accounts().server(server, Instant::now()).due.insert(class, due);
    }

    /// Remembers, from an earlier scan, that a server said stop, and until when it is left alone.
    pub fn leave_alone_until(&self, server: &Host, until: Instant) {
        self.accounts().server(server, Instant::now()).quiet.keep_until(until);
    }

    /// A watch lasts for an hour: where two connections are allowed it leaves one for the visits to the other names of its
    /// machine.
    fn bounds(&self, address: Option<IpAddr>, class: Class) -> Bounds {
        let bounds = self.politeness.bounds(address);
        match class {
            Class::Watch => Bounds { connections: bounds.connections.saturating_sub(1).max(1), ..bounds },
            Class::Light | Class::Deep | Class::ParseError => bounds,
        }
    }

    fn sought(&self, server: &Host, address: Option<IpAddr>, class: Class) -> Sought {
        let system = address.and_then(|ip| self.systems.asn(ip)).map(|asn| asn.number);
        Sought { server: server.clone(), address, system, class }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // No code panics while it holds the lock, and the accounts are sound after every statement.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
