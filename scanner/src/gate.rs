//! How many visits run at once, and the way to end them all: closing the gate lets nobody else in and
//! wakes everybody who waits outside.

use std::{future::Future, sync::Arc};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// A gate with a number of places inside. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), open: Arc::new(watch::Sender::new(true)) }
    }

    /// Waits for a place inside. None once the gate is closed.
    pub async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// Waits outside for something. None once the gate is closed.
    pub async fn wait<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let mut open = self.open.subscribe();
        tokio::select! {
            _ = open.wait_for(|open| !open) => None,
            waited = what => Some(waited),
        }
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Closes the gate for good. Who is inside stays inside.
    pub fn close(&self) {
        self.places.close();
        self.open.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn closing_wakes_those_outside_and_leaves_those_inside() {
        let gate = Gate::new(1);
        let inside = gate.enter().await;
        assert!(inside.is_some());
        let closer = gate.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            closer.close();
        });
        let (entered, waited) = tokio::join!(gate.enter(), gate.wait(pending::<()>()));
        assert!(entered.is_none() && waited.is_none());
        assert!(gate.wait(pending::<()>()).await.is_none());
        assert!(inside.is_some());
    }
}
