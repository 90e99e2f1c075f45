//! What software says if nobody changed it, which links nobody. From the servers in `analyzer/captures` and their
//! source code.

use std::sync::LazyLock;

use electrum::Host;

use crate::{features::identity::words, mark::Mark};

/// Donation addresses of authors.
const DONATIONS: [&str; 1] = [
    // Fulcrum
    "1Ca1inCimwRhhcpFX84TPRrPQSryTgKW6N",
];

/// Banners, with whatever digits.
const BANNERS: [&str; 8] = [
    "",
    "Welcome to Electrum!",
    "You are connected to an ElectrumX 1.20.0 server.",
    "Connected to a Fulcrum 2.1.1 server",
    "Welcome to electrs 0.12.0 (Electrum Rust Server)!",
    "Welcome to electrs-esplora 0.4.1",
    "Welcome to mempool-electrs 3.1.0-dev",
    "Welcome to ElectrumPersonalServer 0.2.4",
];

/// Whether a donation address is that of a program's author.
pub(super) fn is_authors(donation: &str) -> bool {
    DONATIONS.contains(&donation)
}

/// Whether these are the words of a program, and not of its operator.
pub(super) fn is_programs(banner: Mark) -> bool {
    static WORDS: LazyLock<Vec<Mark>> = LazyLock::new(|| {
        // No banner has this name in it.
        let nobody = Host::Address([0, 0, 0, 0].into());
        BANNERS.iter().map(|banner| words(banner, &nobody)).collect()
    });
    WORDS.contains(&banner)
}

/// Whether a port is one where servers of some network usually listen.
pub(super) fn is_usual(port: u16) -> bool {
    matches!(port, 50_001..=50_004 | 51_001..=51_004 | 40_001 | 60_001 | 60_401 | 60_601)
}
