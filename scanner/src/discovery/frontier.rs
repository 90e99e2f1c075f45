//! Every server that is known, who told us of it, and who may tell us of more.
//!
//! A server is known by its canonical host, so one learnt from ten peers is one server with ten sources.
//! Iteration is in the order in which servers became known, and equal inputs give equal frontiers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    iter::successors,
    net::IpAddr,
};

use electrum::{Endpoint, Host, Subnet};
use serde::Serialize;

use super::{
    admission::{Admission, Caps, Refusal},
    server::{Listing, Server, Source},
};

/// The servers that are known, within [`Caps`].
#[derive(Clone, Debug)]
pub struct Frontier {
    caps: Caps,
    known: Vec<Known>,
    /// Where in `known` a host is.
    places: HashMap<Host, usize>,
    sources: Vec<Teller>,
    /// Where in `sources` a source is.
    source_places: HashMap<Source, usize>,
    subnets: HashMap<Subnet, usize>,
}

#[derive(Clone, Debug)]
struct Known {
    server: Server,
    /// The address claimed for its name by who introduced it.
    claimed_ip: Option<IpAddr>,
    /// Places in `sources`; the first introduced it.
    sources: Vec<usize>,
    /// The place of the server whose gossip introduced it. Always an earlier place, so there are no rings.
    parent: Option<usize>,
    /// How many servers it introduced, they introduced, and so on.
    progeny: usize,
}

#[derive(Clone, Debug)]
struct Teller {
    source: Source,
    introduced: usize,
}

/// Who speaks, as places in the frontier's tables.
#[derive(Clone, Copy)]
struct Speaker {
    source: usize,
    is_gossip: bool,
    /// The speaker's own place among the known servers, where it is one.
    server: Option<usize>,
}

/// One source told us of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GossipEdge<'a> {
    /// Who told.
    pub source: &'a Source,
    /// Of whom.
    pub server: &'a Host,
}

impl Frontier {
    /// A frontier that knows nobody yet.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self {
            caps,
            known: Vec::new(),
            places: HashMap::new(),
            sources: Vec::new(),
            source_places: HashMap::new(),
            subnets: HashMap::new(),
        }
    }

    /// Takes in what a source lists, and says what of it was new.
    ///
    /// `admissible` says whether an address may ever be dialled. It is asked of literals and of the
    /// addresses claimed for names; that saves look-ups and protects nobody, since claims cost nothing.
    /// The address guard asks again about what is really dialled.
    pub fn admit<L: Into<Listing>>(
        &mut self,
        source: &Source,
        listings: impl IntoIterator<Item = L>,
        admissible: impl Fn(IpAddr) -> bool,
    ) -> Admission {
        let speaker = self.speaker(source);
        let first_new = self.known.len();
        let mut admission = Admission::default();
        let mut gained: BTreeMap<usize, BTreeSet<Endpoint>> = BTreeMap::new();
        for listing in listings {
            let listing = listing.into();
            if let Err(reason) = self.may_visit(&listing, &admissible) {
                admission.refused.add(reason);
            } else if let Some(place) = self.places.get(listing.server.host()).copied() {
                admission.known += 1;
                self.remember(speaker, place);
                let most = self.most_endpoints(speaker);
                let (fresh, left_out) = self.known[place].server.merge(&listing.server, most);
                admission.endpoints_left_out += left_out;
                gained.entry(place).or_default().extend(fresh);
            } else if let Err(reason) = self.may_introduce(speaker, &listing) {
                admission.refused.add(reason);
            } else {
                admission.endpoints_left_out += self.introduce(speaker, listing);
            }
        }
        admission.new = self.known[first_new..].iter().map(|known| known.server.clone()).collect();
        admission.changed = gained
            .into_iter()
            .take_while(|(place, _)| *place < first_new)
            .filter_map(|(place, endpoints)| self.known[place].server.with_endpoints(endpoints))
            .collect();
        admission
    }

    /// The caps in force.
    #[must_use]
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// How many servers are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The server of a host, if it is known.
    #[must_use]
    pub fn get(&self, host: &Host) -> Option<&Server> {
        self.places.get(host).map(|place| &self.known[*place].server)
    }

    /// The address that was claimed for the name of a host by who introduced it.
    #[must_use]
    pub fn claimed_ip(&self, host: &Host) -> Option<IpAddr> {
        self.places.get(host).and_then(|place| self.known[*place].claimed_ip)
    }

    /// Every known server, in the order in which they became known.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.known.iter().map(|known| &known.server)
    }

    /// Who told us of a host: first who introduced it, then the others in the order in which they did.
    pub fn sources_of(&self, host: &Host) -> impl Iterator<Item = &Source> {
        let known = self.places.get(host).map(|place| &self.known[*place]);
        known.into_iter().flat_map(|known| &known.sources).map(|source| &self.sources[*source].source)
    }

    /// Who told us of whom, as far as remembered, by server in the order in which they became known.
    /// That a server lists itself is no edge.
    pub fn edges(&self) -> impl Iterator<Item = GossipEdge<'_>> {
        self.known.iter().flat_map(|known| {
            let edge = |source: &usize| GossipEdge {
                source: &self.sources[*source].source,
                server: known.server.host(),
            };
            known.sources.iter().map(edge)
        })
    }

    fn speaker(&mut self, source: &Source) -> Speaker {
        let place = match self.source_places.entry(source.clone()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                self.sources.push(Teller { source: source.clone(), introduced: 0 });
                *entry.insert(self.sources.len() - 1)
            }
        };
        let server = match source {
            Source::Peer(host) => self.places.get(host).copied(),
            Source::Bundled(_) | Source::Seeds(_) | Source::CommandLine => None,
        };
        Speaker { source: place, is_gossip: source.is_gossip(), server }
    }

    fn may_visit(&self, listing: &Listing, admissible: impl Fn(IpAddr) -> bool) -> Result<(), Refusal> {
        if listing.address().is_some_and(|ip| !admissible(ip)) {
            return Err(Refusal::Address);
        }
        if listing.server.host().is_onion() && !self.caps.onion {
            return Err(Refusal::Onion);
        }
        Ok(())
    }

    fn may_introduce(&self, speaker: Speaker, listing: &Listing) -> Result<(), Refusal> {
        let held = |subnet| self.subnets.get(&subnet).copied().unwrap_or_default();
        if self.known.len() >= self.caps.total {
            return Err(Refusal::Total);
        }
        if !speaker.is_gossip {
            return Ok(());
        }
        if self.sources[speaker.source].introduced >= self.caps.per_source {
            return Err(Refusal::Source);
        }
        if self.lineage(speaker).any(|place| self.known[place].progeny >= self.caps.per_lineage) {
            return Err(Refusal::Lineage);
        }
        if listing.address().map(Subnet::from).is_some_and(|s| held(s) >= self.caps.per_subnet) {
            return Err(Refusal::Subnet);
        }
        Ok(())
    }

    /// Returns the number of endpoints there was no room for.
    fn introduce(&mut self, speaker: Speaker, listing: Listing) -> usize {
        if let Some(ip) = listing.address() {
            *self.subnets.entry(ip.into()).or_default() += 1;
        }
        if speaker.is_gossip {
            for place in self.lineage(speaker).collect::<Vec<_>>() {
                self.known[place].progeny += 1;
            }
        }
        self.sources[speaker.source].introduced += 1;
        let mut server = listing.server;
        let left_out = server.truncate(self.most_endpoints(speaker));
        self.places.insert(server.host().clone(), self.known.len());
        let (claimed_ip, parent) = (listing.claimed_ip, speaker.server);
        self.known.push(Known { server, claimed_ip, sources: Vec::new(), parent, progeny: 0 });
        self.remember(speaker, self.known.len() - 1);
        left_out
    }

    fn remember(&mut self, speaker: Speaker, place: usize) {
        let sources = &mut self.known[place].sources;
        let lists_itself = speaker.server == Some(place);
        if !lists_itself && sources.len() < self.caps.sources_per_server && !sources.contains(&speaker.source)
        {
            sources.push(speaker.source);
        }
    }

    fn most_endpoints(&self, speaker: Speaker) -> usize {
        if speaker.is_gossip { self.caps.endpoints_per_server.max(1) } else { usize::MAX }
    }

    /// The speaker, who introduced it, who introduced that one, and so on.
    fn lineage(&self, speaker: Speaker) -> impl Iterator<Item = usize> {
        successors(speaker.server, |place| self.known[*place].parent)
    }
}

#[cfg(test)]
mod tests;
