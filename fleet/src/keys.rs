//! The names of all keys in Redis. docs/fleet.md says what is in each. What is in braces decides the slot of a cluster:
//! all keys of a campaign are in one.

use crate::schedule::{Lane, Scope};

/// The keys of a scope, and those its campaign has in common.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    campaign: String,
    scope: String,
    vantage: String,
}

impl Keys {
    pub(crate) fn new(scope: &Scope) -> Self {
        let campaign = campaign(&scope.campaign);
        Self { scope: format!("{campaign}:{}", scope.vantage), campaign, vantage: scope.vantage.clone() }
    }

    pub(crate) fn vantage(&self) -> &str {
        &self.vantage
    }

    pub(crate) fn lane(&self, lane: Lane) -> String {
        format!("{}:lane:{}", self.scope, lane.name())
    }

    pub(crate) fn of_scope(&self, what: &str) -> String {
        format!("{}:{what}", self.scope)
    }

    pub(crate) fn of_campaign(&self, what: &str) -> String {
        format!("{}:{what}", self.campaign)
    }

    pub(crate) fn deep(&self, subject: &str) -> String {
        format!("{}:deep:{subject}", self.campaign)
    }

    pub(crate) fn answer(&self, digest: &str) -> String {
        format!("{}:answer:{digest}", self.campaign)
    }

    /// What every script of the schedule is given, in the order of `common.lua`.
    pub(crate) fn of_schedule(&self) -> Vec<String> {
        let lanes = Lane::ALL.iter().map(|lane| self.lane(*lane));
        let scope = ["claims", "tokens", "listings", "records", "uptime", "workers", "stale", "words"];
        lanes
            .chain(scope.iter().map(|what| self.of_scope(what)))
            .chain([self.of_campaign("token"), self.of_campaign("visits"), self.of_campaign("kept")])
            .collect()
    }
}

/// A key that all vantages of a campaign have in common.
pub(crate) fn of_campaign(name: &str, what: &str) -> String {
    format!("{}:{what}", campaign(name))
}

/// What all keys of a campaign begin with. A brace in a name would end the tag; Kubernetes allows none, and other callers
/// get the nearest thing.
fn campaign(name: &str) -> String {
    format!("eo:{{{}}}", name.replace(['{', '}'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_has_one_slot() {
        let scope = Scope { campaign: "observatory/main}net".to_owned(), vantage: "home".to_owned() };
        let keys = Keys::new(&scope);
        assert_eq!(keys.lane(Lane::Deep), "eo:{observatory/main_net}:home:lane:deep");
        assert!(keys.of_schedule().iter().all(|key| key.starts_with("eo:{observatory/main_net}:")));
    }
}
