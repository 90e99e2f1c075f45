//! Which servers are a campaign's.

use kube::ResourceExt as _;

use crate::{ElectrumServer, ScanCampaign};

/// Whether servers that name no campaign are this one's: of the campaigns of their network in their namespace it is
/// the first by name.
#[must_use]
pub fn adopts<'a>(campaign: &ScanCampaign, all: impl IntoIterator<Item = &'a ScanCampaign>) -> bool {
    let (name, namespace) = (campaign.name_any(), campaign.namespace());
    !all.into_iter().any(|other| {
        other.namespace() == namespace
            && other.spec.network == campaign.spec.network
            && other.name_any() < name
    })
}

/// Whether a server is this campaign's, which [`adopts`] those that name none, or does not.
#[must_use]
pub fn belongs(server: &ElectrumServer, campaign: &ScanCampaign, adopts: bool) -> bool {
    server.namespace() == campaign.namespace()
        && match &server.spec.campaign {
            Some(named) => *named == campaign.name_any(),
            None => adopts && server.spec.network == campaign.spec.network,
        }
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

    fn server(namespace: &str, network: &str, of: Option<&str>) -> ElectrumServer {
        serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": "s", "namespace": namespace},
            "spec": {"network": network, "host": "s.example", "ports": [{"port": 50002, "transport": "ssl"}], "campaign": of},
        }))
        .expect("a server")
    }

    #[test]
    fn who_names_no_campaign_is_the_first_ones() {
        let (first, second) = (campaign("a"), campaign("b"));
        let all = [first.clone(), second.clone()];
        assert!(adopts(&first, &all));
        assert!(!adopts(&second, &all));
        for (server, of_first, of_second) in [
            (server("scans", "testnet4", None), true, false),
            (server("scans", "testnet4", Some("b")), false, true),
            (server("scans", "signet", None), false, false),
            (server("others", "testnet4", Some("a")), false, false),
        ] {
            assert_eq!(belongs(&server, &first, true), of_first);
            assert_eq!(belongs(&server, &second, false), of_second);
        }
    }
}
