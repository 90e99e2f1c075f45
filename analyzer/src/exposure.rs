//! What wallets give away by the way they choose servers: who learns which addresses are one wallet, and who sees that
//! it is there.
//!
//! The clients' rules of selection are played (`electrum`, `fixed`) against a [`Snapshot`] of the network, many
//! wallets long, and it is counted when each operator first learns one. docs/exposure.md has the rules, where they were
//! read, and the formulas. Nothing is concluded of anybody here: the figures say what an operator could know.

mod advice;
mod course;
mod padding;

use serde::Serialize;

pub use advice::{Advice, Recommendation};
pub use course::{Course, Curve};
pub use padding::Padding;

/// Sessions that curves reach: after 1, 2, … 60.
pub const SESSIONS: usize = 60;
/// Wallets that are played for each course.
pub const WALLETS: usize = 10_000;
/// Share of sessions in which a wallet loses its server and goes on with another.
pub const SWITCHING: f64 = 0.2;

/// A wallet program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
