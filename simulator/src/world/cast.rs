//! Everybody who is in a world, and what all of them know of each other between one change and the next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{Calendar, draft::Draft, gossip};
use crate::{SimTime, grammar::Identity};

/// Everybody.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) calendar: Calendar,
    pub(super) drafts: Vec<Draft>,
    /// When somebody appears, is gone, has another name or becomes other software; in their order.
    changes: Vec<SimTime>,
    /// The epoch that was last asked for: many ask for the same.
    latest: Mutex<Option<Arc<Epoch>>>,
}

/// The time between two changes, in which everybody says the same.
#[derive(Debug)]
pub(super) struct Epoch {
    /// How many changes there were before.
    number: usize,
    /// A moment of it.
    pub(super) now: SimTime,
    /// The hosts of each server; of those who are not there, none.
    pub(super) hosts: Vec<Vec<String>>,
    /// Who has a host.
    owners: HashMap<String, usize>,
    identities: Vec<OnceLock<Arc<Identity>>>,
}

impl Cast {
    pub(super) fn new(calendar: Calendar, drafts: Vec<Draft>) -> Self {
        let turns = |draft: &Draft| draft.life.turns().chain(draft.renamings(calendar)).collect::<Vec<_>>();
        let mut changes: Vec<SimTime> = drafts.iter().flat_map(turns).collect();
        changes.sort_unstable();
        changes.dedup();
        Self { calendar, drafts, changes, latest: Mutex::default() }
    }

    pub(super) fn epoch(&self, now: SimTime) -> Arc<Epoch> {
        let number = self.changes.partition_point(|change| *change <= now);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(epoch) = latest.as_ref().filter(|epoch| epoch.number == number) {
            return Arc::clone(epoch);
        }
        let hosts = |draft: &Draft| {
            if draft.life.exists(now) { draft.hosts(self.calendar, now) } else { Vec::new() }
        };
        let hosts: Vec<Vec<String>> = self.drafts.iter().map(hosts).collect();
        let owners =
            (0..).zip(&hosts).flat_map(|(owner, hosts)| hosts.iter().map(move |host| (host.clone(), owner)));
        let epoch = Arc::new(Epoch {
            number,
            now,
            owners: owners.collect(),
            identities: hosts.iter().map(|_| OnceLock::new()).collect(),
            hosts,
        });
        *latest = Some(Arc::clone(&epoch));
        epoch
    }
}

impl Epoch {
    /// Who has a host.
    pub(super) fn owner(&self, host: &str) -> Option<usize> {
        self.owners.get(host).copied()
    }

    /// What a server says of itself and of others, on a chain with this first block.
    pub(super) fn identity(&self, cast: &Cast, number: usize, genesis_hash: &str) -> Arc<Identity> {
        let make = || Arc::new(gossip::identity(cast, self, number, genesis_hash));
        self.identities.get(number).map_or_else(make, |known| Arc::clone(known.get_or_init(make)))
    }
}
