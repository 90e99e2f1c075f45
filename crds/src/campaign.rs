//! `ScanCampaign`: a network that is watched, from where, how often and how politely.

mod discovery;
mod politeness;
mod schedule;
mod status;
mod upkeep;
mod vantage;

use electrum::Network;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    discovery::{ConfigMapKey, Discovery, SeedSource},
    politeness::{Budgets, Politeness},
    schedule::{Day, QuietHours, Schedule},
    status::{AnalysisStatus, AnalysisSummary, Counts, Lane, LaneStatus, ScanCampaignStatus, VantageStatus},
    upkeep::{Analysis, Probes, Profile, Quorum, Retention},
    vantage::Vantage,
};
use crate::{rules, schema::NetworkName};

/// A campaign: one Bitcoin network whose Electrum servers are found, visited and judged, by a small fleet of scanners.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "electrumobservatory.org",
    version = "v1alpha1",
    kind = "ScanCampaign",
    namespaced,
    status = "ScanCampaignStatus",
    derive = "PartialEq",
    shortname = "sc",
    category = "observatory",
    doc = "A campaign: one Bitcoin network whose Electrum servers are found, visited and judged, by a small fleet of scanners.",
    validation = rules::campaign_name(),
    selectable = ".spec.network",
    selectable = ".spec.suspend",
    printcolumn(name = "Network", type_ = "string", json_path = ".spec.network", description = "The Bitcoin network"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode", priority = "1"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Servers", type_ = "integer", json_path = ".status.counts.known", description = "Servers that are known"),
    printcolumn(name = "Reachable", type_ = "integer", json_path = ".status.counts.reachable"),
    printcolumn(name = "Suspicious", type_ = "integer", json_path = ".status.counts.suspicious", description = "Servers whose level is suspicious or dishonest"),
    printcolumn(name = "Groups", type_ = "integer", json_path = ".status.counts.groups", description = "Groups of servers that the evidence links"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = "1"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = "1"),
    printcolumn(name = "Analysed", type_ = "date", json_path = ".status.analysis.lastRun", priority = "1", description = "When what was seen was last analysed"),
    printcolumn(name = "Report", type_ = "string", json_path = ".status.analysis.report", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rules::network_immutable(),
    rules::contact_on_mainnet(),
    rules::private_only_on_regtest(),
    rules::onion_needs_proxy(),
    rules::once_does_not_watch(),
    rules::quorum_within_vantages(),
    rules::window_within_retention(),
    rules::floor("schedule.liveness", "1m", "1s"),
    rules::floor("schedule.deep", "15m", "1s"),
    rules::floor("schedule.discovery", "1m", "1s"),
    rules::floor("politeness.budgets.serverSpacing", "10s", "0s"),
    rules::floor("politeness.budgets.subnetSpacing", "10s", "0s"),
    rules::floor("politeness.budgets.asSpacing", "200ms", "0s"),
]))]
pub struct ScanCampaignSpec {
    /// The Bitcoin network whose servers are scanned. Cannot be changed: what was found belongs to it. `mainnet` needs
    /// `politeness.contact`.
    #[schemars(with = "NetworkName")]
    pub network: Network,
    /// Stops every scanner and the analysis. What is known stays, and is taken up again when this is unset.
    #[serde(default)]
    pub suspend: bool,
    /// `Continuous`: scan on the schedule until the campaign is deleted. `Once`: visit every server once, analyse, stop.
    #[serde(default)]
    pub mode: Mode,
    /// How servers are found.
    #[serde(default)]
    pub discovery: Discovery,
    /// When servers are visited.
    #[serde(default)]
    pub schedule: Schedule,
    /// From where servers are visited: for each a Deployment (or, with mode `Once`, a Job) of scanners. At least one,
    /// with names of their own.
    #[schemars(length(min = 1, max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub vantages: Vec<Vantage>,
    /// How the scanners behave towards servers that are not ours.
    #[serde(default)]
    pub politeness: Politeness,
    /// What servers are asked.
    #[serde(default)]
    pub probes: Probes,
    /// How many vantages must agree before a server is said to be down.
    #[serde(default)]
    pub quorum: Quorum,
    /// When what was seen is analysed, and how much of it.
    #[serde(default)]
    pub analysis: Analysis,
    /// How long what is known is kept.
    #[serde(default)]
    pub retention: Retention,
}

/// Whether a campaign goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Until it is deleted or suspended.
    #[default]
    Continuous,
    /// One visit to each server, one analysis.
    Once,
}
