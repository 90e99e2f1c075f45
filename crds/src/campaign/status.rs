//! What a campaign's owner is told.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Text, rules,
    schema::{Conditions, Moment},
};

/// What is known of a campaign. Written by the operator; `analysis` by the analyzer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanCampaignStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: everything that the campaign needs is there and runs. Progressing: something is being changed. Degraded:
    /// something is wrong, and the message says what to do. Stale: no visits have come in for longer than they should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Conditions")]
    pub conditions: Vec<Condition>,
    /// How many servers there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How the scanners of each vantage are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub vantages: Vec<VantageStatus>,
    /// How far each lane has come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub lanes: Vec<LaneStatus>,
    /// What the latest analysis found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<AnalysisStatus>,
}

/// How many servers there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Servers that are known.
    #[schemars(range(min = 0))]
    pub known: i32,
    /// Servers that are reachable.
    #[schemars(range(min = 0))]
    pub reachable: i32,
    /// Servers whose level is suspicious or dishonest.
    #[schemars(range(min = 0))]
    pub suspicious: i32,
    /// Groups of two and more servers that the evidence links.
    #[schemars(range(min = 0))]
    pub groups: i32,
    /// Servers that are left alone because a ScanExclusion or they themselves wish it.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub excluded: i32,
}

/// How the scanners of a vantage are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VantageStatus {
    /// The vantage.
    #[schemars(length(max = 20), regex(pattern = rules::LABEL))]
    pub name: String,
    /// Scanners that there should be.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// Scanners that are ready.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// Whether it says of nobody that they are down, because none of its canaries answers.
    #[serde(default)]
    pub abstains: bool,
    /// When its latest visit came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub last_visit: Option<Timestamp>,
    /// What is wrong with it, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<120>>,
}

/// Why servers are visited: a timetable of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Lane {
    /// Who is there.
    Liveness,
    /// Everything there is to ask.
    Deep,
    /// Whom they know.
    Discovery,
    /// Listening for new blocks.
    Watch,
}

/// How far a lane has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneStatus {
    /// The lane.
    pub name: Lane,
    /// When every server had last been visited once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub last_sweep: Option<Timestamp>,
    /// How late the visit that waits longest is, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub lag_seconds: i64,
    /// Visits that are due.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub due: i32,
}

/// What the latest analysis found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisStatus {
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub last_run: Option<Timestamp>,
    /// Its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<AnalysisSummary>,
    /// Where its report is: a URL or a path in the reports volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Text<240>>,
    /// The version of the model that it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<40>>,
}

/// Figures of an analysis; all of them are in the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisSummary {
    /// Servers that were judged.
    #[schemars(range(min = 0))]
    pub servers: i32,
    /// Visits that they were judged by.
    #[schemars(range(min = 0))]
    pub visits: i64,
    /// Servers of level clear.
    #[schemars(range(min = 0))]
    pub clear: i32,
    /// Servers of level notable.
    #[schemars(range(min = 0))]
    pub notable: i32,
    /// Servers of level suspicious.
    #[schemars(range(min = 0))]
    pub suspicious: i32,
    /// Servers of level dishonest.
    #[schemars(range(min = 0))]
    pub dishonest: i32,
    /// How many operators of equal size would make a network as concentrated as this one: the inverse of the
    /// Herfindahl–Hirschman index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub effective_operators: Option<f64>,
    /// How many operators have together more than half of the servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub nakamoto50: Option<i32>,
}
