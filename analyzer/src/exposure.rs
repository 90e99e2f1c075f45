//! What wallets give away by the way they choose servers: who learns which addresses are one wallet, and who sees that
//! it is there.
//!
//! The clients' rules of selection are played (`electrum`, `fixed`) against a [`Snapshot`] of the network, many
//! wallets long, and it is counted when each operator first learns one. docs/exposure.md has the rules, where they were
//! read, and the formulas. Nothing is concluded of anybody here: the figures say what an operator could know.

mod advice;
mod course;
mod electrum;
mod fixed;
mod lists;
mod padding;
mod snapshot;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use advice::{Advice, Recommendation};
use course::Tally;
pub use course::{Course, Curve};
pub use padding::Padding;
pub use snapshot::{Bucket, Peer, Snapshot};

/// Sessions that curves reach: after 1, 2, … 60.
pub const SESSIONS: usize = 60;
/// Wallets that are played for each course.
pub const WALLETS: usize = 4_000;
/// Share of sessions in which a wallet loses its server and goes on with another.
pub const SWITCHING: f64 = 0.2;

/// Addresses that the wallet of the figures has used.
const USED: usize = 20;

/// How many wallets are played for each way to use one, and what chance is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Play {
    /// How many; of none nothing is learnt, and no course is published.
    pub wallets: usize,
    /// Decides what is left to chance.
    pub seed: u64,
}

/// A wallet program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// Electrum 4.8.1.
    Electrum,
    /// Sparrow 2.5.4.
    Sparrow,
    /// BlueWallet 8.0.2.
    BlueWallet,
}

/// What an own server is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Own {
    /// There is none.
    None,
    /// The wallet asks it about its addresses, and others for headers (Electrum with a server of one's choice).
    Main,
    /// The wallet talks to nobody else (Electrum with `oneserver`).
    Only,
}

/// How a wallet is used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The program.
    pub client: Client,
    /// Whether it goes through Tor.
    pub tor: bool,
    /// Whether its user has a server.
    pub own: Own,
    /// Share of sessions in which it loses its server and goes on with another.
    pub switching: f64,
}

/// What wallets give away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    /// What it rests on.
    pub basis: Basis,
    /// Of each way to use a wallet who learns it and when.
    pub courses: Vec<Course>,
    /// What a wallet's questions say about it.
    pub wallet: Wallet,
    /// What the sizes of answers say to who sees them go by.
    pub padding: Padding,
    /// The largest share of Electrum's pool that the main server's list of peers can be, from 0 to 1.
    pub eclipse: f64,
    /// What follows for users.
    pub recommendations: Vec<Recommendation>,
}

/// What the figures rest on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Basis {
    /// Hosts that a wallet may connect to.
    pub hosts: usize,
    /// Hosts with TLS in Electrum's own list.
    pub defaults: usize,
    /// Those of them that answer without Tor.
    pub defaults_alive: usize,
    /// Whether all hosts stand in for Electrum's list, since none of that was visited: a network for tests.
    pub stand_in: bool,
    /// Wallets that were played for each course.
    pub wallets: usize,
    /// What chance was drawn from.
    pub seed: u64,
}

impl Exposure {
    /// That of wallets in a network, and for each host the chance that Electrum asks it about one. `pads` says of each
    /// host whether it pads its answers.
    #[must_use]
    pub fn of(snapshot: &Snapshot, pads: &[bool], play: Play) -> (Self, Vec<f64>) {
        let Play { wallets, seed } = play;
        let played: Vec<(Setting, Tally)> = settings(snapshot)
            .take_while(|_| wallets > 0)
            .zip(seed..)
            .map(|(setting, seed)| (setting, course::tally(snapshot, setting, Play { wallets, seed })))
            .collect();
        let interfaces = played.first().map(|(_, tally)| tally.connections.as_slice());
        let selection = selection(snapshot, interfaces.unwrap_or_default());
        let courses: Vec<Course> =
            played.iter().map(|(setting, tally)| Course::of(*setting, tally, snapshot)).collect();
        let padded = pads.iter().zip(&selection).filter(|(pads, _)| **pads).map(|(_, chance)| chance).sum();
        let defaults = snapshot.list(Client::Electrum);
        let basis = Basis {
            hosts: snapshot.peers.len(),
            defaults: defaults.len(),
            defaults_alive: defaults.iter().filter(|host| snapshot.reaches(**host, false)).count(),
            stand_in: snapshot.stand_in,
            wallets,
            seed,
        };
        let wallet = Wallet::with(USED);
        let padding = Padding::of(padded);
        let accepted = snapshot.accepted as f64;
        let carried = accepted - snapshot::MORE_PEERS as f64;
        let eclipse = if accepted > 0.0 { accepted / (accepted + carried) } else { 0.0 };
        let recommendations = advice::recommendations(&courses, &wallet, &padding);
        (Self { basis, courses, wallet, padding, eclipse, recommendations }, selection)
    }
}

/// As Electrum is installed.
const ELECTRUM: Setting = Setting { client: Client::Electrum, tor: false, own: Own::None, switching: 0.0 };

/// The ways to use a wallet that are played. The first tells whom Electrum is connected to.
pub(crate) const SETTINGS: [Setting; 7] = [
    ELECTRUM,
    Setting { switching: SWITCHING, ..ELECTRUM },
    Setting { switching: SWITCHING, tor: true, ..ELECTRUM },
    Setting { own: Own::Main, ..ELECTRUM },
    Setting { own: Own::Only, ..ELECTRUM },
    Setting { client: Client::Sparrow, switching: SWITCHING, ..ELECTRUM },
    Setting { client: Client::BlueWallet, switching: SWITCHING, ..ELECTRUM },
];

/// Those of wallets whose lists are known.
fn settings(snapshot: &Snapshot) -> impl Iterator<Item = Setting> {
    SETTINGS.into_iter().filter(|setting| snapshot.lists.contains_key(&setting.client))
}

/// For each host the chance that Electrum asks it about a wallet in a session without Tor:
/// p = 1/d if it is one of the d servers that Electrum carries and answers, + (1 − a) q, where a is the share of the d
/// that answer and q its share of all connections.
fn selection(snapshot: &Snapshot, connections: &[u64]) -> Vec<f64> {
    let defaults = snapshot.list(Client::Electrum);
    let mut chances = vec![0.0; snapshot.peers.len()];
    if defaults.is_empty() {
        return chances;
    }
    let each = 1.0 / defaults.len() as f64;
    let mut dead = 0.0;
    for host in defaults {
        if snapshot.reaches(*host, false) { chances[*host] += each } else { dead += each }
    }
    let all: u64 = connections.iter().sum();
    if all > 0 {
        for (chance, own) in chances.iter_mut().zip(connections) {
            *chance += dead * *own as f64 / all as f64;
        }
    }
    chances
}

/// What the main server is told by a wallet that used so many addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Wallet {
    /// Addresses that were used, of those for receiving and for change.
    pub used: usize,
    /// Script hashes that it subscribes to: those, and 20 and 10 that are still to be used.
    pub hashes: usize,
    /// Pairs of them that the server knows to be one wallet's.
    pub links: usize,
}

impl Wallet {
    /// Unused addresses that Electrum looks at: 20 for receiving, 10 for change.
    const GAP: usize = 30;

    /// That of a wallet with so many used addresses.
    #[must_use]
    pub fn with(used: usize) -> Self {
        let hashes = used + Self::GAP;
        Self { used, hashes, links: hashes * (hashes - 1) / 2 }
    }
}
