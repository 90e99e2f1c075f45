//! What happens to the servers of a group as time goes on. Days count from the first on which anybody looks.

use std::num::NonZeroU32;

use serde::Deserialize;

/// When servers are down.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outages {
    /// How often in 30 days.
    pub per_30_days: NonZeroU32,
    /// How long, in the mean: from half of it to half as much again.
    pub minutes: NonZeroU32,
    /// All who say this name are down together. None: each on its own.
    #[serde(rename = "with")]
    pub together: Option<String>,
}

/// When servers become other software. Each does at a moment of its own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Upgrade {
    /// The day.
    pub day: u32,
    /// The grammar, by name and version.
    pub to: String,
    /// The first and the last of them are so many minutes apart at most.
    pub within_minutes: NonZeroU32,
}
