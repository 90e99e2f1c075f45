//! The rules of a schedule, as a table in memory: pure, every time is told. The scripts beside it are the same rules in
//! Redis, and one test suite holds both to each other.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Enrolment, Fenced, Lane, LaneStatus, MOST_WORDS, Subject, Wanted};
use crate::{rendezvous, schedule::millis, uptime::Ring};

/// Subjects that are looked at in a lane beyond four for each that is wanted.
const LOOK: usize = 64;

/// One scope.
#[derive(Default)]
pub(super) struct Table {
    lanes: [BTreeSet<(u64, String)>; Lane::ALL.len()],
    pub(super) entries: HashMap<String, Entry>,
    workers: HashMap<String, u64>,
    pub(super) stale: u64,
    pub(super) words: VecDeque<Vec<u8>>,
}

/// A subject.
pub(super) struct Entry {
    pub(super) subject: Subject,
    pub(super) listing: Vec<u8>,
    pub(super) record: Vec<u8>,
    pub(super) ring: Ring,
    dues: [Option<u64>; Lane::ALL.len()],
    token: u64,
    pub(super) reports: u32,
    held: Option<Held>,
}

/// A claim that was not settled. Its lease may be over.
struct Held {
    lane: usize,
    worker: String,
    until: u64,
    /// When the subject was due in each lane it is kept from.
    noted: [Option<u64>; Lane::ALL.len()],
}

/// A claim, but for what its subject is.
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) lane: usize,
    pub(super) token: u64,
    pub(super) due: u64,
}

impl Table {
    pub(super) fn enrol(&mut self, enrolment: &Enrolment, now: u64) -> bool {
        let name = enrolment.subject.to_string();
        let known = self.entries.contains_key(&name);
        let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry {
            subject: enrolment.subject.clone(),
            listing: Vec::new(),
            record: Vec::new(),
            ring: Ring::default(),
            dues: Default::default(),
            token: 0,
            reports: 0,
            held: None,
        });
        entry.listing.clone_from(&enrolment.listing);
        let until = entry.held.as_ref().map(|held| held.until).filter(|until| *until > now);
        for (lane, delay) in &enrolment.lanes {
            if self.entries.get(&name).is_some_and(|entry| entry.dues[lane.index()].is_none()) {
                self.place(&name, lane.index(), Some(now + millis(*delay)));
            }
        }
        if let Some(until) = until {
            self.hold(&name, until);
        }
        !known
    }

    pub(super) fn retire(&mut self, subject: &Subject) {
        let name = subject.to_string();
        for lane in 0..Lane::ALL.len() {
            self.place(&name, lane, None);
        }
        self.entries.remove(&name);
    }

    pub(super) fn attend(&mut self, worker: &str, until: u64, now: u64) -> Vec<String> {
        self.workers.insert(worker.to_owned(), until);
        self.workers.retain(|_, until| *until > now);
        self.present(now).into_iter().map(str::to_owned).collect()
    }

    pub(super) fn leave(&mut self, worker: &str) {
        self.workers.remove(worker);
    }

    /// Takes what is due, oldest first. What has been due for the patience is anybody's, so that whatever is not taken by
    /// whom it belongs to comes to the front and is taken by another: nobody waits for ever.
    pub(super) fn claim(&mut self, wanted: &Wanted<'_>, token: &mut u64, now: u64) -> Vec<Taken> {
        let (lease, patience) = (millis(wanted.lease).max(1), millis(wanted.patience));
        let mut all = Vec::new();
        for lane in wanted.lanes.iter().map(|lane| lane.index()) {
            let left = wanted.most - all.len();
            let present = self.present(now);
            let mine = |(due, name): &&(u64, String)| {
                now - due >= patience || rendezvous::owner(&present, name) == Some(wanted.worker)
            };
            let due = self.lanes[lane].iter().take_while(|(due, _)| *due <= now).take(4 * left + LOOK);
            let chosen: Vec<_> = due.filter(mine).take(left).cloned().collect();
            for (due, name) in chosen {
                *token += 1;
                if let Some(entry) = self.entries.get_mut(&name) {
                    entry.token = *token;
                    entry.reports = 0;
                    let (worker, until) = (wanted.worker.to_owned(), now + lease);
                    entry.held = Some(Held { lane, worker, until, noted: Default::default() });
                }
                self.hold(&name, now + lease);
                all.push(Taken { name, lane, token: *token, due });
            }
        }
        all
    }

    pub(super) fn extend(&mut self, subject: &Subject, token: u64, until: u64) -> Fenced {
        let name = subject.to_string();
        let Some(entry) = self.entries.get(&name).filter(|entry| entry.token == token) else {
            return self.refuse();
        };
        // Who settles while its claims are extended does nothing wrong: that is not counted.
        let Some(old) = entry.held.as_ref().map(|held| held.until) else { return Fenced::Stale };
        self.hold(&name, until.max(old));
        Fenced::Done
    }

    pub(super) fn settle(&mut self, subject: &Subject, token: u64, due: Option<u64>) -> Fenced {
        let name = subject.to_string();
        let Some(entry) = self.entries.get_mut(&name).filter(|entry| entry.token == token) else {
            return self.refuse();
        };
        let Some(held) = entry.held.take() else { return Fenced::Done };
        for (lane, noted) in held.noted.into_iter().enumerate().filter(|(lane, _)| *lane != held.lane) {
            if noted.is_some() {
                self.place(&name, lane, noted);
            }
        }
        self.place(&name, held.lane, due);
        Fenced::Done
    }

    /// The subject, if a report with this number may be put; or what to say.
    pub(super) fn reporting(
        &mut self,
        subject: &Subject,
        token: u64,
        number: u32,
    ) -> Result<&mut Entry, Fenced> {
        let name = subject.to_string();
        match self.entries.get(&name).filter(|entry| entry.token == token) {
            Some(entry) if number <= entry.reports => Err(Fenced::Done),
            Some(entry) if entry.held.is_some() => self.entries.get_mut(&name).ok_or(Fenced::Stale),
            _ => Err(self.refuse()),
        }
    }

    pub(super) fn tell(&mut self, word: &[u8]) -> bool {
        let room = self.words.len() < MOST_WORDS;
        if room {
            self.words.push_back(word.to_vec());
        }
        room
    }

    pub(super) fn forget(&mut self, subject: &Subject, token: u64, words: usize) -> Fenced {
        let claimed = self.entries.get(&subject.to_string()).filter(|entry| entry.token == token);
        if claimed.is_none_or(|entry| entry.held.is_none()) {
            return self.refuse();
        }
        self.words.drain(..words.min(self.words.len()));
        Fenced::Done
    }

    pub(super) fn lane_status(&self, lane: Lane, now: u64) -> LaneStatus {
        let due = || self.lanes[lane.index()].iter().take_while(|(due, _)| *due <= now);
        let lag = due().next().map_or(0, |(due, _)| now - due);
        LaneStatus {
            lane,
            subjects: self.lanes[lane.index()].len() as u64,
            due: due().count() as u64,
            claimed: self.live(now).filter(|held| held.lane == lane.index()).count() as u64,
            lag: std::time::Duration::from_millis(lag),
        }
    }

    pub(super) fn workers(&self, now: u64) -> Vec<(String, u64)> {
        let claims = |worker: &str| self.live(now).filter(|held| held.worker == worker).count() as u64;
        self.present(now).into_iter().map(|worker| (worker.to_owned(), claims(worker))).collect()
    }

    fn live(&self, now: u64) -> impl Iterator<Item = &Held> {
        self.entries.values().filter_map(|entry| entry.held.as_ref()).filter(move |held| held.until > now)
    }

    fn present(&self, now: u64) -> Vec<&str> {
        let present = self.workers.iter().filter(|(_, until)| **until > now);
        let mut present: Vec<&str> = present.map(|(worker, _)| worker.as_str()).collect();
        present.sort_unstable();
        present
    }

    /// Keeps a claimed subject from being due in any lane until its lease is over.
    fn hold(&mut self, name: &str, until: u64) {
        for lane in 0..Lane::ALL.len() {
            let Some(entry) = self.entries.get_mut(name) else { return };
            let Some(held) = &mut entry.held else { return };
            held.until = until;
            if let Some(due) = entry.dues[lane].filter(|due| *due < until) {
                held.noted[lane].get_or_insert(due);
                self.place(name, lane, Some(until));
            }
        }
    }

    fn place(&mut self, name: &str, lane: usize, due: Option<u64>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if let Some(old) = std::mem::replace(&mut entry.dues[lane], due) {
            self.lanes[lane].remove(&(old, name.to_owned()));
        }
        if let Some(due) = due {
            self.lanes[lane].insert((due, name.to_owned()));
        }
    }

    fn refuse(&mut self) -> Fenced {
        self.stale += 1;
        Fenced::Stale
    }
}
