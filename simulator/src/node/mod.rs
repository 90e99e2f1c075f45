//! What one full node sees of the chain, and what it adds: several servers may stand before one node.

mod view;

use crate::SimTime;

pub use view::{MempoolEntry, MempoolItem, Unspent, View};

/// A full node.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// What the node knows at a moment. Cheap: what was computed for the moment before is kept.
    #[must_use]
    pub fn view(&self, now: SimTime) -> View {
        todo!("{now:?}")
    }

    /// When something that clients are notified of changes next: the tip, or what the mempool holds of scripts. None
    /// after the last block.
    #[must_use]
    pub fn next_change(&self, now: SimTime) -> Option<SimTime> {
        todo!("{now:?}")
    }
}
