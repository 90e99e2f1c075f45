//! What changes a status and what does not.

use model::{
    assessment::{Implementation, Membership},
    finding::{Digest, Indicator, Tier},
};
use serde_json::json;

use super::*;

fn assessment(hosts: &[&str], score: u8) -> Assessment {
    let finding = |number: u8| model::Finding {
        indicator: Indicator::new(number),
        tier: Tier::Hard,
        weight: 1,
        statement: "x".repeat(500),
        evidence: vec![Digest::of_bytes(b"e"); 5],
    };
    Assessment {
        server: hosts[0].to_owned(),
        network: electrum::Network::Testnet4,
        endpoints: hosts
            .iter()
            .map(|host| format!("ssl://{host}:50002").parse().expect("an endpoint"))
            .collect(),
        reachable: true,
        implementation: Implementation::default(),
        group: Some(Membership { id: "g-1".to_owned(), size: 2, posterior: 0.912_3 }),
        score,
        level: Level::of(score),
        findings: (1..=12).map(finding).collect(),
        addresses: Vec::new(),
        tls: None,
        signs: Vec::new(),
        model: "observatory-1.9".to_owned(),
        features: Digest::of_bytes(b"f"),
        visits: 10,
    }
}

fn server(host: &str, status: Option<&Suspicion>) -> ElectrumServer {
    serde_json::from_value(json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
        "metadata": {"name": format!("es-{host}"), "namespace": "scans"},
        "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}]},
        "status": {"suspicion": status},
    }))
    .expect("a server")
}

fn at(day: i8) -> Timestamp {
    jiff::civil::date(2026, 1, day).to_zoned(jiff::tz::TimeZone::UTC).expect("a day").timestamp()
}

fn only(changes: Vec<(String, Told)>) -> Suspicion {
    let [(_, told)] = <[_; 1]>::try_from(changes).expect("one");
    told.suspicion
}

#[test]
fn every_host_of_a_server_is_told_within_bounds() {
    let assessments = [assessment(&["a.example", "192.0.2.1", "[2001:db8::1]"], 85)];
    let servers =
        ["a.example", "192.0.2.1", "2001:db8::1", "stranger.example"].map(|host| server(host, None));
    let changes = changes(&assessments, &servers, at(1));
    let names: Vec<_> = changes.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["es-a.example", "es-192.0.2.1", "es-2001:db8::1"]);
    let Told { suspicion: told, conditions: [condition] } = &changes[0].1;
    let said = (&*condition.type_, &*condition.status, &*condition.reason);
    assert_eq!(said, ("Suspicious", "True", "Dishonest"));
    assert_eq!((told.score, told.level, told.confidence), (85, Level::Dishonest, 1.0));
    assert_eq!((told.findings.len(), told.findings[0].evidence.len()), (10, 2));
    assert!(told.findings[0].statement.chars().count() <= 120);
    assert_eq!(told.group.as_ref().map(|group| group.posterior), Some(0.91));
}

#[test]
fn only_what_says_something_else_is_written_again() {
    let before = assessment(&["a.example"], 35);
    let told = only(changes(std::slice::from_ref(&before), &[server("a.example", None)], at(1)));
    assert!((told.confidence - 0.5).abs() < 1e-9, "half of what visits can say");
    let servers = [server("a.example", Some(&told))];
    let is_told = |change: fn(&mut Assessment), day| {
        let mut after = before.clone();
        change(&mut after);
        !changes(&[after], &servers, at(day)).is_empty()
    };
    assert!(!is_told(|_| {}, 2), "nothing changed");
    assert!(!is_told(|after| after.visits += 100, 2), "more of the same");
    assert!(!is_told(|after| after.features = Digest::of_bytes(b"other"), 2));
    assert!(!is_told(|after| after.findings[0].statement = "In other words.".to_owned(), 2));
    assert!(is_told(|_| {}, 8), "it is a week old");
    assert!(is_told(|after| after.score = 36, 2));
    assert!(is_told(|after| drop(after.findings.remove(0)), 2));
    assert!(is_told(|after| after.group = None, 2));
    assert!(is_told(|after| after.model = "observatory-2.0".to_owned(), 2));
}
