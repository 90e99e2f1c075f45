//! Indicators of certificates: I23, I24, I25.

use model::finding::{Digest, Indicator, Tier};

use super::{Definition, Found};
use crate::{survey::Case, text::plural};

/// Certificates of a series besides its own.
const SERIES: usize = 2;
/// Days that certificates of authorities are good for at the most.
const LONG: i64 = 825;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(23),
        tier: Tier::Medium,
        weight: 10,
        title: "shares a private key with servers that do not say so",
        caveat: "Load balancers do, images with a key in them, and whoever forwards a port to somebody else's server.",
        find: shared_key,
    },
    Definition {
        indicator: Indicator::new(24),
        tier: Tier::Medium,
        weight: 15,
        title: "shows a certificate of a series",
        caveat: "One who sets up several servers makes their certificates with one tool. Only servers that other evidence links \
                 are counted.",
        find: series,
    },
    Definition {
        indicator: Indicator::new(25),
        tier: Tier::Soft,
        weight: 1,
        title: "shows a certificate of its own making, good for years",
        caveat: "Normal: most Electrum servers do.",
        find: own_making,
    },
];

fn certificates(case: &Case<'_, '_>) -> Vec<Digest> {
    case.server().dossiers().filter_map(|dossier| Some(dossier.tls.leaves.latest()?.evidence)).collect()
}

fn shared_key(case: &Case<'_, '_>) -> Option<Found> {
    let others = *case.survey.attribution.holders.get(case.place)?;
    (others > 0).then(|| Found {
        statement: format!(
            "{}, to which it says no relation, proved to hold a key of its own.",
            plural(others, "other server")
        ),
        evidence: certificates(case),
    })
}

fn series(case: &Case<'_, '_>) -> Option<Found> {
    let others = *case.survey.attribution.series.get(case.place)?;
    (others >= SERIES).then(|| Found {
        statement: format!(
            "Its certificate is one of a series: those of {others} other servers have its name but for the digits, and \
             each was made within a minute of the next."
        ),
        evidence: certificates(case),
    })
}

fn own_making(case: &Case<'_, '_>) -> Option<Found> {
    let leaves = case.server().dossiers().filter_map(|dossier| dossier.tls.leaves.latest());
    let span = leaves.into_iter().find(|span| span.value.self_signed && span.value.days() > LONG)?;
    Some(Found {
        statement: format!("Its certificate is signed by itself and good for {} days.", span.value.days()),
        evidence: vec![span.evidence],
    })
}

#[cfg(test)]
mod tests {
    use model::Visit;

    use crate::{
        indicators::tests::found,
        testing::{answers, certificate, fees, light},
    };

    const HOSTS: [&str; 4] = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "233.252.0.1"];

    fn shown(names: [&str; 4], since: [i64; 4], keys: [&str; 4]) -> Vec<Visit> {
        (0..4)
            .map(|n| certificate(light(&format!("ssl://{}:50002", HOSTS[n]), 0), names[n], since[n], keys[n]))
            .collect()
    }

    #[test]
    fn i23_fires_for_a_key_of_several_who_do_not_say_so() {
        let shared = shown(HOSTS, [1_001, 5_001, 9_001, 20_001], ["k", "k", "k", "own"]);
        assert!(found(23, &shared, HOSTS[0]).is_some() && found(23, &shared, HOSTS[3]).is_none());
        let hosts = r#"{"hosts":{"192.0.2.1":{},"198.51.100.1":{}}}"#;
        let pair: Vec<Visit> = HOSTS[..2]
            .iter()
            .map(|host| {
                certificate(answers(&format!("ssl://{host}:50002"), 0, &[("M1", hosts)]), "pair", 1_001, "k")
            })
            .collect();
        assert!(found(23, &pair, HOSTS[0]).is_none(), "a pair that says that it is one hides nothing");
    }

    /// Visits on top of eight blocks: the first three hosts ask one node, everybody else a node of his own.
    fn on_one_node() -> Vec<Visit> {
        let asking = |host: &str, node: u32, block: u32| {
            let rates = [9_000, 7_000, 5_000, 3_000].map(|rate| rate + 3 * node + 7 * block);
            fees(&format!("ssl://{host}:50002"), i64::from(block) * 600, 100 + block, &rates)
        };
        let on_top = |block: u32| {
            let first = HOSTS.iter().zip([1, 1, 1, 2]).map(move |(host, node)| asking(host, node, block));
            first.chain((0..40).map(move |n| asking(&format!("10.{n}.1.1"), 10 + n, block)))
        };
        (0..8).flat_map(on_top).collect()
    }

    #[test]
    fn i24_fires_for_a_series_of_one_node_and_not_for_a_common_name() {
        let keys = ["a", "b", "c", "d"];
        let series = shown(["node-1", "node-2", "node-3", "node-4"], [1_001, 1_031, 1_061, 1_071], keys);
        assert!(found(24, &series, HOSTS[0]).is_none(), "strangers can make certificates that fit in");
        let series = [on_one_node(), series].concat();
        assert!(found(24, &series, HOSTS[0]).is_some() && found(24, &series, HOSTS[2]).is_some());
        assert!(found(24, &series, HOSTS[3]).is_none());
        let years =
            shown(["node-1", "node-2", "node-3", "node-4"], [1_001, 500_031, 900_061, 1_300_071], keys);
        assert!(found(24, &[on_one_node(), years].concat(), HOSTS[0]).is_none());
    }

    #[test]
    fn i25_fires_for_what_is_normal() {
        let mut visits = shown(HOSTS, [1_001; 4], HOSTS);
        assert!(found(25, &visits, HOSTS[0]).is_some());
        visits[0].tls = None;
        assert!(found(25, &visits, HOSTS[0]).is_none());
    }
}
