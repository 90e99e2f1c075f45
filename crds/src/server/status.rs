//! What is known of a server by visiting it.

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use model::{Outcome, finding::Digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Suspicion;
use crate::{
    Text, rules,
    schema::{AddressText, Conditions, DigestText, Moment, OutcomeName},
};

/// What is known of a server. Written by the operator; `suspicion` by the analyzer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElectrumServerStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Reachable: as many vantages as the campaign's quorum agree. Excluded: nobody visits it, and the message says who
    /// wished it. Suspicious: its level is suspicious or dishonest. Stale: it was not seen for long, and will be forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Conditions")]
    pub conditions: Vec<Condition>,
    /// Whether it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachability: Option<Reachability>,
    /// Its addresses, as last resolved, and where they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["ip"]))]
    pub addresses: Vec<Address>,
    /// What it claims to be, and what it speaks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Software>,
    /// The versions of the Electrum protocol that it says it speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// What it shows when it shakes hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The block that it last said is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Tip>,
    /// What it says of itself (`server.features`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// What is held against it. Written by the analyzer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<Suspicion>,
}

/// Whether a server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// It answers at one vantage or more.
    Reachable,
    /// As many vantages as the quorum agree that it does not.
    Unreachable,
    /// Nobody has visited it yet, or too few vantages have anything to say.
    #[default]
    Unknown,
}

/// Whether a server answers, and since when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reachability {
    /// The verdict of the vantages together.
    pub state: State,
    /// When it first answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub first_seen: Option<Timestamp>,
    /// When it last answered, refreshed once an hour while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub last_seen: Option<Timestamp>,
    /// How many of its visits it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
    /// What each vantage says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["vantage"]))]
    pub vantages: Vec<Verdict>,
    /// How long it takes to answer, over a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// Percent of the visits that a server answered, rounded to a tenth. None where nobody visited it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Uptime {
    /// Of the last 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub day: Option<f64>,
    /// Of the last 7 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub week: Option<f64>,
    /// Of the last 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub month: Option<f64>,
}

/// What one vantage says of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The vantage.
    #[schemars(length(max = 20), regex(pattern = rules::LABEL))]
    pub vantage: String,
    /// Whether it answers there. `Unknown` where the vantage abstains.
    pub state: State,
    /// How the visit ended that the verdict rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OutcomeName>")]
    pub outcome: Option<Outcome>,
    /// Since when it says so.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
}

/// Milliseconds from a question to its answer, over the last 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half of the answers are faster.
    #[schemars(range(min = 0))]
    pub p50_ms: i32,
    /// 95 in a hundred answers are faster.
    #[schemars(range(min = 0))]
    pub p95_ms: i32,
}

/// An address, and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The address.
    #[schemars(with = "AddressText")]
    pub ip: IpAddr,
    /// The number of its autonomous system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    pub asn: Option<i64>,
    /// Who runs that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Text<40>>,
    /// ISO 3166, two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2), regex(pattern = "^[A-Z]{2}$"))]
    pub country: Option<String>,
    /// Where on earth, where the database is one of cities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A spot on earth, to a tenth of a degree: databases know of addresses no better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Degrees north of the equator: its latitude.
    #[schemars(range(min = -90, max = 90))]
    pub lat: f64,
    /// Degrees east of Greenwich: its longitude.
    #[schemars(range(min = -180, max = 180))]
    pub lon: f64,
}

/// A claim, and what the bytes say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Software {
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Text<60>>,
    /// What it speaks like; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identified: Option<Identified>,
    /// How sure that is, from 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
}

/// Versions of one implementation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identified {
    /// `ElectrumX`.
    #[schemars(length(max = 32), regex(pattern = rules::PLAIN))]
    pub name: String,
    /// The oldest that fits; `0` where no version is too old.
    #[schemars(length(max = 24), regex(pattern = rules::PLAIN))]
    pub min: String,
    /// The newest that fits; none where no version is too new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = rules::PLAIN))]
    pub max: Option<String>,
}

/// A range of protocol versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// The oldest.
    pub min: Text<12>,
    /// The newest.
    pub max: Text<12>,
}

/// What a server shows when it shakes hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Whom the certificate names.
    pub subject: Text<80>,
    /// Who is said to have signed it.
    pub issuer: Text<80>,
    /// SHA-256 of its public key, in hex.
    #[schemars(with = "DigestText")]
    pub spki_sha256: Digest,
    /// The first second of its validity.
    #[schemars(with = "Moment")]
    pub not_before: Timestamp,
    /// The last second of its validity.
    #[schemars(with = "Moment")]
    pub not_after: Timestamp,
    /// Whether subject and issuer are one name.
    pub self_signed: bool,
}

/// A block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tip {
    /// Its height.
    #[schemars(range(min = 0))]
    pub height: i64,
    /// Its hash, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^[0-9a-f]{64}$"))]
    pub hash: Option<String>,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// The hash of the first block of its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_hash: Option<Text<64>>,
    /// The hash of scripts that it indexes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_function: Option<Text<16>>,
    /// How many blocks it keeps, where it prunes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<i64>,
    /// How many names it says it has.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub hosts: i32,
}
