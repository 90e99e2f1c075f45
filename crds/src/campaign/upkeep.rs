//! What a campaign asks, when a server is down, when it is analysed, and what is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Span, rules};

/// What servers are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Probes {
    /// `Light`: who is there, which chain, how fast. `Deep`: the whole catalogue of docs/probes.md.
    pub profile: Profile,
    /// Probes that are not asked, by their ids in docs/probes.md.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9._-]+$")))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub disabled: Vec<String>,
}

/// How much is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Profile {
    /// Who is there, which chain, how fast.
    Light,
    /// Everything.
    #[default]
    Deep,
}

/// How many vantages must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Quorum {
    /// How many vantages must have failed to reach a server before its condition Reachable is False. Where it is not
    /// given: more than half of them. Vantages that abstain do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8))]
    pub vantages: Option<i32>,
}

impl Quorum {
    /// How many of so many vantages must agree.
    #[must_use]
    pub fn of(&self, vantages: usize) -> usize {
        let wanted = self.vantages.and_then(|wanted| usize::try_from(wanted).ok());
        wanted.unwrap_or(vantages / 2 + 1)
    }
}

/// When what was seen is analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Analysis {
    /// When, as cron writes it: minute, hour, day of the month, month, day of the week.
    #[schemars(length(min = 9, max = 100), regex(pattern = rules::CRON))]
    pub schedule: String,
    /// The time zone of the schedule, by its IANA name.
    #[schemars(length(min = 1, max = 64), regex(pattern = rules::TIME_ZONE))]
    pub time_zone: String,
    /// How far back visits are analysed. No longer than `retention.visits`.
    pub window: Span,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { schedule: "17 3 * * *".to_owned(), time_zone: "UTC".to_owned(), window: Span::from_days(30) }
    }
}

/// How long what is known is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rules::positive("unseenServers"),
    rules::positive("visits"),
]))]
pub struct Retention {
    /// How long a server that nobody reaches stays known. The operator then deletes the ElectrumServers that it made;
    /// those that people made stay.
    pub unseen_servers: Span,
    /// How long visits stay in the archive.
    pub visits: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self { unseen_servers: Span::from_days(30), visits: Span::from_days(90) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_number_more_than_half_must_agree() {
        let majority = Quorum::default();
        assert_eq!([1, 2, 3, 4, 5].map(|n| majority.of(n)), [1, 2, 2, 3, 3]);
        assert_eq!(Quorum { vantages: Some(1) }.of(5), 1);
    }
}
