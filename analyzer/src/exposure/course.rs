//! How the knowledge of operators grows, session by session, for one way to use a wallet.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::Serialize;

use super::{Client, Own, Play, SESSIONS, Setting, electrum::Electrum, fixed::Fixed, snapshot::Snapshot};
use crate::chance::Chance;

/// Operators whose curves are published.
const LARGEST: usize = 8;
/// Pieces in which wallets are played, on as many processors as there are.
const PIECES: usize = 32;

/// How the knowledge of operators grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// How the wallet is used.
    pub setting: Setting,
    /// The operators that learn most, at most eight, the one that learns most first.
    pub operators: Vec<Curve>,
    /// After each session, how many operators know the wallet's addresses on average.
    pub distinct: Vec<f64>,
    /// After each session, how many operators saw that it is there on average.
    pub present: Vec<f64>,
}

/// What one operator comes to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Who, as [`crate::figures::Member::operator`] has it.
    pub operator: String,
    /// Hosts that are his.
    pub hosts: usize,
    /// After each session, the probability that he was asked about the wallet's addresses.
    pub learns: Vec<f64>,
    /// After each session, the probability that the wallet connected to him.
    pub sees: Vec<f64>,
}

/// A wallet that is used, session by session.
pub(super) trait Player {
    /// One session: whom it asks about its addresses, and whom it connects to.
    fn session(&mut self, met: &mut Met);
}

/// Whom a wallet met in a session, as places in the snapshot.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// Who was asked about its addresses.
    pub(super) mains: Vec<usize>,
    /// To whom it was connected.
    pub(super) seen: Vec<usize>,
}

/// In how many wallets each operator first learnt or saw something in which session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    wallets: usize,
    learnt: HashMap<usize, [u32; SESSIONS]>,
    seen: HashMap<usize, [u32; SESSIONS]>,
    /// For each host how often wallets were connected to it.
    pub(super) connections: Vec<u64>,
}

impl Tally {
    fn new(snapshot: &Snapshot) -> Self {
        let connections = vec![0; snapshot.peers.len()];
        Self { wallets: 0, learnt: HashMap::new(), seen: HashMap::new(), connections }
    }

    fn add(&mut self, other: &Self) {
        self.wallets += other.wallets;
        for (own, others) in [(&mut self.learnt, &other.learnt), (&mut self.seen, &other.seen)] {
            for (operator, firsts) in others {
                let sums = own.entry(*operator).or_insert([0; SESSIONS]);
                sums.iter_mut().zip(firsts).for_each(|(sum, first)| *sum += first);
            }
        }
        self.connections.iter_mut().zip(&other.connections).for_each(|(sum, more)| *sum += more);
    }
}

/// Plays so many wallets. The same seed gives the same, on however many processors.
pub(super) fn tally(snapshot: &Snapshot, setting: Setting, play: Play) -> Tally {
    let Play { wallets, seed } = play;
    let piece = |piece: usize| {
        let own = (piece..wallets).step_by(PIECES);
        let chances = own.map(|wallet| Chance::new(seed, wallet as u64));
        let mut watch = Watch::new(snapshot);
        match (setting.client, setting.own) {
            (_, Own::Only) => watch.tally.wallets = chances.count(),
            (Client::Electrum, _) => {
                chances.for_each(|chance| watch.follow(&mut Electrum::new(snapshot, setting, chance)));
            }
            (Client::Sparrow | Client::BlueWallet, _) => {
                chances.for_each(|chance| watch.follow(&mut Fixed::new(snapshot, setting, chance)));
            }
        }
        watch.tally
    };
    let pieces: Vec<Tally> = (0..PIECES).into_par_iter().map(piece).collect();
    let mut all = Tally::new(snapshot);
    pieces.iter().for_each(|piece| all.add(piece));
    all
}

/// Follows wallets, one after the other.
struct Watch<'s> {
    snapshot: &'s Snapshot,
    tally: Tally,
    /// For each operator the latest wallet, counted from one, that he learnt, and that he saw.
    knows: Vec<usize>,
    saw: Vec<usize>,
    met: Met,
}

impl<'s> Watch<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let nobody = vec![0; snapshot.operators.len()];
        let (knows, saw) = (nobody.clone(), nobody);
        Self { snapshot, tally: Tally::new(snapshot), knows, saw, met: Met::default() }
    }

    /// One wallet through all sessions.
    fn follow(&mut self, player: &mut impl Player) {
        self.tally.wallets += 1;
        let wallet = self.tally.wallets;
        for session in 0..SESSIONS {
            self.met.mains.clear();
            self.met.seen.clear();
            player.session(&mut self.met);
            self.met.seen.iter().for_each(|host| self.tally.connections[*host] += 1);
            for (hosts, latest, firsts) in [
                (&self.met.mains, &mut self.knows, &mut self.tally.learnt),
                (&self.met.seen, &mut self.saw, &mut self.tally.seen),
            ] {
                for host in hosts {
                    let operator = self.snapshot.peers[*host].operator;
                    if latest[operator] != wallet {
                        latest[operator] = wallet;
                        firsts.entry(operator).or_insert([0; SESSIONS])[session] += 1;
                    }
                }
            }
        }
    }
}

impl Course {
    /// Plays so many wallets that are used in one way.
    #[must_use]
    pub fn play(snapshot: &Snapshot, setting: Setting, play: Play) -> Self {
        Self::of(setting, &tally(snapshot, setting, play), snapshot)
    }

    /// What was counted, as probabilities.
    pub(super) fn of(setting: Setting, tally: &Tally, snapshot: &Snapshot) -> Self {
        let wallets = tally.wallets.max(1) as f64;
        // The sum of integers first: shares are exact to the last digit.
        let growing = |firsts: &[u64; SESSIONS]| -> Vec<f64> {
            let sums = firsts.iter().scan(0, |sum, first| {
                *sum += first;
                Some(*sum)
            });
            sums.map(|sum: u64| sum as f64 / wallets).collect()
        };
        let wide =
            |firsts: Option<&[u32; SESSIONS]>| firsts.map_or([0; SESSIONS], |firsts| firsts.map(u64::from));
        let sum_of = |all: &HashMap<usize, [u32; SESSIONS]>| {
            all.values().fold([0; SESSIONS], |mut sums: [u64; SESSIONS], firsts| {
                sums.iter_mut().zip(firsts).for_each(|(sum, first)| *sum += u64::from(*first));
                sums
            })
        };
        let end = |all: &HashMap<usize, [u32; SESSIONS]>, operator| -> u64 {
            wide(all.get(&operator)).iter().sum()
        };
        let mut largest: Vec<usize> = tally.seen.keys().copied().collect();
        largest.sort_by_key(|operator| {
            let reached = (end(&tally.learnt, *operator), end(&tally.seen, *operator));
            (std::cmp::Reverse(reached), *operator)
        });
        largest.truncate(LARGEST);
        let curve = |operator: usize| Curve {
            operator: snapshot.operators[operator].clone(),
            hosts: snapshot.peers.iter().filter(|peer| peer.operator == operator).count(),
            learns: growing(&wide(tally.learnt.get(&operator))),
            sees: growing(&wide(tally.seen.get(&operator))),
        };
        Self {
            setting,
            operators: largest.into_iter().map(curve).collect(),
            distinct: growing(&sum_of(&tally.learnt)),
            present: growing(&sum_of(&tally.seen)),
        }
    }
}
