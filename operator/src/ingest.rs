//! What the fleet saw becomes ElectrumServers: each campaign's visits are read from its stream by the replica that leads,
//! folded into statuses, and acknowledged when those are written. This file says who reads when; [`sight`], [`server`],
//! [`book`], [`campaign`] and [`retention`] decide, [`reading`] and [`write`] talk to Redis and the API server.

pub mod book;
pub mod campaign;
pub mod reading;
pub mod retention;
pub mod server;
pub mod sight;
mod write;

use std::{collections::HashMap, sync::Arc, time::Duration};

use analyzer::identify::Knowledge;
use crds::{ElectrumServer, ScanCampaign, ScanExclusion};
use fleet::Redis;
use kube::{Client, ResourceExt as _, runtime::reflector::Store};
use model::geoip::Databases;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{leader::Fence, metrics::Metrics, watch::Guarded, writer::Writer};

/// How often it is looked which campaigns there are, and whether this replica leads.
const LOOK: Duration = Duration::from_secs(2);
/// How soon a stream is read again that could not be.
const AGAIN: Duration = Duration::from_secs(2);

/// What reading visits needs.
pub struct Context {
    /// Reads.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// Where the visits are.
    pub redis: Redis,
    /// Where it is counted.
    pub metrics: Metrics,
    /// How software is told by how it speaks.
    pub knowledge: Knowledge,
    /// Where addresses are.
    pub places: Databases,
    /// The campaigns that are watched.
    pub campaigns: Store<Guarded<ScanCampaign>>,
    /// The servers that are watched.
    pub servers: Store<Guarded<ElectrumServer>>,
    /// The exclusions that are watched.
    pub exclusions: Store<Guarded<ScanExclusion>>,
}

impl Context {
    /// A campaign as it is now; none where it is gone or about to be.
    #[must_use]
    pub fn campaign(&self, namespace: &str, name: &str) -> Option<ScanCampaign> {
        let is_it = |guarded: &Guarded<ScanCampaign>| {
            guarded.name_any() == name && guarded.namespace().as_deref() == Some(namespace)
        };
        let found = self.campaigns.find(is_it)?;
        let campaign = found.0.as_ref().ok()?;
        campaign.metadata.deletion_timestamp.is_none().then(|| campaign.clone())
    }
}

/// Reads the visits of all campaigns until told to stop, while this replica leads.
pub async fn run(context: Arc<Context>, fence: &Fence, stop: CancellationToken) {
    // Before all servers are known none is known to be new.
    let known = async {
        (
            context.campaigns.wait_until_ready().await,
            context.servers.wait_until_ready().await,
            context.exclusions.wait_until_ready().await,
        )
    };
    tokio::select! {
        () = stop.cancelled() => return,
        _ = known => {}
    }
    let mut readers: HashMap<(String, String), CancellationToken> = HashMap::new();
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        let wanted: Vec<_> = if fence.until().is_ok() { wanted(&context) } else { Vec::new() };
        readers.retain(|key, token| {
            let stays = wanted.contains(key);
            if !stays {
                token.cancel();
            }
            stays
        });
        for key in wanted {
            readers.entry(key).or_insert_with_key(|key| {
                let token = stop.child_token();
                tasks.spawn(read(context.clone(), key.clone(), token.clone()));
                token
            });
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(LOOK) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

fn wanted(context: &Context) -> Vec<(String, String)> {
    let campaigns = context.campaigns.state();
    let lives = |campaign: &&ScanCampaign| campaign.metadata.deletion_timestamp.is_none();
    let campaigns = campaigns.iter().filter_map(|guarded| guarded.0.as_ref().ok()).filter(lives);
    campaigns.map(|campaign| (campaign.namespace().unwrap_or_default(), campaign.name_any())).collect()
}

/// Reads the visits of one campaign until it is gone or another replica leads.
async fn read(context: Arc<Context>, (namespace, name): (String, String), stop: CancellationToken) {
    info!(campaign = name, namespace, "its visits are read");
    loop {
        let read = reading::read(&context, &namespace, &name, &stop).await;
        let Err(error) = read else { break };
        context.metrics.failed("ingest", error.class());
        warn!(campaign = name, namespace, %error, "its visits could not be read, and are asked for again");
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(AGAIN) => {}
        }
    }
    context.metrics.ingest_ended(&format!("{namespace}/{name}"));
}
