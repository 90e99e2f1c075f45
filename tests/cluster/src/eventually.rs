//! Waiting for what a cluster comes to by and by.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

/// Gives what the check finds, as soon as it finds something.
///
/// # Panics
/// After a minute, with what was waited for.
pub async fn eventually<T>(what: &str, check: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for a minute: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
