//! How many visits run at once, and the way to end them all: closing the gate lets nobody else in and
//! wakes everybody who waits outside; shutting it says that those inside are not waited for either.

use std::{future::Future, sync::Arc};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// A gate with a number of places inside. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Open,
    Closed,
    Shut,
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), state: Arc::new(watch::Sender::new(State::Open)) }
    }

    /// Waits for a place inside. None once the gate is closed.
    pub async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// Waits outside for something. None once the gate is closed.
    pub async fn wait<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.wait_until(State::Closed, what).await
    }

    /// Waits for those inside, or something else. None once the gate is shut.
    pub async fn unless_shut<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.wait_until(State::Shut, what).await
    }

    async fn wait_until<T>(&self, end: State, what: impl Future<Output = T>) -> Option<T> {
        let mut state = self.state.subscribe();
        tokio::select! {
            _ = state.wait_for(|state| *state >= end) => None,
            waited = what => Some(waited),
        }
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.state.borrow() >= State::Closed
    }

    /// Closes the gate for good. Who is inside stays inside.
    pub fn close(&self) {
        self.end(State::Closed);
    }

    /// Closes the gate for good, and asks nobody to wait for who is inside.
    pub fn shut(&self) {
        self.end(State::Shut);
    }

    fn end(&self, end: State) {
        self.places.close();
        self.state.send_modify(|state| *state = end.max(*state));
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
        let shutter = gate.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            shutter.shut();
            shutter.close();
        });
        assert_eq!(gate.unless_shut(async { 1 }).await, Some(1), "only closed");
        assert!(gate.unless_shut(pending::<()>()).await.is_none());
    }
}
