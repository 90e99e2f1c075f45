//! `ElectrumServer`: one server, and what is known of it.

#![expect(clippy::duplicated_attributes, reason = "each column has a type of its own")]

mod status;
mod suspicion;

use electrum::{Network, Transport};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    status::{
        Address, ElectrumServerStatus, Features, Identified, Latency, Location, Protocol, Reachability,
        Software, State, Tip, Tls, Uptime, Verdict,
    },
    suspicion::{Finding, Group, Suspicion},
};
use crate::{
    rules,
    schema::{self, NetworkName, TransportName},
};

/// One Electrum server: found by a campaign, or named by a person.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "electrumobservatory.org",
    version = "v1alpha1",
    kind = "ElectrumServer",
    namespaced,
    status = "ElectrumServerStatus",
    derive = "PartialEq",
    shortname = "es",
    category = "observatory",
    doc = "One Electrum server: found by a campaign, or named by a person.",
    selectable = ".spec.network",
    selectable = ".spec.host",
    selectable = ".spec.campaign",
    selectable = ".status.reachability.state",
    selectable = ".status.suspicion.level",
    printcolumn(name = "Server", type_ = "string", json_path = ".spec.host", description = "The host"),
    printcolumn(
        name = "Network",
        type_ = "string",
        json_path = ".spec.network",
        description = "The Bitcoin network"
    ),
    printcolumn(name = "State", type_ = "string", json_path = ".status.reachability.state"),
    printcolumn(
        name = "Software",
        type_ = "string",
        json_path = ".status.software.identified.name",
        description = "What it speaks like"
    ),
    printcolumn(
        name = "Uptime",
        type_ = "number",
        json_path = ".status.reachability.uptime.week",
        description = "Percent of the visits of seven days that it answered"
    ),
    printcolumn(
        name = "Score",
        type_ = "integer",
        json_path = ".status.suspicion.score",
        description = "0 to 100"
    ),
    printcolumn(name = "Level", type_ = "string", json_path = ".status.suspicion.level"),
    printcolumn(
        name = "Claims",
        type_ = "string",
        json_path = ".status.software.claimed",
        priority = "1",
        description = "What it calls itself"
    ),
    printcolumn(
        name = "Country",
        type_ = "string",
        json_path = ".status.addresses[0].country",
        priority = "1"
    ),
    printcolumn(name = "AS", type_ = "integer", json_path = ".status.addresses[0].asn", priority = "1"),
    printcolumn(name = "Tip", type_ = "integer", json_path = ".status.tip.height", priority = "1"),
    printcolumn(
        name = "P50ms",
        type_ = "integer",
        json_path = ".status.reachability.latency.p50Ms",
        priority = "1"
    ),
    printcolumn(name = "Group", type_ = "string", json_path = ".status.suspicion.group.id", priority = "1"),
    printcolumn(
        name = "Finding",
        type_ = "string",
        json_path = ".status.suspicion.findings[0].statement",
        priority = "1",
        description = "What weighs most"
    ),
    printcolumn(name = "Seen", type_ = "date", json_path = ".status.reachability.lastSeen", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rules::network_immutable(),
    rules::host_immutable(),
]))]
pub struct ElectrumServerSpec {
    /// The Bitcoin network that it serves. Cannot be changed.
    #[schemars(with = "NetworkName")]
    pub network: Network,
    /// The host: a name, an address, or a v3 onion. In lower case, without a port. Cannot be changed.
    #[schemars(
        length(min = 2, max = 253),
        regex(pattern = r"^[0-9a-z]([-._:0-9a-z]*[0-9a-z])?$|^[0-9a-f:]+$")
    )]
    pub host: String,
    /// Where it listens.
    #[schemars(length(min = 1, max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["port", "transport"]))]
    pub ports: Vec<Port>,
    /// Leave it alone: nobody visits it or looks its name up. For an opt-out that holds for every campaign and name,
    /// write a ScanExclusion.
    #[serde(default)]
    pub exclude: bool,
    /// The campaign of its namespace that visits it. The operator names the one that found it. Where none is named, of
    /// the campaigns of its network in its namespace the first by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 36))]
    pub campaign: Option<String>,
}

/// A place where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// The port.
    #[schemars(range(min = 1, max = 65_535), extend("format" = "int32"))]
    pub port: u16,
    /// How bytes travel: lines over TCP or TLS (`tcp`, `ssl`), WebSocket messages over TCP or TLS (`ws`, `wss`).
    #[serde(with = "schema::transport")]
    #[schemars(with = "TransportName")]
    pub transport: Transport,
}
