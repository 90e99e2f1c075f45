//! Who is on the schedule: seeds, and what servers told of others, through the frontier and its caps. Whoever holds the
//! campaign's own claim does it, so that the caps are one worker's arithmetic and not a race of many.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use electrum::{Host, guard::Guard};
use fleet::{
    FleetError,
    schedule::{Claim, Enrolment, Lane, MOST_RECORD, Schedule, Subject},
};

use super::{
    cadence::{CRAWLING, Cadence},
    entry::Entry,
    telling::Telling,
};
use crate::discovery::{Caps, Frontier, Listing, Refusals, Server, Source};

/// Words that are dealt with at a time.
const WORDS: usize = 200;

/// What discovery begins with.
#[derive(Clone, Debug)]
pub struct Seeds {
    /// Who names them, and whom.
    pub lists: Vec<(Source, Vec<Server>)>,
    /// How much is believed.
    pub caps: Caps,
    /// Which addresses may be visited at all.
    pub guard: Guard,
    /// For what servers are visited.
    pub lanes: Vec<Lane>,
}

/// What came of a round of discovery.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// Servers that were not on the schedule.
    pub(crate) new: usize,
    /// Servers that are on it now.
    pub(crate) known: usize,
    /// What was turned away.
    pub(crate) refused: Refusals,
}

impl Discovered {
    /// When to come again, the interval being so long.
    pub(crate) fn again(&self, interval: Duration) -> Duration {
        if self.new > 0 { interval.min(CRAWLING) } else { interval }
    }
}

/// Makes a round.
pub(crate) async fn discover<S: Schedule>(
    schedule: &S,
    claim: &Claim,
    seeds: &Seeds,
    cadence: &Cadence,
) -> Result<Discovered, FleetError> {
    let mut book = Book::new(seeds.caps);
    book.restore(entries(schedule).await?);
    let mut refused = Refusals::default();
    for (source, servers) in &seeds.lists {
        let listings = servers.iter().cloned().map(Listing::from);
        refused.merge(&book.admit(source, None, listings, |_| true));
    }
    let words = schedule.told(WORDS).await?;
    for word in &words {
        // Nobody but workers leaves words; one of another version may.
        let Ok(telling) = serde_json::from_slice::<Telling>(word) else { continue };
        let (source, met_at) = (Source::Peer(telling.teller.clone()), telling.met_at);
        let admissible = |ip: IpAddr| seeds.guard.check_told(ip, met_at).is_ok();
        refused.merge(&book.admit(&source, met_at, telling.listings(), admissible));
    }
    let changed = book.changed().map(|(host, entry)| Enrolment {
        subject: Subject::Server(host.clone()),
        listing: listing(entry),
        lanes: seeds.lanes.iter().map(|lane| (*lane, cadence.first(*lane, rand::random()))).collect(),
    });
    let new = schedule.enrol(&changed.collect::<Vec<_>>()).await?;
    schedule.forget(claim, words.len()).await?;
    Ok(Discovered { new, known: book.frontier.len(), refused })
}

/// What the schedule keeps of a server. Of names as long as can be the last tellers and endpoints are left out.
fn listing(mut entry: Entry) -> Vec<u8> {
    loop {
        let listing = serde_json::to_vec(&entry).unwrap_or_default();
        if listing.len() <= MOST_RECORD {
            return listing;
        }
        if entry.sources.len() > 1 {
            entry.sources.pop();
        } else if entry.endpoints.pop_last().is_none() {
            return Vec::new();
        }
    }
}

async fn entries<S: Schedule>(schedule: &S) -> Result<Vec<(Host, Entry)>, FleetError> {
    let (mut entries, mut cursor) = (HashMap::new(), 0);
    loop {
        let (page, next) = schedule.subjects(cursor).await?;
        for (subject, listing) in page {
            if let (Subject::Server(host), Ok(entry)) = (subject, serde_json::from_slice::<Entry>(&listing)) {
                entries.insert(host, entry);
            }
        }
        match next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    let mut entries: Vec<(Host, Entry)> = entries.into_iter().collect();
    entries.sort_by_key(|(_, entry)| entry.order);
    Ok(entries)
}

/// The frontier, and what of each server it does not keep itself.
struct Book {
    frontier: Frontier,
    entries: HashMap<Host, Entry>,
    next: u32,
    met: HashMap<Host, IpAddr>,
    claimed: HashMap<Host, IpAddr>,
}

impl Book {
    fn new(caps: Caps) -> Self {
        Self {
            frontier: Frontier::new(caps),
            entries: HashMap::new(),
            next: 0,
            met: HashMap::new(),
            claimed: HashMap::new(),
        }
    }

    /// Makes the frontier as it was: everybody is told of again by those who did, in the order in which they did.
    fn restore(&mut self, entries: Vec<(Host, Entry)>) {
        for (host, entry) in entries {
            let Some(server) = entry.server(&host) else { continue };
            for source in &entry.sources {
                let listing = Listing { server: server.clone(), claimed_ip: entry.claimed_ip };
                self.frontier.admit(source, [listing], |_| true);
            }
            self.next = self.next.max(entry.order.saturating_add(1));
            self.entries.insert(host, entry);
        }
    }

    fn admit(
        &mut self,
        source: &Source,
        met_at: Option<IpAddr>,
        listings: impl Iterator<Item = Listing>,
        admissible: impl Fn(IpAddr) -> bool,
    ) -> Refusals {
        if let (Source::Peer(host), Some(ip)) = (source, met_at) {
            self.met.insert(host.clone(), ip);
        }
        let (frontier, claimed) = (&mut self.frontier, &mut self.claimed);
        let listings = listings.inspect(|listing| {
            if let Some(ip) = listing.claimed_ip {
                claimed.entry(listing.server.host().clone()).or_insert(ip);
            }
        });
        frontier.admit(source, listings, admissible).refused
    }

    /// The servers of which more is known than the schedule has, new ones among them.
    fn changed(&self) -> impl Iterator<Item = (&Host, Entry)> {
        let mut next = self.next;
        self.frontier.servers().filter_map(move |server| {
            let (host, before) = (server.host(), self.entries.get(server.host()));
            let order = before.map_or(next, |entry| entry.order);
            let entry = self.entry(server, before, order);
            next += u32::from(before.is_none());
            (before != Some(&entry)).then_some((host, entry))
        })
    }

    fn entry(&self, server: &Server, before: Option<&Entry>, order: u32) -> Entry {
        let sources: Vec<Source> = self.frontier.sources_of(server.host()).cloned().collect();
        let met = sources.iter().filter_map(|source| match source {
            Source::Peer(host) => self.met.get(host).copied(),
            _ => None,
        });
        let tellers: BTreeSet<IpAddr> =
            before.into_iter().flat_map(|entry| entry.tellers.clone()).chain(met).collect();
        let claimed_ip = match before {
            Some(entry) => entry.claimed_ip,
            None => self.claimed.get(server.host()).copied(),
        };
        let most = self.frontier.caps().sources_per_server;
        Entry {
            order,
            endpoints: server.endpoints().clone(),
            sources,
            claimed_ip,
            tellers: tellers.into_iter().take(most).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
