//! What is told of a campaign by its visits: how far its lanes are, when each vantage was last heard of, and whether
//! visits come in at all. Pure.

use std::collections::BTreeMap;

use crds::{
    ScanCampaign,
    campaign::{Lane, LaneStatus, Mode},
};
use fleet::schedule::{self, Status};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use scanner::work::cadence::Cadence;
use serde_json::{Value, json};

use crds::conditions::{Holds, Said};

/// The condition of a campaign whose visits do not come in.
pub const STALE: &str = "Stale";
/// How often lanes and latest visits are written where nothing else has changed.
pub const REFRESH: SignedDuration = SignedDuration::from_mins(5);
/// The least silence that is worth telling.
const LEAST: SignedDuration = SignedDuration::from_mins(10);

/// What was heard of one vantage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// When its latest visit began.
    pub last: Option<Timestamp>,
    /// Whether it took its own network to be broken then.
    pub abstains: bool,
}

/// What was last said to be so: written again where it differs, else after [`REFRESH`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gist {
    stale: Option<String>,
    /// The vantages, and whether each abstains.
    vantages: Vec<(String, bool)>,
}

/// What is to be told, and the gist of it.
#[must_use]
pub fn told(
    campaign: &ScanCampaign,
    heard: &BTreeMap<String, Heard>,
    scopes: &[Status],
    now: Timestamp,
) -> (Value, Gist) {
    let status = campaign.status.clone().unwrap_or_default();
    let listed: Vec<&str> = status.vantages.iter().map(|vantage| vantage.name.as_str()).collect();
    let stale = stale(campaign, heard, now);
    let gist = Gist {
        stale: stale.as_ref().map(|stale| stale.reason.to_owned()),
        vantages: heard
            .iter()
            .filter(|(name, _)| listed.contains(&name.as_str()))
            .map(|(name, heard)| (name.clone(), heard.abstains))
            .collect(),
    };
    let condition = stale.map(|said| said.after(&status.conditions, campaign.metadata.generation, now));
    // Of those that are listed alone: whoever lists them says how many scanners there are to be.
    let vantages: Vec<Value> = heard
        .iter()
        .filter(|(name, _)| listed.contains(&name.as_str()))
        .map(|(name, heard)| {
            let mut vantage = json!({"name": name, "abstains": heard.abstains});
            if let Some(last) = heard.last {
                vantage["lastVisit"] = json!(Timestamp::from_second(last.as_second()).unwrap_or(last));
            }
            vantage
        })
        .collect();
    let lanes: Vec<LaneStatus> = schedule::Lane::ALL
        .into_iter()
        .filter_map(|lane| progress(lane, scopes, &status.lanes, now))
        .collect();
    (json!({"conditions": condition.as_slice(), "vantages": vantages, "lanes": lanes}), gist)
}

fn progress(
    lane: schedule::Lane,
    scopes: &[Status],
    before: &[LaneStatus],
    now: Timestamp,
) -> Option<LaneStatus> {
    let name = match lane {
        schedule::Lane::Liveness => Lane::Liveness,
        schedule::Lane::Deep => Lane::Deep,
        schedule::Lane::Discovery => Lane::Discovery,
        schedule::Lane::Watch => Lane::Watch,
    };
    let of: Vec<_> = scopes
        .iter()
        .flat_map(|scope| &scope.lanes)
        .filter(|status| status.lane == lane && status.subjects > 0)
        .collect();
    let lag = of.iter().map(|status| status.lag).max()?;
    let waiting: u64 = of.iter().map(|status| status.due).sum();
    let known = before.iter().find(|status| status.name == name).and_then(|status| status.last_sweep);
    Some(LaneStatus {
        name,
        // Where nobody waits everybody had a turn.
        last_sweep: if waiting == 0 { Timestamp::from_second(now.as_second()).ok() } else { known },
        lag_seconds: i64::try_from(lag.as_secs()).unwrap_or(i64::MAX),
        due: i32::try_from(waiting).unwrap_or(i32::MAX),
    })
}

/// Whether visits come in as they should; nothing where none are to.
fn stale(campaign: &ScanCampaign, heard: &BTreeMap<String, Heard>, now: Timestamp) -> Option<Said> {
    let spec = &campaign.spec;
    let cadence = Cadence::of(&spec.schedule).ok()?;
    if spec.suspend || spec.mode == Mode::Once || cadence.quiet_until(now).is_some() {
        return None;
    }
    let interval = SignedDuration::try_from(cadence.interval(schedule::Lane::Liveness)).ok()?;
    let most = (interval * 3).max(LEAST);
    let created = campaign.creation_timestamp().map(|time| time.0);
    let last = heard.values().filter_map(|heard| heard.last).max().max(created)?;
    let minutes = most.as_mins();
    let (holds, reason, message) = if now.duration_since(last) > most {
        let message =
            format!("no visit came in for more than {minutes} minutes: see the scanners' pods and Redis");
        (Holds::True, "NoVisits", message)
    } else {
        (Holds::False, "VisitsComeIn", format!("visits came in within {minutes} minutes"))
    };
    Some(Said { of: STALE, holds, reason, message })
}

#[cfg(test)]
mod tests;
