//! Histories, as far as no honest server can still see them otherwise.

use std::sync::Arc;

use bitcoin::Txid;
use electrum::proof::HistoryItem;

/// Longest history that is remembered, in transactions. Objects have at most 200.
const LONGEST: usize = 2_000;

/// A transaction and the height of its block.
pub type Line = (Txid, u32);

/// Lines in the order of the ids.
pub type Lines = Arc<[Line]>;

/// A history as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What is buried of it, shared while it stays the same.
    pub lines: Lines,
    /// The height down to which, and not above, it is: this much below the server's own tip.
    pub floor: u32,
}

impl Told {
    /// Whether two list the same, as far as both could.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let floor = self.floor.min(other.floor);
        let shared = |(_, height): &&Line| *height <= floor;
        self.lines.iter().filter(shared).eq(other.lines.iter().filter(shared))
    }
}

/// What is buried of a history, in the order of the ids; none of one that is too long.
pub(super) fn buried(items: &[HistoryItem], floor: u32) -> Option<Box<[Line]>> {
    if items.len() > LONGEST {
        return None;
    }
    let confirmed = items.iter().filter(|item| item.is_confirmed());
    let line = |item: &HistoryItem| Some((item.txid, u32::try_from(item.height).ok()?));
    let mut lines: Vec<_> = confirmed.filter_map(line).filter(|(_, height)| *height <= floor).collect();
    lines.sort_unstable();
    Some(lines.into())
}
