//! What follows for users, and the number on which each piece of advice rests.

use serde::Serialize;

/// A piece of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Have a server of one's own, and no other.
    OwnServer,
    /// With a server of one's own, others still see the wallet.
    OnlyOwnServer,
    /// Tor hides the address, not the wallet.
    Tor,
    /// Choose one server and keep it.
    KeepOne,
    /// Few operators hold most of the network.
    FewHands,
    /// Servers that do not pad tell those on the way more.
    Padding,
    /// What one server is told in one session.
    OneSession,
}

/// Advice with the number it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Which.
    pub id: Advice,
    /// In plain words.
    pub text: String,
    /// The number it rests on.
    pub number: f64,
    /// What that is.
    pub unit: &'static str,
    /// How it is computed, in the words of docs/exposure.md.
    pub formula: &'static str,
}
