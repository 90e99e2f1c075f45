//! The cluster, as far as an analysis has to do with it: servers are listed, and what was found is written into statuses,
//! by server-side apply under a name of our own. It decides nothing.

use std::{env, time::Duration};

use anyhow::{Context as _, bail};
use crds::{
    ElectrumServer, ScanCampaign, Text, adopts, belongs,
    campaign::{AnalysisStatus, AnalysisSummary},
};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::{
    Api, Client, Config, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
    core::DeserializeGuard,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::statuses;
use crate::{analysis::Analysis, assess};

/// Who writes.
const MANAGER: &str = "electrum-observatory-analyzer";
/// How long a call may take.
const CALL: Duration = Duration::from_secs(20);
/// Objects of a page.
const PAGE: u32 = 500;
/// Statuses that are written at a time.
const AT_ONCE: usize = 8;

/// A campaign where it is looked after.
pub(super) struct Cluster {
    client: Client,
    campaign: ScanCampaign,
    namespace: String,
}

impl Cluster {
    /// The cluster that this runs in, or that KUBECONFIG names; none where there is none.
    ///
    /// # Errors
    /// Where there is one that cannot be used.
    pub(super) async fn find(campaign: &ScanCampaign) -> anyhow::Result<Option<Self>> {
        let config = match Config::infer().await {
            Ok(config) => config,
            Err(error) if meant() => {
                return Err(error).context("the cluster cannot be used; --no-cluster writes no statuses");
            }
            Err(_) => return Ok(None),
        };
        let namespace = campaign.namespace().unwrap_or_else(|| "default".to_owned());
        Ok(Some(Self { client: Client::try_from(config)?, campaign: campaign.clone(), namespace }))
    }

    /// Writes what was found into the statuses that say something else, and the figures into the campaign's.
    ///
    /// # Errors
    /// Where a status cannot be written. The others are, and the next run writes those that are left.
    pub(super) async fn tell(
        &self,
        analysis: &Analysis,
        summary: AnalysisSummary,
        report: &str,
    ) -> anyhow::Result<()> {
        let (servers, now) = (self.servers().await?, Timestamp::now());
        let changes = statuses::changes(&analysis.assessments, &servers, now);
        let write = |(name, told): (String, statuses::Told)| async move {
            let written = self.apply::<ElectrumServer>(&name, json!(told)).await;
            written.map_err(|error| warn!("ElectrumServer {name}: {error:#}")).is_ok()
        };
        let wanted = changes.len();
        let written: Vec<bool> = stream::iter(changes).map(write).buffer_unordered(AT_ONCE).collect().await;
        let failed = written.iter().filter(|written| !**written).count();
        info!(servers = servers.len(), written = wanted - failed, "suspicion is told where it changed");
        let told = AnalysisStatus {
            last_run: Some(Timestamp::from_second(now.as_second()).unwrap_or(now)),
            summary: Some(summary),
            report: Some(Text::new(report)),
            model: Some(Text::new(&assess::model())),
        };
        self.apply::<ScanCampaign>(&self.campaign.name_any(), json!({"analysis": told}))
            .await
            .with_context(|| format!("ScanCampaign {}", self.campaign.name_any()))?;
        if failed > 0 {
            bail!("{failed} of {wanted} could not be written (the log says why): the next run tries again");
        }
        Ok(())
    }

    /// The servers of the campaign. One that cannot be read stops nobody.
    async fn servers(&self) -> anyhow::Result<Vec<ElectrumServer>> {
        let adopts = adopts(&self.campaign, &self.list::<ScanCampaign>().await?);
        let mut servers: Vec<ElectrumServer> = self.list().await?;
        servers.retain(|server| belongs(server, &self.campaign, adopts));
        Ok(servers)
    }

    /// Those of the campaign's network, in its namespace.
    async fn list<K>(&self) -> anyhow::Result<Vec<K>>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let kind = K::kind(&());
        let api: Api<DeserializeGuard<K>> = Api::namespaced(self.client.clone(), &self.namespace);
        let network = format!("spec.network={}", self.campaign.spec.network);
        let mut page = ListParams::default().fields(&network).limit(PAGE);
        let mut all = Vec::new();
        loop {
            let listed = tokio::time::timeout(CALL, api.list(&page)).await;
            let listed = listed.with_context(|| format!("the API server does not list {kind}s"))??;
            for found in listed.items {
                match found.0 {
                    Ok(found) => all.push(found),
                    Err(malformed) => {
                        let name = malformed.metadata.name.unwrap_or_default();
                        warn!("{kind} {name} cannot be read: {}", malformed.error);
                    }
                }
            }
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// Writes fields of a status, and of what this manager wrote before no others. Who is gone needs none.
    async fn apply<K>(&self, name: &str, status: Value) -> anyhow::Result<()>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &self.namespace);
        let object = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {"name": name}, "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(&object);
        match tokio::time::timeout(CALL, api.patch_status(name, &params, &patch)).await {
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Ok(()),
            Ok(done) => Ok(done.map(drop)?),
            Err(_) => bail!("the API server does not answer"),
        }
    }
}

/// Whether somebody said that there is a cluster.
fn meant() -> bool {
    ["KUBERNETES_SERVICE_HOST", "KUBECONFIG"].iter().any(|name| env::var_os(name).is_some())
}
