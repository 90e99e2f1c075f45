//! Indicators of when a server was up: I21, I22.

use jiff::SignedDuration;
use model::finding::{Indicator, Tier};

use super::{Definition, Found};
use crate::{survey::Case, text::plural};

/// Visits, and the time they must span, before so few failures mean anything.
const VISITS: u32 = 1_000;
const SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Outages that began together with those of a server elsewhere.
const TOGETHER: usize = 3;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(21),
        tier: Tier::Soft,
        weight: 3,
        title: "is never down",
        caveat: "Commercial hosting is good; many honest servers are never down.",
        find: never_down,
    },
    Definition {
        indicator: Indicator::new(22),
        tier: Tier::Medium,
        weight: 15,
        title: "fails together with servers elsewhere",
        caveat: "Networks fail as well, and machines restart at usual hours. Outages in one region or autonomous system are \
                 not counted, nor as many as chance explains.",
        find: fails_together,
    },
];

fn never_down(case: &Case<'_, '_>) -> Option<Found> {
    let (mut up, mut down, mut long) = (0_u32, 0_u32, SignedDuration::ZERO);
    for uptime in case.server().dossiers().map(|dossier| &dossier.uptime) {
        (up, down) = (up.saturating_add(uptime.up), down.saturating_add(uptime.down));
        if let (Some(first), Some(last)) = (uptime.first, uptime.last_up) {
            long = long.max(last.duration_since(first));
        }
    }
    // More than 99.99 %.
    let always = u64::from(down) * 10_000 < u64::from(up) + u64::from(down);
    (always && up >= VISITS && long >= SPAN).then(|| Found {
        statement: format!("It answered {up} of {} visits.", u64::from(up) + u64::from(down)),
        evidence: case.server().anchors(),
    })
}

fn fails_together(case: &Case<'_, '_>) -> Option<Found> {
    let attribution = &case.survey.attribution;
    let companions = attribution.companions.get(case.place)?;
    let apart = |other: usize| attribution.declared[other] != attribution.declared[case.place];
    let often = companions.iter().filter(|(other, times)| *times >= TOGETHER && apart(*other)).count();
    let outages = case.server().dossiers().flat_map(|dossier| &dossier.uptime.outages);
    (often > 0).then(|| Found {
        statement: format!(
            "At least {TOGETHER} of its outages began together with those of {} elsewhere.",
            plural(often, "other")
        ),
        evidence: outages.map(|outage| outage.evidence).collect(),
    })
}

#[cfg(test)]
mod tests {
    use model::{Outcome, Visit};

    use crate::{indicators::tests::found, testing::light};

    /// Visits every ten minutes; a server is down for two visits from each of these on.
    fn watched(host: &str, down: &[i64]) -> Vec<Visit> {
        let failing = |n: i64| down.iter().any(|first| (*first..first + 2).contains(&n));
        (0..100)
            .map(|n| {
                let mut visit = light(&format!("tcp://{host}:50001"), n * 600);
                visit.outcome = if failing(n) { Outcome::ConnectionRefused } else { Outcome::Answered };
                visit
            })
            .collect()
    }

    fn network(hosts: [&str; 2], outages: &[&[i64]; 2]) -> Vec<Visit> {
        let mut visits: Vec<Visit> =
            hosts.iter().zip(outages).flat_map(|(host, outages)| watched(host, outages)).collect();
        visits.extend((0..40).flat_map(|n| watched(&format!("203.{n}.113.1"), &[])));
        visits
    }

    #[test]
    fn i22_fires_for_three_outages_together_in_different_places() {
        let visits = network(["192.0.2.1", "198.51.100.1"], &[&[10, 30, 60], &[10, 30, 60]]);
        assert!(found(22, &visits, "192.0.2.1").is_some() && found(22, &visits, "198.51.100.1").is_some());
        assert!(found(22, &visits, "203.7.113.1").is_none());
    }

    #[test]
    fn i22_does_not_mean_outages_of_everybody() {
        let all = (0..40)
            .flat_map(|n| watched(&format!("203.{n}.113.1"), if n < 20 { &[10, 30, 60] } else { &[] }));
        assert!(found(22, &all.collect::<Vec<_>>(), "203.1.113.1").is_none());
    }

    #[test]
    fn i22_does_not_mean_one_datacentre_nor_two_outages() {
        let place = network(["192.0.2.1", "192.0.3.1"], &[&[10, 30, 60], &[10, 30, 60]]);
        assert!(found(22, &place, "192.0.2.1").is_none());
        let twice = network(["192.0.2.1", "198.51.100.1"], &[&[10, 30, 60], &[10, 31, 60]]);
        assert!(found(22, &twice, "192.0.2.1").is_none());
    }

    #[test]
    fn i21_takes_a_thousand_visits_in_a_month() {
        let month = |fails: bool| {
            let visits = (0..1_100).map(|n| {
                let mut visit =
                    crate::testing::answers("tcp://192.0.2.1:50001", n * 3_600, &[("H1", r#"["x","1.4"]"#)]);
                if fails && n == 500 {
                    visit.outcome = Outcome::TimedOut;
                }
                visit
            });
            visits.collect::<Vec<_>>()
        };
        assert!(found(21, &month(false), "192.0.2.1").is_some());
        assert!(found(21, &month(true), "192.0.2.1").is_none());
        assert!(found(21, &month(false)[..900], "192.0.2.1").is_none());
    }
}
