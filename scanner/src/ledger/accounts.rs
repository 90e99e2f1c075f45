//! The accounts of a ledger: who was visited when, what is owed, and who is to be left alone. Pure: the clock is an
//! argument. `fleet/src/permits/ask.lua` decides by the same rules for a whole fleet, and a test holds the two together.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use electrum::{Host, Subnet};
use fleet::permits::Bounds;
use tokio::time::Instant;

use super::{Class, Denied, balance::Balance, quiet::Quiet};

/// One connection that somebody wants to open.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    pub(super) server: Host,
    /// None behind a proxy.
    pub(super) address: Option<IpAddr>,
    /// The autonomous system of the address, where it is known.
    pub(super) system: Option<u32>,
    pub(super) class: Class,
}

impl Sought {
    fn subnet(&self) -> Option<Subnet> {
        self.address.map(Subnet::from)
    }

    /// The account of its address, where that is another than its own.
    fn by_address(&self) -> Option<Host> {
        self.address.map(Host::Address).filter(|host| *host != self.server)
    }
}

/// Spacings are shorter than this: who was visited longer ago may be visited.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Accounts, before it is looked for the first time which say nothing any more.
const MANY: usize = 4_096;

#[derive(Debug)]
pub(super) struct Accounts {
    servers: HashMap<Host, Account>,
    subnets: HashMap<Subnet, Account>,
    systems: HashMap<u32, Instant>,
    /// So many accounts, and it is looked again which say nothing any more.
    many: usize,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { servers: HashMap::new(), subnets: HashMap::new(), systems: HashMap::new(), many: MANY }
    }
}

/// What is known of a server, of an address that several servers may share, or of a neighbourhood.
#[derive(Debug)]
pub(super) struct Account {
    last: Option<Instant>,
    open: u32,
    pub(super) due: HashMap<Class, Instant>,
    pub(super) quiet: Quiet,
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

    /// Whether it would be the same to have no account.
    fn says_nothing(&self, now: Instant) -> bool {
        self.open == 0
            && self.last.is_none_or(|last| last + REMEMBERED <= now)
            && self.due.values().all(|due| *due <= now)
            && self.quiet.is_over(now)
            && self.balance.when(0.0, now) <= now
    }

    fn open(&mut self, set_aside: f64, now: Instant) {
        self.last = Some(now);
        self.open += 1;
        self.balance.add(set_aside, now);
    }
}

impl Accounts {
    pub(super) fn server(&mut self, host: &Host, now: Instant) -> &mut Account {
        self.servers.entry(host.clone()).or_insert_with(|| Account::new(now))
    }

    fn subnet(&mut self, subnet: Subnet, now: Instant) -> &mut Account {
        self.subnets.entry(subnet).or_insert_with(|| Account::new(now))
    }

    /// Until when a server is left alone, because it said so under this name or at this address.
    fn quiet_until(&self, sought: &Sought, now: Instant) -> Option<Instant> {
        let by_address = sought.address.map(Host::Address);
        let accounts = [Some(&sought.server), by_address.as_ref()].into_iter().flatten();
        accounts.filter_map(|host| self.servers.get(host)?.quiet.until(now)).max()
    }

    /// Who is visited is chosen by strangers, so that nothing may be kept for ever.
    fn tidy(&mut self, now: Instant) {
        if self.servers.len() + self.subnets.len() + self.systems.len() < self.many {
            return;
        }
        self.servers.retain(|_, account| !account.says_nothing(now));
        self.subnets.retain(|_, account| !account.says_nothing(now));
        self.systems.retain(|_, last| *last + REMEMBERED > now);
        let left = self.servers.len() + self.subnets.len() + self.systems.len();
        self.many = MANY.max(2 * left);
    }

    /// Whether a connection may be opened now.
    pub(super) fn check(&mut self, sought: &Sought, bounds: &Bounds, now: Instant) -> Result<(), Denied> {
        if let Some(until) = self.quiet_until(sought, now) {
            return Err(Denied::LeftAlone(until));
        }
        self.tidy(now);
        // One machine may have many names.
        let at_address = sought.by_address().and_then(|host| self.servers.get(&host)).map_or(0, |at| at.open);
        let account = self.server(&sought.server, now);
        if account.open.max(at_address) >= bounds.connections {
            return Err(Denied::NotBefore(now + Duration::from_secs(1)));
        }
        if bounds.spared {
            return Ok(());
        }
        if let Some(due) = account.due.get(&sought.class).filter(|due| **due > now) {
            return Err(Denied::NotDue(*due));
        }
        let room = bounds.most_owed - sought.class.set_aside();
        let by_server = account.next(bounds.server_spacing, room, now);
        let by_subnet = sought.subnet().map(|s| self.subnet(s, now).next(bounds.subnet_spacing, room, now));
        let last = sought.system.and_then(|system| self.systems.get(&system));
        let by_system = last.map(|last| *last + bounds.system_spacing);
        match [Some(by_server), by_subnet, by_system].into_iter().flatten().max() {
            Some(earliest) if earliest > now => Err(Denied::NotBefore(earliest)),
            _ => Ok(()),
        }
    }

    /// Counts a connection as opened.
    pub(super) fn open(&mut self, sought: &Sought, now: Instant) {
        let class = sought.class;
        let account = self.server(&sought.server, now);
        account.open(class.set_aside(), now);
        if let Some(spacing) = class.spacing() {
            account.due.insert(class, now + spacing);
        }
        if let Some(host) = sought.by_address() {
            self.server(&host, now).open += 1;
        }
        if let Some(subnet) = sought.subnet() {
            self.subnet(subnet, now).open(class.set_aside(), now);
        }
        if let Some(system) = sought.system {
            self.systems.insert(system, now);
        }
    }

    /// Adds what was spent, or, negative, takes back what was set aside and not spent.
    pub(super) fn add(&mut self, sought: &Sought, e: f64, now: Instant) {
        self.server(&sought.server, now).balance.add(e, now);
        if let Some(subnet) = sought.subnet() {
            self.subnet(subnet, now).balance.add(e, now);
        }
    }

    /// Counts a connection as closed.
    pub(super) fn close(&mut self, sought: &Sought, now: Instant) {
        let server = self.server(&sought.server, now);
        server.open = server.open.saturating_sub(1);
        if let Some(host) = sought.by_address() {
            let address = self.server(&host, now);
            address.open = address.open.saturating_sub(1);
        }
        if let Some(subnet) = sought.subnet() {
            let subnet = self.subnet(subnet, now);
            subnet.open = subnet.open.saturating_sub(1);
        }
    }

    /// The server said stop, under its name and at its address.
    pub(super) fn leave_alone(&mut self, sought: &Sought, now: Instant) {
        self.server(&sought.server, now).quiet.begin(now);
        if let Some(host) = sought.by_address() {
            self.server(&host, now).quiet.begin(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(n: u32) -> Sought {
        let address = IpAddr::from((u32::from_be_bytes([198, 0, 0, 0]) + (n << 8)).to_be_bytes());
        let server = format!("s{n}.example").parse().expect("a host");
        Sought { server, address: Some(address), system: Some(n), class: Class::Light }
    }

    #[test]
    fn accounts_that_say_nothing_any_more_go() {
        let (mut accounts, start) = (Accounts::default(), Instant::now());
        let bounds = super::super::Politeness::default().bounds("8.8.8.8".parse().ok());
        let mut most = 0;
        accounts.open(&sought(0), start);
        accounts.leave_alone(&sought(1), start);
        for n in 2..20_000 {
            // One a minute, so that a day sees 1,440.
            let now = start + Duration::from_secs(60) * n;
            accounts.check(&sought(n), &bounds, now).expect("nobody was there");
            accounts.open(&sought(n), now);
            accounts.close(&sought(n), now);
            most = most.max(accounts.servers.len() + accounts.subnets.len() + accounts.systems.len());
        }
        assert!(most < 6 * MANY, "{most}");
        assert_eq!(accounts.servers[&sought(0).server].open, 1, "its connection is still open");
        assert!(!accounts.servers.contains_key(&sought(1).server), "it was left alone for an hour, days ago");
    }
}
