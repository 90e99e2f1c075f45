//! Which cluster is asked, as whom, about which namespace: as kubectl itself decides it.

use anyhow::Context as _;
use clap::Args;
use crds::{ElectrumServer, ScanCampaign, adopts};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Config, Resource,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::de::DeserializeOwned;

use crate::output::Usage;

/// Objects that one answer of the API server holds.
const PAGE: u32 = 500;

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The namespace, instead of that of the context
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig, instead of the current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// A namespace of a cluster.
pub(crate) struct Cluster {
    client: Client,
    namespace: String,
}

impl Place {
    /// The cluster.
    ///
    /// # Errors
    /// Where there is no kubeconfig, or not that context.
    pub(crate) async fn open(&self) -> anyhow::Result<Cluster> {
        // Whoever speaks TLS names its provider; there is none yet.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = match &self.context {
            None => Config::infer().await.context("no cluster: set KUBECONFIG")?,
            Some(context) => {
                let options =
                    KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
                let read = Kubeconfig::read().context("no cluster: set KUBECONFIG")?;
                let config = Config::from_custom_kubeconfig(read, &options).await;
                config.map_err(|error| Usage(format!("--context {context}: {error}")))?
            }
        };
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok(Cluster { client: Client::try_from(config)?, namespace })
    }
}

impl Cluster {
    /// All servers of the namespace, or of all namespaces.
    ///
    /// # Errors
    /// What keeps them from being read.
    pub(crate) async fn servers(&self, everywhere: bool) -> anyhow::Result<Vec<ElectrumServer>> {
        let api = if everywhere { Api::all(self.client.clone()) } else { self.api() };
        let mut servers = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await.context("ElectrumServers cannot be read")?;
            servers.extend(list.items);
            match list.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(servers),
            }
        }
    }

    /// A campaign of the namespace, and whether servers that name no campaign are its own.
    ///
    /// # Errors
    /// [`Usage`] where there is none of that name; else what keeps it from being read.
    pub(crate) async fn campaign(&self, name: &str) -> anyhow::Result<(ScanCampaign, bool)> {
        let all = self.api::<ScanCampaign>().list(&ListParams::default()).await;
        let all = all.context("ScanCampaigns cannot be read")?.items;
        let found = all.iter().find(|campaign| campaign.metadata.name.as_deref() == Some(name));
        let missing =
            || Usage(format!("there is no ScanCampaign {name} in the namespace {}", self.namespace));
        let campaign = found.ok_or_else(missing)?;
        Ok((campaign.clone(), adopts(campaign, &all)))
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}
