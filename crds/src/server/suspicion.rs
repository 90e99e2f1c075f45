//! What is held against a server: the summary. The evidence is in the archive, by digest.

use jiff::Timestamp;
use model::{
    assessment::Level,
    finding::{Digest, Indicator, Tier},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Text, rules,
    schema::{DigestText, IndicatorName, LevelName, Moment, TierName},
};

/// What is held against a server, and what that rests on. `observatory replay` recomputes it from the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspicion {
    /// 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub score: i32,
    /// The band of the score: clear (0–9), notable (10–29), suspicious (30–79), dishonest (80–100).
    #[schemars(with = "LevelName")]
    pub level: Level,
    /// How sure that is, from 0 to 1: 1 where it is dishonest, else the more visits the more, and half with ten.
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// The group of servers that the evidence links it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// What weighs most, the weightiest first: at most ten. All of it is in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub findings: Vec<Finding>,
    /// When it was concluded. What is concluded again is written where it is something else, or after a week.
    #[schemars(with = "Moment")]
    pub analyzed_at: Timestamp,
    /// The version of the model that concluded it.
    #[schemars(length(max = 40), regex(pattern = rules::PLAIN))]
    pub model: String,
    /// SHA-256 of what it was concluded from.
    #[schemars(with = "DigestText")]
    pub evidence_digest: Digest,
    /// Visits that it was concluded from.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub visits: i64,
}

/// Membership of a group of servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The group's id, which stays the same from run to run as long as most members do.
    #[schemars(length(max = 40), regex(pattern = rules::PLAIN))]
    pub id: String,
    /// Servers in it.
    #[schemars(range(min = 2))]
    pub size: i32,
    /// How probable it is, by the evidence, that they belong together: from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub posterior: f64,
}

/// Something that is held against a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The indicator: a number of docs/indicators.md.
    #[schemars(with = "IndicatorName")]
    pub indicator: Indicator,
    /// How much it can say: soft ones alone never make a server suspicious, a hard one makes it dishonest.
    #[schemars(with = "TierName")]
    pub tier: Tier,
    /// Its points, from which the score is made.
    #[schemars(range(min = 0, max = 100))]
    pub weight: f64,
    /// What was seen, in plain words.
    pub statement: Text<120>,
    /// Digests of the exchanges that it rests on: `observatory verify DIGEST`. At most two; all are in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<DigestText>", length(max = 2))]
    pub evidence: Vec<Digest>,
}
