//! What time it is to a schedule. Elsewhere nobody asks: times that are shared come from the store.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What time it is to a schedule, in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The store's own: that of Redis, or of this process.
    #[default]
    Own,
    /// One that somebody sets, for rehearsals and tests. All who share a store must share it.
    Set(Arc<AtomicU64>),
}

impl Clock {
    /// What it was set to.
    pub(crate) fn told(&self) -> Option<u64> {
        match self {
            Self::Own => None,
            Self::Set(now) => Some(now.load(Ordering::SeqCst)),
        }
    }
}
