//! `ScanExclusion`: a wish to be left alone, which every campaign honours.

#![expect(clippy::duplicated_attributes, reason = "each column has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{rules, schema::Conditions};

/// Who is to be left alone. Every campaign of the cluster honours it at once: nobody visits them or looks up their
/// names.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "electrumobservatory.org",
    version = "v1alpha1",
    kind = "ScanExclusion",
    status = "ScanExclusionStatus",
    derive = "PartialEq",
    shortname = "sx",
    category = "observatory",
    doc = "Who is to be left alone. Every campaign of the cluster honours it at once: nobody visits them or looks up their names.",
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason"),
    printcolumn(
        name = "Servers",
        type_ = "integer",
        json_path = ".status.servers",
        description = "Known servers that it covers"
    ),
    printcolumn(
        name = "Applied",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Applied\")].status",
        description = "Whether every campaign has it"
    ),
    printcolumn(name = "Hosts", type_ = "string", json_path = ".spec.hosts", priority = "1"),
    printcolumn(name = "Domains", type_ = "string", json_path = ".spec.domains", priority = "1"),
    printcolumn(name = "CIDRs", type_ = "string", json_path = ".spec.cidrs", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rules::excludes_somebody(),
]))]
pub struct ScanExclusionSpec {
    /// Hosts, exactly these: `electrum.example.org`, `192.0.2.7`, an onion. Ports play no part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 253), regex(pattern = r"^\[?[^\s/\[\]*]+\]?$"))
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub hosts: Vec<String>,
    /// Domains, each with every name beneath it: `example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 253), regex(pattern = r"^[^\s/:.*][^\s/:*]*$"))
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub domains: Vec<String>,
    /// Networks, each with every address in it: `192.0.2.0/24`, `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 4, max = 50), regex(pattern = "^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub cidrs: Vec<String>,
    /// Why, for whoever wonders later. It shows on the servers that it covers.
    #[schemars(length(min = 3, max = 120), regex(pattern = r"^\P{Cc}*$"))]
    pub reason: String,
}

/// How far an exclusion has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanExclusionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Applied: the scanners of every campaign have it; where it is False the message says what is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Conditions")]
    pub conditions: Vec<Condition>,
    /// Known servers that it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub servers: Option<i32>,
}
