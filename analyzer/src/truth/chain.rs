//! Which chain: the block at a height that is buried below a server's own tip is the same for everybody.

use std::collections::BTreeMap;

use bitcoin::BlockHash;
use model::finding::Indicator;

use super::{Contradiction, voices::Voices};
use crate::{dossier::Dossier, features::claims::Claims};

/// Fewest times that another block was told.
const TIMES: u32 = 2;

/// Blocks by their height, as most tell them.
pub(super) struct Chain(BTreeMap<u32, Voices<BlockHash>>);

impl Chain {
    pub(super) fn of(hosts: &[&Claims]) -> Self {
        let mut blocks: BTreeMap<u32, Voices<BlockHash>> = BTreeMap::new();
        for claims in hosts {
            let Some(voice) = claims.neighbourhood else { continue };
            for (height, hashes) in &claims.headers {
                if let Some(said) = hashes.latest() {
                    blocks.entry(*height).or_default().hear(said.what, voice);
                }
            }
        }
        Self(blocks)
    }

    /// The block that a quorum has at a height, and in how many neighbourhoods.
    pub(super) fn agreed(&self, height: u32) -> Option<(&BlockHash, usize)> {
        self.0.get(&height)?.agreed()
    }

    /// Blocks that others have otherwise.
    pub(super) fn other(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let told = dossier.claims.headers.iter();
        let other = told.filter_map(|(height, hashes)| {
            let (agreed, voices) = self.agreed(*height)?;
            let said = hashes.latest().filter(|said| said.what != *agreed && said.times >= TIMES)?;
            Some(Contradiction {
                indicator: Indicator::new(7),
                statement: format!(
                    "{} times it told that the block at height {height} is {}; in {voices} neighbourhoods it is {agreed}.",
                    said.times, said.what,
                ),
                evidence: said.evidence().collect(),
            })
        });
        other.collect()
    }
}
