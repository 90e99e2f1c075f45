//! Indicators of a server among all: I32, I33.

use model::finding::{Indicator, Tier};

use super::{Definition, Found};
use crate::survey::Case;

/// Servers of a large group, and the share of all that they must be.
const LARGE: usize = 5;
const ONE_IN: usize = 20;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(32),
        tier: Tier::Medium,
        weight: 10,
        title: "behaves like no other of its software",
        caveat: "Rare versions and unusual settings do as well; one in twenty of those named is expected to be chance.",
        find: outlier,
    },
    Definition {
        indicator: Indicator::new(33),
        tier: Tier::Medium,
        weight: 20,
        title: "belongs to a large group that does not say that it is one",
        caveat: "Who runs many servers may mean well; the evidence is consistent with their being run together.",
        find: large_group,
    },
];

fn outlier(case: &Case<'_, '_>) -> Option<Found> {
    let outlier = case.survey.behaviour.outliers.get(case.place)?.as_ref()?;
    Some(Found {
        statement: format!(
            "It differs from its nearest neighbours among {} servers that call themselves {} in {:.0} % of what was \
             asked.",
            outlier.compared,
            electrum::text::printable(&outlier.stratum, 40),
            outlier.distance * 100.0
        ),
        evidence: case.server().anchors(),
    })
}

fn large_group(case: &Case<'_, '_>) -> Option<Found> {
    let group = case.survey.attribution.group_of(case.place)?;
    let (size, all) = (group.members.len(), case.survey.servers.len());
    let large = size >= LARGE && size * ONE_IN >= all;
    let kinds: Vec<String> =
        group.evidence.iter().take(3).map(|evidence| evidence.kind.to_string()).collect();
    (large && !group.declared).then(|| Found {
        statement: format!(
            "It is consistent with being one of {size} servers out of {all} that are run together and do not say so \
             ({}).",
            kinds.join(", ")
        ),
        evidence: case.server().anchors(),
    })
}

#[cfg(test)]
mod tests {
    use model::Visit;

    use crate::{
        indicators::tests::found,
        testing::{answers, certificate, fees},
    };

    /// A fleet of so many on one node, with certificates of one series, and thirty others.
    fn network(fleet: u32, hosts: &str) -> Vec<Visit> {
        (0..30 + fleet)
            .map(|n| {
                let of_fleet = n < fleet;
                let endpoint = format!("ssl://192.{n}.2.1:50002");
                let rates =
                    if of_fleet { [9_000, 7_000, 4_000, 2_000] } else { [9_001 + n, 7_001, 4_001, 2_001] };
                let mut visit = fees(&endpoint, 0, 7, &rates);
                let said = answers(&endpoint, 0, &[("H1", r#"["x 1","1.4"]"#), ("M1", hosts)]);
                visit.exchanges.extend(said.exchanges);
                let name = if of_fleet { format!("node-{n}") } else { format!("192.{n}.2.1") };
                certificate(
                    visit,
                    &name,
                    1_001 + i64::from(n) * if of_fleet { 10 } else { 5_000 },
                    &n.to_string(),
                )
            })
            .collect()
    }

    #[test]
    fn i33_fires_for_five_in_a_hundred_that_do_not_say_so() {
        let visits = network(6, "{}");
        assert!(
            found(33, &visits, "192.0.2.1")
                .is_some_and(|found| found.statement.contains("6 servers out of 36"))
        );
        assert!(found(33, &visits, "192.20.2.1").is_none());
        assert!(found(33, &network(4, "{}"), "192.0.2.1").is_none(), "four are few");
    }

    #[test]
    fn i33_does_not_mean_those_who_say_so() {
        let hosts: Vec<String> = (0..6).map(|n| format!(r#""192.{n}.2.1":{{}}"#)).collect();
        let visits = network(6, &format!(r#"{{"hosts":{{{}}}}}"#, hosts.join(",")));
        assert!(found(33, &visits, "192.0.2.1").is_none());
    }

    #[test]
    fn i32_fires_for_who_behaves_like_nobody_else() {
        let said = |n: u8, odd: bool| {
            let features =
                format!(r#"{{"protocol_min":"{}","protocol_max":"1.4"}}"#, if odd { "1.1" } else { "1.4" });
            let peers = if odd { "[]" } else { r#"[["","a.example",[]]]"# };
            let fee = if odd { "0.00005" } else { "0.00001" };
            let said = [("H1", r#"["x 1","1.4"]"#), ("M1", &*features), ("M4", peers), ("M7", fee)];
            let visit = answers(&format!("ssl://192.{n}.2.1:50002"), 0, &said);
            certificate(visit, &format!("192.{n}.2.1"), 1_001, &n.to_string())
        };
        let visits: Vec<Visit> = (0..30).map(|n| said(n, n == 7)).collect();
        assert!(found(32, &visits, "192.7.2.1").is_some() && found(32, &visits, "192.8.2.1").is_none());
        assert!(found(32, &visits[..12], "192.7.2.1").is_none(), "twelve give no verdict");
    }
}
