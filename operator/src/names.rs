//! What the operator's objects are called, and by which labels they are found again. Names are functions of a campaign
//! and a vantage, so that a second try makes nothing twice.

use std::collections::BTreeMap;

use crds::ElectrumServer;
use kube::ResourceExt as _;

/// Who applies what a campaign is made of.
pub const CAMPAIGN_MANAGER: &str = "electrum-observatory-campaign";
/// Who writes the condition Excluded, and the statuses of exclusions.
pub const EXCLUSION_MANAGER: &str = "electrum-observatory-exclusion";
/// Who writes what visits show: ElectrumServers, their statuses, and how far campaigns have come.
pub const INGEST_MANAGER: &str = "electrum-observatory-ingest";
/// Who writes the condition Stale of ElectrumServers.
pub const RETENTION_MANAGER: &str = "electrum-observatory-retention";
/// The Lease by which replicas agree who writes; also who events are reported by.
pub const OPERATOR: &str = "electrum-observatory-operator";

/// The campaign that an object belongs to.
pub const CAMPAIGN: &str = "electrumobservatory.org/campaign";
/// The vantage that an object belongs to.
pub const VANTAGE: &str = "electrumobservatory.org/vantage";
/// Whether a person, or a list of a person's, named a server.
pub const NAMED: &str = "electrumobservatory.org/named";
/// The network of a server.
pub const NETWORK: &str = "electrumobservatory.org/network";
/// Holds a campaign back until its keys in Redis are gone.
pub const FINALIZER: &str = "electrumobservatory.org/redis";
/// The source that servers which persons made are to the scanners. No source of a user's can have a name like that.
pub const PERSONS: &str = "_servers";
/// An annotation: the digest of what was applied. What was taken out of it since shows by nothing else.
pub const APPLIED: &str = "electrumobservatory.org/applied";
/// An annotation of pods: the digest of what scanners read once, when they start.
pub const RESTART: &str = "electrumobservatory.org/restarts-with";

const NAME: &str = "app.kubernetes.io/name";
const COMPONENT: &str = "app.kubernetes.io/component";
const INSTANCE: &str = "app.kubernetes.io/instance";
const PART_OF: &str = "app.kubernetes.io/part-of";
/// Who made an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const APP: &str = "electrum-observatory";

/// Finds everything that the operator made.
pub const OURS: &str = "app.kubernetes.io/managed-by=electrum-observatory-operator";

/// Whether the operator made a server, and no person did.
#[must_use]
pub fn is_ours(server: &ElectrumServer) -> bool {
    server.labels().get(MANAGED_BY).is_some_and(|by| by == OPERATOR)
}

/// What an object of a campaign is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// What scanners and the analyzer are to do.
    Campaign,
    /// Scanners.
    Scanner,
    /// The analyzer.
    Analyzer,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Scanner => "scanner",
            Self::Analyzer => "analyzer",
        }
    }
}

/// Finds everything of a campaign.
#[must_use]
pub fn of_campaign(campaign: &str) -> String {
    format!("{OURS},{CAMPAIGN}={campaign}")
}

/// The ConfigMap of a campaign.
#[must_use]
pub fn config_map(campaign: &str) -> String {
    format!("{campaign}-campaign")
}

/// The Deployment of a vantage.
#[must_use]
pub fn scanners(campaign: &str, vantage: &str) -> String {
    format!("{campaign}-{vantage}")
}

/// The CronJob of a campaign.
#[must_use]
pub fn analysis(campaign: &str) -> String {
    format!("{campaign}-analysis")
}

/// A Job, which cannot be changed once it is there: another task is another Job. At most 63 characters.
#[must_use]
pub fn once(name: &str, digest: &str) -> String {
    format!("{name}-{}", digest.get(..5).unwrap_or(digest))
}

/// By which a workload knows its pods. Never changes.
#[must_use]
pub fn selector(campaign: &str, component: Component, vantage: Option<&str>) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        [(NAME, APP), (COMPONENT, component.name()), (INSTANCE, campaign), (CAMPAIGN, campaign)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    if let Some(vantage) = vantage {
        labels.insert(VANTAGE.to_owned(), vantage.to_owned());
    }
    labels
}

/// The labels of an object.
#[must_use]
pub fn labels(campaign: &str, component: Component, vantage: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = selector(campaign, component, vantage);
    labels.insert(PART_OF.to_owned(), APP.to_owned());
    labels.insert(MANAGED_BY.to_owned(), OPERATOR.to_owned());
    labels
}

/// The labels of a server that a campaign found.
#[must_use]
pub fn of_server(campaign: &str, network: &str) -> BTreeMap<String, String> {
    [(NAME, APP), (PART_OF, APP), (MANAGED_BY, OPERATOR), (CAMPAIGN, campaign), (NETWORK, network)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_are_short_enough() {
        let (campaign, vantage) = ("c".repeat(36), "v".repeat(20));
        assert!(once(&scanners(&campaign, &vantage), &"f".repeat(64)).len() <= 63);
        // A CronJob's Jobs add eleven characters to its name.
        assert!(analysis(&campaign).len() <= 52);
        assert!(config_map(&campaign).len() <= 63);
    }

    #[test]
    fn what_is_made_is_found() {
        let labels = labels("main", Component::Scanner, Some("here"));
        let found = |term: &str| {
            let (key, value) = term.split_once('=').expect("key=value");
            labels.get(key).is_some_and(|label| label == value)
        };
        assert!(of_campaign("main").split(',').all(found));
    }
}
