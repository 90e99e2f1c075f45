//! From where a campaign visits servers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// A place from which servers are visited. Several in different networks tell a server that is down from a way that
/// is, and one that lies to some from one that lies to all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vantage {
    /// What it is called, in visits and verdicts: lower-case letters, digits and `-`.
    #[schemars(length(min = 1, max = 20), regex(pattern = rules::LABEL))]
    pub name: String,
    /// How many scanners work there. They share the work; politeness does not depend on their number.
    #[serde(default = "Vantage::usual_replicas")]
    #[schemars(range(min = 0, max = 50))]
    pub replicas: i32,
    /// Visits that one scanner makes at once.
    #[serde(default = "Vantage::usual_concurrency")]
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrency: i32,
    /// A SOCKS5 proxy that everything goes through, names included: `socks5://tor:9050`. No password: a resource is no
    /// place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 280),
        regex(pattern = r"^socks5h?://(\[[0-9a-fA-F:.]+\]|[-._a-zA-Z0-9]+):[0-9]{1,5}$")
    )]
    pub proxy: Option<String>,
    /// A name server that is asked instead of the pod's: `9.9.9.9:53`, `[2620:fe::fe]:53`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 60), regex(pattern = r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$"))]
    pub resolver: Option<String>,
    /// Servers known to be good, `ssl://example.org:50002`. While none of them answers, the vantage's own network is
    /// taken to be broken, and it says of nobody that they are down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 4),
        inner(length(min = 8, max = 300), regex(pattern = r"^(tcp|ssl|ws|wss)://\S+:[0-9]{1,5}$"))
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub canary: Vec<String>,
    /// Labels of the nodes that the scanners run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(length(max = 16))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the scanners tolerate, as in a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Where the scanners are placed, as in a pod. By default they are spread over nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// What a scanner's container requests and may use, as in a pod. By default 50m CPU and 64Mi, and no more than 256Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

impl Vantage {
    /// One by that name, with everything else as it is by default.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            replicas: Self::usual_replicas(),
            concurrency: Self::usual_concurrency(),
            proxy: None,
            resolver: None,
            canary: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            resources: None,
        }
    }

    fn usual_replicas() -> i32 {
        1
    }

    fn usual_concurrency() -> i32 {
        64
    }
}
