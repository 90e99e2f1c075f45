//! When a campaign visits servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Span, rules};

/// How often each lane visits a server. Durations are `90s`, `10m`, `1h30m`, `30d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Schedule {
    /// How often a server is asked who is there and which chain it is on. At least `1m`; on regtest `1s`.
    pub liveness: Span,
    /// How often a server is asked everything that `probes` allows. At least `15m`; on regtest `1s`.
    pub deep: Span,
    /// How often a server is asked for its peers. At least `1m`; on regtest `1s`.
    pub discovery: Span,
    /// Also stay connected to a few servers and listen for new blocks. Not with mode `Once`.
    pub watch: bool,
    /// By how many percent of its interval a visit may come early or late, so that visits do not bunch.
    #[schemars(range(min = 0, max = 50))]
    pub jitter: i32,
    /// When nobody is visited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub quiet_hours: Vec<QuietHours>,
    /// The time zone of the quiet hours, by its IANA name: `Europe/Zurich`.
    #[schemars(length(min = 1, max = 64), regex(pattern = rules::TIME_ZONE))]
    pub time_zone: String,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            liveness: Span::from_mins(10),
            deep: Span::from_hours(6),
            discovery: Span::from_hours(1),
            watch: false,
            jitter: 10,
            quiet_hours: Vec::new(),
            time_zone: "UTC".to_owned(),
        }
    }
}

/// A part of the day in which nobody is visited. Where it ends before it begins it lasts past midnight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rules::quiet_hours_last(),
]))]
pub struct QuietHours {
    /// The minute in which it begins: `22:00`.
    #[schemars(length(max = 5), regex(pattern = rules::CLOCK))]
    pub from: String,
    /// The minute in which visits begin again: `06:00`.
    #[schemars(length(max = 5), regex(pattern = rules::CLOCK))]
    pub to: String,
    /// The days on which it begins; every day where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub days: Vec<Day>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "everybody knows them")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
