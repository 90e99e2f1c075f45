//! Indicators of names and addresses: I26, I27, I28, I31.

use electrum::Host;
use jiff::Timestamp;
use model::finding::{Digest, Indicator, Tier};

use super::{Definition, Found};
use crate::{
    dossier::Dossier,
    features::{
        identity::program,
        names,
        spans::{Span, Spans},
        tls::Leaf,
    },
    survey::Case,
    text::plural,
};

/// Moves of a name that are many, and names at one place that are.
const MOVES: u32 = 4;
const NAMES: usize = 5;
/// Seconds for which a certificate of one's own making is young.
const YOUNG: i64 = 60 * 86_400;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(26),
        tier: Tier::Soft,
        weight: 5,
        title: "changes its address or its names often",
        caveat: "Homes do whose address changes.",
        find: churn,
    },
    Definition {
        indicator: Indicator::new(27),
        tier: Tier::Soft,
        weight: 4,
        title: "shows a new certificate of its own making, under a name that could be anybody's",
        caveat: "Every server was new once, and old ones renew; how old the domain is was not looked up.",
        find: generic,
    },
    Definition {
        indicator: Indicator::new(28),
        tier: Tier::Medium,
        weight: 20,
        title: "looks like another server under the same name",
        caveat: "An operator who moves and installs anew looks the same, and so does a name that was led from one of his \
                 machines to another.",
        find: taken_over,
    },
    Definition {
        indicator: Indicator::new(31),
        tier: Tier::Soft,
        weight: 1,
        title: "declares a private address",
        caveat: "Fulcrum and electrs do by default.",
        find: private,
    },
];

fn hosts<'c>(case: &Case<'c, '_>) -> impl Iterator<Item = (&'c Host, &'c Dossier)> {
    case.survey.servers[case.place].hosts.iter().map(|(host, dossier)| (*host, *dossier))
}

fn churn(case: &Case<'_, '_>) -> Option<Found> {
    let moved = hosts(case).find(|(_, dossier)| dossier.place.addresses.changes() >= MOVES);
    if let Some((host, dossier)) = moved {
        let addresses = &dossier.place.addresses;
        return Some(Found {
            statement: format!("The name {host} led to other addresses {} times.", addresses.changes()),
            evidence: addresses.iter().map(|span| span.evidence).collect(),
        });
    }
    let names = hosts(case).filter(|(host, _)| matches!(host, Host::Name(_)));
    let evidence: Vec<Digest> =
        names.filter_map(|(_, dossier)| Some(dossier.place.addresses.latest()?.evidence)).collect();
    (evidence.len() >= NAMES).then(|| Found {
        statement: format!("{} names lead to the same address and port.", evidence.len()),
        evidence,
    })
}

fn generic(case: &Case<'_, '_>) -> Option<Found> {
    hosts(case).filter(|(host, _)| names::is_generic(host)).find_map(|(host, dossier)| {
        let oldest = dossier.tls.leaves.iter().next()?;
        let age = oldest.first.as_second().saturating_sub(oldest.value.not_before.as_second());
        let young = oldest.value.self_signed && (0..YOUNG).contains(&age);
        young.then(|| Found {
            statement: format!(
                "The name {host} is made of words that everybody uses, and its first certificate was {} old when it was \
                 seen.",
                plural(age / 86_400, "day")
            ),
            evidence: vec![oldest.evidence],
        })
    })
}

/// Between the same two visits the name's address, its key and its software became others, and the keys do not take turns,
/// as those of two machines do to which a name leads.
fn taken_over(case: &Case<'_, '_>) -> Option<Found> {
    hosts(case).filter(|(host, _)| matches!(host, Host::Name(_))).find_map(|(host, dossier)| {
        let leaves = &dossier.tls.leaves;
        let keys = changes(leaves, |old, new| {
            old.value.key != new.value.key
                && !leaves.iter().any(|span: &Span<Leaf>| match span.first < new.first {
                    true => span.value.key == new.value.key,
                    false => span.value.key == old.value.key,
                })
        });
        let software =
            changes(&dossier.identity.software, |old, new| program(&old.value) != program(&new.value));
        let moved =
            changes(&dossier.place.addresses, |old, new| !old.value.iter().any(|ip| new.value.contains(ip)));
        let at_once = keys.into_iter().find(|key| {
            let touches = |changes: &[Change]| changes.iter().any(|change| change.touches(key));
            touches(&software) && touches(&moved)
        })?;
        Some(Found {
            statement: format!(
                "The name {host} has had another address, another key and other software since {}.",
                at_once.by
            ),
            evidence: at_once.evidence.to_vec(),
        })
    })
}

/// A change after one visit and by another.
struct Change {
    after: Timestamp,
    by: Timestamp,
    evidence: [Digest; 2],
}

impl Change {
    fn touches(&self, other: &Self) -> bool {
        self.after <= other.by && other.after <= self.by
    }
}

fn changes<T>(spans: &Spans<T>, matters: impl Fn(&Span<T>, &Span<T>) -> bool) -> Vec<Change> {
    let turns = spans.turns().filter(|(old, new)| matters(old, new));
    let change = |(old, new): (&Span<T>, &Span<T>)| Change {
        after: old.last,
        by: new.first,
        evidence: [old.evidence, new.evidence],
    };
    turns.map(change).collect()
}

fn private(case: &Case<'_, '_>) -> Option<Found> {
    hosts(case).find_map(|(host, dossier)| {
        let span = dossier.identity.declared.latest()?;
        let address = span.value.private(host)?;
        Some(Found {
            statement: format!("Its features declare the private address {address}."),
            evidence: vec![span.evidence],
        })
    })
}

#[cfg(test)]
mod tests {
    use model::Visit;

    use crate::{
        indicators::tests::found,
        testing::{answers, certificate},
    };

    const DAY: i64 = 86_400;

    fn visit(name: &str, day: i64, ip: &str, software: &str, key: &str) -> Visit {
        let said = format!(r#"["{software}","1.4"]"#);
        let mut visit = answers(&format!("ssl://{name}:50002"), day * DAY, &[("H1", &said)]);
        visit.resolution.addresses = [ip.parse().expect("an address")].into();
        visit.peer = format!("{ip}:50002").parse().ok();
        certificate(visit, name, 1_767_225_600 - 10 * DAY + 7, key)
    }

    #[test]
    fn i26_fires_for_names_that_move_and_for_many_names() {
        let moves = |times: i64| {
            let days = 0..=times;
            days.map(|day| visit("a.example", day, &format!("192.0.2.{day}"), "x 1", "k")).collect::<Vec<_>>()
        };
        assert!(found(26, &moves(4), "a.example").is_some() && found(26, &moves(2), "a.example").is_none());
        let names = |count: usize| {
            let hosts = (0..count).map(|n| format!("n{n}.example"));
            hosts.map(|host| visit(&host, 0, "192.0.2.1", "x 1", "k")).collect::<Vec<_>>()
        };
        assert!(found(26, &names(5), "n0.example").is_some() && found(26, &names(3), "n0.example").is_none());
    }

    #[test]
    fn i27_fires_for_new_certificates_under_nobodys_name() {
        assert!(found(27, &[visit("a.btcnode.com", 0, "192.0.2.1", "x 1", "k")], "a.btcnode.com").is_some());
        assert!(found(27, &[visit("a.btcnode.com", 90, "192.0.2.1", "x 1", "k")], "a.btcnode.com").is_none());
        assert!(found(27, &[visit("a.example.com", 0, "192.0.2.1", "x 1", "k")], "a.example.com").is_none());
    }

    #[test]
    fn i28_fires_where_everything_changed_but_the_name() {
        let before = visit("a.example", 0, "192.0.2.1", "ElectrumX 1.16.0", "old");
        let all = visit("a.example", 9, "198.51.100.1", "Fulcrum 2.1.1", "new");
        assert!(found(28, &[before.clone(), all], "a.example").is_some());
        for innocent in [
            visit("a.example", 9, "192.0.2.1", "Fulcrum 2.1.1", "new"),
            visit("a.example", 9, "198.51.100.1", "ElectrumX 1.20.0", "new"),
            visit("a.example", 9, "198.51.100.1", "Fulcrum 2.1.1", "old"),
        ] {
            assert!(found(28, &[before.clone(), innocent], "a.example").is_none());
        }
        let turn_and_turn_about = [
            before.clone(),
            visit("a.example", 9, "198.51.100.1", "Fulcrum 2.1.1", "new"),
            visit("a.example", 10, "192.0.2.1", "ElectrumX 1.16.0", "old"),
            visit("a.example", 11, "198.51.100.1", "Fulcrum 2.1.1", "new"),
        ];
        assert!(found(28, &turn_and_turn_about, "a.example").is_none(), "two machines behind one name");
    }

    #[test]
    fn i31_fires_for_a_private_address_elsewhere() {
        let says = |hosts: &str| [answers("tcp://a.example:50001", 0, &[("M1", hosts)])];
        assert!(found(31, &says(r#"{"hosts":{"10.0.0.5":{}}}"#), "a.example").is_some());
        assert!(found(31, &says(r#"{"hosts":{"192.0.2.1":{}}}"#), "a.example").is_none());
    }
}
