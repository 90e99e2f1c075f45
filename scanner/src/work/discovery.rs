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
    schedule::{Claim, Enrolment, Lane, MOST_RECORD, MOST_WORDS, Schedule, Subject},
};

use super::{
    cadence::{CRAWLING, Cadence},
    entry::Entry,
    telling::Telling,
};
use crate::discovery::{Caps, Frontier, Listing, Refusals, Server, Source};

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
    /// Whether as much was told as there is room for: somebody may have been turned away.
    pub(crate) full: bool,
    /// What was turned away.
    pub(crate) refused: Refusals,
}

impl Discovered {
    /// When to come again, the interval being so long.
    pub(crate) fn again(&self, interval: Duration) -> Duration {
        if self.new > 0 || self.full { interval.min(CRAWLING) } else { interval }
    }
}

/// Makes a round. Where everybody is visited `once`, who left a lane does not come back to it.
pub(crate) async fn discover<S: Schedule>(
    schedule: &S,
    claim: &Claim,
    seeds: &Seeds,
    cadence: &Cadence,
    once: bool,
) -> Result<Discovered, FleetError> {
    let mut book = Book::new(seeds.caps);
    book.restore(entries(schedule).await?);
    let mut refused = Refusals::default();
    for (source, servers) in &seeds.lists {
        let listings = servers.iter().cloned().map(Listing::from);
        refused.merge(&book.admit(source, None, listings, |_| true));
    }
    let words = schedule.told(MOST_WORDS).await?;
    for word in &words {
        // Nobody but workers leaves words; one of another version may.
        let Ok(telling) = serde_json::from_slice::<Telling>(word) else { continue };
        // What somebody unknown brings in could be held against nobody.
        if book.frontier.get(&telling.teller).is_none() {
            continue;
        }
        let (source, met_at) = (Source::Peer(telling.teller.clone()), telling.met_at);
        let admissible = |ip: IpAddr| seeds.guard.check_told(ip, met_at).is_ok();
        refused.merge(&book.admit(&source, met_at, telling.listings(), admissible));
    }
    let enrolments = book.entries().filter_map(|(host, entry, before)| {
        // Where they are visited again and again all are told of, since a lane may be a new one. Who is in it stays as it is.
        let lanes = if before.is_none() || !once { &*seeds.lanes } else { &[] };
        (!lanes.is_empty() || before != Some(&entry)).then(|| Enrolment {
            subject: Subject::Server(host.clone()),
            listing: listing(entry),
            lanes: lanes.iter().map(|lane| (*lane, cadence.first(*lane, rand::random()))).collect(),
        })
    });
    let new = schedule.enrol(&enrolments.collect::<Vec<_>>()).await?;
    schedule.forget(claim, words.len()).await?;
    Ok(Discovered { new, known: book.frontier.len(), full: words.len() >= MOST_WORDS, refused })
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
}

impl Book {
    fn new(caps: Caps) -> Self {
        Self { frontier: Frontier::new(caps), entries: HashMap::new(), next: 0, met: HashMap::new() }
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
        self.frontier.admit(source, listings, admissible).refused
    }

    /// Every server, and what the schedule has of it, where it has it.
    fn entries(&self) -> impl Iterator<Item = (&Host, Entry, Option<&Entry>)> {
        let mut next = self.next;
        self.frontier.servers().map(move |server| {
            let (host, before) = (server.host(), self.entries.get(server.host()));
            let order = before.map_or(next, |entry| entry.order);
            let entry = self.entry(server, before, order);
            next += u32::from(before.is_none());
            (host, entry, before)
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
        let most = self.frontier.caps().sources_per_server;
        Entry {
            order,
            endpoints: server.endpoints().clone(),
            sources,
            claimed_ip: self.frontier.claimed_ip(server.host()),
            tellers: tellers.into_iter().take(most).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
