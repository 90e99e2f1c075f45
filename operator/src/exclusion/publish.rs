//! Brings the rules to the scanners, through Redis. Talks to Redis alone, and only while this replica leads; what the
//! rules are is decided in [`rules`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crds::{ElectrumServer, ScanExclusion};
use fleet::{FleetError, Redis, exclusions};
use futures_util::StreamExt as _;
use kube::runtime::reflector::Store;
use scanner::discovery::MAX_EXCLUSIONS_BYTES;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::rules;
use crate::{leader::Fence, watch::Guarded};

/// How often it is looked whether Redis still has the rules.
const LOOK: Duration = Duration::from_secs(5);
/// How soon it is tried again where it could not be done.
const AGAIN: Duration = Duration::from_secs(1);
/// The least time from one look to the next. Scanners look twice a second: together that is less than a second.
const PAUSE: Duration = Duration::from_millis(150);

/// How far the rules have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The exclusions that scanners have, and in which generation.
    pub has: BTreeMap<String, i64>,
    /// Why they have no more than that.
    pub trouble: Option<Trouble>,
}

/// Why rules could not be brought to the scanners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In one word.
    pub reason: &'static str,
    /// In one sentence.
    pub message: String,
}

/// What publishing needs.
pub struct Publisher {
    /// Where scanners look.
    pub redis: Redis,
    /// Where its Lease is: operators that share it publish in turn, and any other is in the way.
    pub publisher: String,
    /// The exclusions that are watched.
    pub exclusions: Store<Guarded<ScanExclusion>>,
    /// The servers that are watched.
    pub servers: Store<Guarded<ElectrumServer>>,
    /// Tells that one of them has changed.
    pub changed: Arc<Notify>,
    /// Where it says how far it has come.
    pub published: watch::Sender<Published>,
}

impl Publisher {
    /// Publishes until told to stop, as long as this replica leads.
    pub async fn run(self, fence: &Fence, stop: CancellationToken) {
        // Rules of which some are missing would send scanners to those who asked to be left alone.
        let known =
            async { (self.exclusions.wait_until_ready().await, self.servers.wait_until_ready().await) };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = known => {}
        }
        let mut elections = fence.elections();
        loop {
            let wait = match fence.until() {
                Ok(until) => match timeout_at(until.into(), self.bring()).await {
                    Ok(None) => LOOK,
                    Ok(Some(_)) | Err(_) => AGAIN,
                },
                Err(_) => {
                    // Whoever leads now may have published something else.
                    self.published.send_replace(Published::default());
                    LOOK
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => {}
                Some(()) = elections.next() => {}
                () = sleep(wait) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Has Redis hold the rules; why it does not.
    async fn bring(&self) -> Option<Trouble> {
        let (exclusions, servers) = (self.exclusions.state(), self.servers.state());
        let exclusions: Vec<_> = exclusions.iter().filter_map(|each| each.0.as_ref().ok()).collect();
        let servers: Vec<_> = servers.iter().filter_map(|each| each.0.as_ref().ok()).collect();
        let rules = rules::all(&exclusions, &servers);
        let trouble = self.put(&rules.text).await.err();
        self.published.send_if_modified(|published| {
            if trouble.is_some() && published.trouble.is_none() {
                warn!(
                    reason = trouble.as_ref().map(|trouble| &trouble.message),
                    "exclusions are not published"
                );
            }
            let has = if trouble.is_some() { published.has.clone() } else { rules.of };
            let now = Published { has, trouble: trouble.clone() };
            let modified = *published != now;
            *published = now;
            modified
        });
        trouble
    }

    async fn put(&self, text: &str) -> Result<(), Trouble> {
        if text.len() > MAX_EXCLUSIONS_BYTES {
            let message = format!(
                "all rules together are {} bytes and scanners read {MAX_EXCLUSIONS_BYTES}: name networks or domains instead of hosts",
                text.len()
            );
            return Err(Trouble { reason: "TooMany", message });
        }
        if let Some(other) = exclusions::take_on(&self.redis, &self.publisher).await? {
            return Err(Trouble { reason: "RedisShared", message: shared(&other) });
        }
        if exclusions::published(&self.redis).await?.as_deref() != Some(&exclusions::version(text)) {
            exclusions::publish(&self.redis, text).await?;
            info!(rules = text.lines().count(), "exclusions are published");
        }
        Ok(())
    }
}

/// What is to be done where another operator publishes.
#[must_use]
pub fn shared(other: &str) -> String {
    format!(
        "the operator in namespace {other} publishes exclusions in this Redis, and one would take away those of the other: give each a Redis of its own (--redis)"
    )
}

impl From<FleetError> for Trouble {
    fn from(error: FleetError) -> Self {
        let reason = match error {
            FleetError::Away(_) => "RedisAway",
            FleetError::Full(_) => "RedisFull",
            _ => "RedisRefuses",
        };
        Self {
            reason,
            message: format!("scanners keep to the rules before, tried again each second: {error}"),
        }
    }
}
