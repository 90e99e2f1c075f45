//! What the operator is told by whoever installs it: flags, or variables of the environment.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use fleet::arguments::Shared;

/// The operator's own settings. What belongs to a campaign stands in its ScanCampaign.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// The image that scanners and the analyzer run: `registry.example.org/electrum-observatory:0.1.0`.
    #[arg(long, env = "OBSERVATORY_IMAGE")]
    pub image: String,
    /// When nodes fetch the image: `Always`, `IfNotPresent`, `Never`. By default what the cluster makes of its tag.
    #[arg(long, env = "OBSERVATORY_IMAGE_PULL_POLICY")]
    pub image_pull_policy: Option<String>,
    #[expect(missing_docs, reason = "clap would take it for a heading")]
    #[command(flatten)]
    pub shared: Shared,
    /// A Secret in each campaign's namespace, with the keys `username` and `password` for Redis.
    #[arg(long, env = "OBSERVATORY_REDIS_SECRET")]
    pub redis_secret: Option<String>,
    /// A Secret in each campaign's namespace, with the key `ca.crt`: who signs the certificate of Redis.
    #[arg(long, env = "OBSERVATORY_REDIS_CA_SECRET")]
    pub redis_ca_secret: Option<String>,
    /// A PersistentVolumeClaim in each campaign's namespace: the archive and the reports are kept there.
    #[arg(long, env = "OBSERVATORY_DATA_CLAIM", default_value = "observatory-data")]
    pub data_claim: String,
    /// Who analyzers are to the API server: a ServiceAccount in each campaign's namespace with the role
    /// `electrum-observatory-analyzer`.
    #[arg(long, env = "OBSERVATORY_ANALYZER_SERVICE_ACCOUNT", default_value = "observatory-analyzer")]
    pub analyzer_service_account: String,
    /// MaxMind databases in the image or in the claim, for budgets of autonomous systems and for reports:
    /// `/usr/share/observatory/asn.mmdb`.
    #[arg(long = "geoip", env = "OBSERVATORY_GEOIP", value_delimiter = ',')]
    pub geoip: Vec<String>,
    /// A PersistentVolumeClaim in each campaign's namespace with those databases, to be read at `/usr/share/observatory`
    /// by scanners and analyzers at once.
    #[arg(long, env = "OBSERVATORY_GEOIP_CLAIM")]
    pub geoip_claim: Option<String>,
    /// How many seconds a scanner has to end its visits and give back what it claimed.
    #[arg(long, env = "OBSERVATORY_GRACE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub grace_seconds: u32,
    /// Watch the campaigns of this namespace alone. By default of all.
    #[arg(long, env = "OBSERVATORY_NAMESPACE")]
    pub namespace: Option<String>,
    /// The namespace of the Lease by which replicas agree who writes.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// Who this replica is among them: the name of its Pod. By default a name that no other has.
    #[arg(long, env = "POD_NAME", default_value_t = somebody(), hide_default_value = true)]
    pub identity: String,
    /// Where metrics and probes are answered: `/metrics`, `/healthz`, `/readyz`.
    #[arg(long, env = "OBSERVATORY_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Series that single servers may have at `/metrics`; of those beyond it is told how many they are.
    #[arg(long, env = "OBSERVATORY_SERIES", default_value_t = 100_000)]
    pub series: usize,
    /// How many campaigns are looked after at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
}

/// Processes of two machines may have one number: two leaders by one name would both take the lease for theirs.
fn somebody() -> String {
    format!("pid-{}-{:016x}", std::process::id(), rand::random::<u64>())
}

/// How long an ordinary call of the API server may take.
pub const CALL: Duration = Duration::from_secs(8);

/// After how long a campaign is looked at again though nothing changed: its servers are counted then.
pub const AGAIN: Duration = Duration::from_secs(60);

impl Settings {
    /// Objects where campaigns are looked after: in one namespace, or in all.
    #[must_use]
    pub fn api<K>(&self, client: &kube::Client) -> kube::Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        match &self.namespace {
            Some(namespace) => kube::Api::namespaced(client.clone(), namespace),
            None => kube::Api::all(client.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_that_have_no_name_are_one() {
        assert_ne!(somebody(), somebody());
    }
}
