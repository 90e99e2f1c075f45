//! How many servers a campaign knows, by their statuses. Pure.

use std::collections::BTreeMap;

use crds::{
    ElectrumServer, ScanCampaign, belongs,
    campaign::Counts,
    conditions::{self, EXCLUDED},
    server::State,
};
use model::assessment::Level;

/// How many there are.
#[must_use]
pub fn counts<'a>(
    campaign: &ScanCampaign,
    adopts: bool,
    servers: impl IntoIterator<Item = &'a ElectrumServer>,
) -> Counts {
    let mut counts = Counts::default();
    let mut groups: BTreeMap<&str, i32> = BTreeMap::new();
    for server in servers.into_iter().filter(|server| belongs(server, campaign, adopts)) {
        counts.known += 1;
        let Some(status) = &server.status else { continue };
        let reachable = status.reachability.as_ref().is_some_and(|reach| reach.state == State::Reachable);
        counts.reachable += i32::from(reachable);
        counts.excluded += i32::from(conditions::holds(&status.conditions, EXCLUDED));
        if let Some(suspicion) = &status.suspicion {
            counts.suspicious += i32::from(matches!(suspicion.level, Level::Suspicious | Level::Dishonest));
            if let Some(group) = &suspicion.group {
                *groups.entry(&group.id).or_default() += 1;
            }
        }
    }
    counts.groups =
        i32::try_from(groups.values().filter(|members| **members > 1).count()).unwrap_or(i32::MAX);
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn campaign(name: &str) -> ScanCampaign {
        serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign",
            "metadata": {"name": name, "namespace": "scans"},
            "spec": {"network": "testnet4", "vantages": [{"name": "here"}]},
        }))
        .expect("a campaign")
    }

    fn server(host: &str, of: Option<&str>, status: &serde_json::Value) -> ElectrumServer {
        serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": host, "namespace": "scans"},
            "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}], "campaign": of},
            "status": status,
        }))
        .expect("a server")
    }

    #[test]
    fn servers_are_counted_by_their_statuses() {
        let suspicion = |level: &str, score: i32| {
            json!({"suspicion": {"score": score, "level": level, "confidence": 0.9, "group": {"id": "g", "size": 2, "posterior": 0.9},
                "analyzedAt": "2026-01-01T00:00:00Z", "model": "1", "evidenceDigest": "0".repeat(64)},
                "reachability": {"state": "Reachable"}})
        };
        let excluded = json!({"conditions": [{"type": "Excluded", "status": "True", "reason": "Asked", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        let servers = [
            server("a.example", Some("main"), &suspicion("dishonest", 90)),
            server("b.example", None, &suspicion("notable", 12)),
            server("c.example", Some("other"), &json!({})),
            server("d.example", None, &excluded),
        ];
        let counts = |adopts| counts(&campaign("main"), adopts, &servers);
        let all = Counts { known: 3, reachable: 2, suspicious: 1, groups: 1, excluded: 1 };
        assert_eq!(counts(true), all);
        assert_eq!(counts(false), Counts { known: 1, reachable: 1, suspicious: 1, groups: 0, excluded: 0 });
    }
}
