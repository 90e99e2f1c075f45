//! How Electrum 4.8.1 chooses servers, session by session (docs/exposure.md says where each rule was read).

use super::{
    Own, Setting,
    course::{Met, Player},
    snapshot::{Bucket, Snapshot},
};
use crate::{chance::Chance, exposure::Client};

/// Servers that it is connected to, the main one included.
const INTERFACES: usize = 10;
/// Servers of earlier sessions among them that come first.
const STICKY: usize = 4;
/// Servers that it remembers.
const RECENT: usize = 20;
/// Onions beside which no other is added.
const ONIONS: usize = 5;

/// A wallet that remembers its servers from session to session.
#[derive(Debug)]
pub(super) struct Electrum<'s> {
    snapshot: &'s Snapshot,
    setting: Setting,
    chance: Chance,
    /// The latest first.
    recent: Vec<usize>,
    connected: Vec<usize>,
    /// What may be tried at random, and in which session each host came into it.
    pool: Vec<usize>,
    pooled: Vec<u32>,
    /// In which session each host was tried the latest time.
    tried: Vec<u32>,
    session: u32,
    scratch: Vec<usize>,
}

impl<'s> Electrum<'s> {
    /// A new wallet.
    pub(super) fn new(snapshot: &'s Snapshot, setting: Setting, chance: Chance) -> Self {
        let hosts = snapshot.peers.len();
        Self {
            snapshot,
            setting,
            chance,
            recent: Vec::new(),
            connected: Vec::new(),
            pool: Vec::new(),
            pooled: vec![0; hosts],
            tried: vec![0; hosts],
            session: 0,
            scratch: Vec::new(),
        }
    }

    /// Connections that may be open beside an own server.
    fn places(&self) -> usize {
        INTERFACES - usize::from(self.setting.own != Own::None)
    }

    fn add_to_pool(&mut self, host: usize) {
        if self.pooled[host] != self.session {
            self.pooled[host] = self.session;
            self.pool.push(host);
        }
    }

    /// Takes what the main server says of others, or a random part of it.
    fn take_peers(&mut self, main: usize) {
        let accepted = self.snapshot.accepted;
        let mut named = std::mem::take(&mut self.scratch);
        named.clear();
        named.extend_from_slice(&self.snapshot.peers[main].names);
        if named.len() > accepted {
            self.chance.shuffle_first(&mut named, accepted);
            named.truncate(accepted);
        }
        named.iter().for_each(|host| self.add_to_pool(*host));
        self.scratch = named;
    }

    /// The next server to try: one that it remembers, as long as fewer than four of these are in use; else any.
    fn next(&mut self, in_use: usize) -> Option<usize> {
        let new = |host: &usize| self.tried[*host] != self.session;
        let sticky = if in_use < STICKY { self.recent.iter().copied().find(new) } else { None };
        let next = sticky.or_else(|| {
            while !self.pool.is_empty() {
                let host = self.pool.swap_remove(self.chance.below(self.pool.len()));
                if self.tried[host] != self.session {
                    return Some(host);
                }
            }
            None
        })?;
        self.tried[next] = self.session;
        Some(next)
    }

    /// Whether the spread of connections allows one more.
    fn is_spread(&self, host: usize) -> bool {
        let bucket = self.bucket(host);
        let alike = self.connected.iter().filter(|other| self.bucket(**other) == bucket).count();
        match bucket {
            Bucket::Unknown => true,
            Bucket::Onion => alike <= ONIONS,
            Bucket::V4(_) | Bucket::V6(_) => alike == 0,
        }
    }

    /// Through a proxy it does not know the address of a name.
    fn bucket(&self, host: usize) -> Bucket {
        let peer = &self.snapshot.peers[host];
        match peer.bucket {
            Bucket::V4(_) | Bucket::V6(_) if self.setting.tor && !peer.literal => Bucket::Unknown,
            bucket => bucket,
        }
    }

    fn connect(&mut self, host: usize) {
        self.connected.push(host);
        self.recent.retain(|other| *other != host);
        self.recent.insert(0, host);
        self.recent.truncate(RECENT);
    }

    fn try_to_connect(&mut self, host: usize) {
        if self.snapshot.reaches(host, self.setting.tor) && self.is_spread(host) {
            self.connect(host);
        }
    }

    /// In the course of a session connections break and are made again, all of them where a computer slept: which was
    /// made last is chance.
    fn settle(&mut self) {
        let mut again = std::mem::take(&mut self.connected);
        let all = again.len();
        self.chance.shuffle_first(&mut again, all);
        again.into_iter().for_each(|host| self.connect(host));
    }

    /// Any of those that are connected becomes the main server.
    fn switch(&mut self, met: &mut Met) -> Option<usize> {
        if self.connected.is_empty() {
            return None;
        }
        let main = self.connected[self.chance.below(self.connected.len())];
        met.mains.push(main);
        self.take_peers(main);
        Some(main)
    }

    /// Connects until there are enough, or nobody is left. Without a main server the first becomes it.
    fn fill(&mut self, main: &mut Option<usize>, met: &mut Met) {
        let alone = self.setting.own != Own::None;
        while self.connected.len() < self.places() {
            // Whoever is connected is remembered.
            let Some(host) = self.next(self.connected.len()) else { break };
            self.try_to_connect(host);
            if main.is_none() && !alone {
                *main = self.switch(met);
            }
        }
    }
}

impl Player for Electrum<'_> {
    fn session(&mut self, met: &mut Met) {
        self.session += 1;
        self.connected.clear();
        self.pool.clear();
        let defaults = self.snapshot.list(Client::Electrum);
        defaults.iter().for_each(|host| self.add_to_pool(*host));
        for place in 0..self.recent.len() {
            self.add_to_pool(self.recent[place]);
        }
        // The main server is drawn from the list that Electrum carries, at every start.
        let mut main = None;
        if self.setting.own == Own::None && !defaults.is_empty() {
            let host = defaults[self.chance.below(defaults.len())];
            self.tried[host] = self.session;
            if self.snapshot.reaches(host, self.setting.tor) {
                main = Some(host);
            }
        }
        // The others are chosen at the same moment, when no server has named any yet.
        let mut first: Vec<usize> = std::mem::take(&mut self.scratch);
        first.clear();
        while first.len() < INTERFACES - 1 {
            let in_use = self.recent.iter().filter(|host| self.tried[**host] == self.session).count();
            let Some(host) = self.next(in_use) else { break };
            first.push(host);
        }
        if let Some(host) = main {
            self.connect(host);
            met.mains.push(host);
        }
        let all = first.len();
        self.chance.shuffle_first(&mut first, all);
        first.iter().for_each(|host| self.try_to_connect(*host));
        self.scratch = first;
        match main {
            Some(host) => self.take_peers(host),
            None if self.setting.own == Own::None => main = self.switch(met),
            None => {}
        }
        self.fill(&mut main, met);
        self.settle();
        met.seen.extend_from_slice(&self.connected);
        if let Some(lost) = main
            && self.chance.unit() < self.setting.switching
        {
            self.connected.retain(|host| *host != lost);
            main = self.switch(met);
            self.fill(&mut main, met);
            met.seen.extend_from_slice(&self.connected);
        }
    }
}
