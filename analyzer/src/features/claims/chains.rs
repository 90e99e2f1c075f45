//! Of which chain the endpoints of a host are: whoever runs a server of the network and one of another on one machine
//! lies to nobody, though somebody else lists the wrong port.

use std::{collections::BTreeMap, num::NonZeroU16};

use electrum::{Endpoint, Transport};

use crate::proof::{Proof, Subject};

/// Endpoints of one host that are remembered.
const MOST: usize = 16;

/// Endpoints of one host, by what they called the first block.
#[derive(Clone, Debug, Default)]
pub struct Chains(BTreeMap<(Transport, NonZeroU16), Told>);

/// Whether a visit with these proofs met another chain; none where nothing was called the first block.
pub(super) fn another(proofs: &[Proof<'_>]) -> Option<bool> {
    let of_the_first = proofs.iter().filter(|proof| proof.subject == Subject::Genesis);
    of_the_first.map(|proof| proof.failure().is_some()).reduce(|one, other| one || other)
}

/// What an endpoint called the first block, ever.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    ours: bool,
    another: bool,
}

impl Chains {
    /// Takes in whether a visit to an endpoint met another chain.
    pub(super) fn take(&mut self, endpoint: &Endpoint, another: bool) {
        let key = (endpoint.transport, endpoint.port);
        if self.0.len() < MOST || self.0.contains_key(&key) {
            let told = self.0.entry(key).or_default();
            told.ours |= !another;
            told.another |= another;
        }
    }

    /// Whether some endpoints were always of the network, and all others always of another chain.
    #[must_use]
    pub fn are_apart(&self) -> bool {
        self.0.values().any(|told| told.ours) && self.0.values().all(|told| !(told.ours && told.another))
    }
}
