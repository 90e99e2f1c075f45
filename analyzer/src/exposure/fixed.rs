//! How Sparrow 2.5.4 and BlueWallet 8.0.2 choose servers: each from the list that it carries (docs/exposure.md).

use super::{
    Client, Setting,
    course::{Met, Player},
    snapshot::Snapshot,
};
use crate::chance::Chance;

/// A wallet with one connection, to a server of its own list.
#[derive(Debug)]
pub(super) struct Fixed<'s> {
    snapshot: &'s Snapshot,
    list: &'s [usize],
    setting: Setting,
    chance: Chance,
    /// Where in the list its server is.
    at: usize,
}

impl<'s> Fixed<'s> {
    /// A new wallet.
    pub(super) fn new(snapshot: &'s Snapshot, setting: Setting, mut chance: Chance) -> Self {
        let list = snapshot.list(setting.client);
        Self { snapshot, list, setting, at: chance.below(list.len()), chance }
    }

    /// The next server: Sparrow takes any other, BlueWallet the next in the list.
    fn advance(&mut self) {
        let step = match self.setting.client {
            Client::BlueWallet => 1,
            Client::Electrum | Client::Sparrow => 1 + self.chance.below(self.list.len() - 1),
        };
        self.at = (self.at + step) % self.list.len();
    }

    /// Goes on until a server answers.
    fn settle(&mut self, met: &mut Met) {
        for _ in 0..self.list.len() {
            let host = self.list[self.at];
            if self.snapshot.reaches(host, self.setting.tor) {
                met.mains.push(host);
                met.seen.push(host);
                return;
            }
            if self.list.len() == 1 {
                return;
            }
            self.advance();
        }
    }
}

impl Player for Fixed<'_> {
    fn session(&mut self, met: &mut Met) {
        if self.list.is_empty() {
            return;
        }
        if self.setting.client == Client::BlueWallet {
            // It begins with the same one whenever it is started.
            self.at = 0;
        }
        self.settle(met);
        if self.list.len() > 1 && self.chance.unit() < self.setting.switching {
            self.advance();
            self.settle(met);
        }
    }
}
