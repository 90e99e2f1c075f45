//! The term of a watch: what all its visits share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A watch over many servers. Clones are the same watch.
#[derive(Clone, Debug)]
pub struct Watch {
    /// When it ends.
    pub until: Instant,
    tips: Arc<AtomicU32>,
}

impl Watch {
    /// A watch that begins now.
    #[must_use]
    pub fn lasting(duration: Duration) -> Self {
        Self { until: Instant::now() + duration, tips: Arc::default() }
    }

    /// Notes that a server told of so many new tips.
    pub(crate) fn add_tips(&self, tips: usize) {
        self.tips.fetch_add(u32::try_from(tips).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How often any server told of a new tip so far.
    #[must_use]
    pub fn tips(&self) -> u32 {
        self.tips.load(Ordering::Relaxed)
    }
}
