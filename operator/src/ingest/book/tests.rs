//! Whose servers a campaign's are, which object tells of each, and which are to have one.

use crds::server::Address;
use serde_json::{Value, json};

use super::*;

fn campaign(name: &str) -> ScanCampaign {
    serde_json::from_value(json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign",
        "metadata": {"name": name, "namespace": "scans", "uid": "u-1"},
        "spec": {"network": "testnet4", "vantages": [{"name": "here"}]},
    }))
    .expect("a campaign")
}

/// An object of a person's.
fn persons(name: &str, host: &str, spec: &Value) -> ElectrumServer {
    let mut server = json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
        "metadata": {"name": name, "namespace": "scans", "generation": 1},
        "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50001, "transport": "tcp"}]},
    });
    for (field, value) in spec.as_object().expect("fields") {
        server["spec"][field] = value.clone();
    }
    serde_json::from_value(server).expect("a server")
}

/// One that the operator made for a campaign.
fn ours(campaign: &ScanCampaign, at: &str, server: &Server) -> ElectrumServer {
    object(campaign, &host(at), server)
}

/// A server that a person named, and of which nothing else is known.
fn named() -> Server {
    Server::of(Vec::new(), true, crds::ElectrumServerStatus::default())
}

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn excluding(rules: &str) -> Exclusions {
    Exclusions::parse(rules).expect("rules").0
}

fn learnt(servers: &[ElectrumServer]) -> Book {
    let (campaign, mut book) = (campaign("main"), Book::default());
    book.learn(&campaign, [&campaign], servers);
    book
}

fn name_of(book: &mut Book, at: &str) -> Option<String> {
    book.entry(&host(at)).object.as_ref().map(|object| object.name.clone())
}

#[test]
fn what_is_made_of_a_server_is_known_again() {
    let made = ours(&campaign("main"), "a.example", &named());
    assert!(names::is_ours(&made) && belongs(&made, &campaign("main"), false));
    let owner = &made.metadata.owner_references.as_ref().expect("an owner")[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str()), ("ScanCampaign", "u-1"));
    let mut book = learnt(&[made]);
    assert_eq!(book.ours(), 1);
    assert!(book.entry(&host("a.example")).server.named, "a later leader knows that a person named it");
}

#[test]
fn of_two_objects_of_a_host_the_persons_is_told_in_whichever_order_they_come() {
    let made = ours(&campaign("main"), "a.example", &Server::default());
    let mine = persons("mine", "a.example", &json!({}));
    for servers in [[made.clone(), mine.clone()], [mine, made]] {
        let mut book = learnt(&servers);
        assert_eq!(name_of(&mut book, "a.example").as_deref(), Some("mine"));
        assert_eq!(book.ours(), 0);
    }
}

#[test]
fn objects_of_others_and_of_no_host_are_none_of_the_book() {
    let elsewhere = ours(&campaign("other"), "a.example", &Server::default());
    let mut away = persons("away", "b.example", &json!({}));
    away.metadata.namespace = Some("elsewhere".to_owned());
    let servers = [
        elsewhere,
        away,
        persons("net", "c.example", &json!({"network": "mainnet"})),
        persons("odd", "no host", &json!({})),
    ];
    assert!(learnt(&servers).entries.is_empty());
}

#[test]
fn an_object_that_changed_is_known_as_it_is_and_what_was_seen_stays() {
    let (campaign, before) = (campaign("main"), persons("mine", "a.example", &json!({})));
    let mut book = learnt(std::slice::from_ref(&before));
    book.entry(&host("a.example")).server.named = true;
    let mut after = before;
    (after.spec.exclude, after.metadata.generation) = (true, Some(2));
    book.learn(&campaign, [&campaign], [&after]);
    let entry = book.entry(&host("a.example"));
    let object = entry.object.as_ref().expect("known");
    assert_eq!((object.excluded, object.generation), (true, Some(2)));
    assert!(entry.server.named);
}

#[test]
fn what_has_no_object_is_lacking_and_not_kept() {
    let mut book = learnt(&[persons("mine", "a.example", &json!({}))]);
    let [a, b] = ["a.example", "b.example"].map(host);
    assert!(!book.lacks([&a].into_iter()) && book.lacks([&a, &b].into_iter()));
    book.entry(&b);
    assert!(book.lacks([&b].into_iter()), "an entry is no object");
    book.trim();
    assert_eq!(book.entries.len(), 1);
    book.forget("another");
    assert!(!book.lacks([&a].into_iter()));
    book.forget("mine");
    assert!(book.lacks([&a].into_iter()));
}

#[test]
fn who_answered_or_was_named_deserves_an_object_unless_somebody_wishes_to_be_left_alone() {
    let (a, nobody) = (host("a.example"), Exclusions::default());
    let mut entry = Entry::default();
    assert!(!deserves(&a, &entry, &nobody), "others told of it, and it never answered");
    entry.server.now.reachability.get_or_insert_default();
    assert!(!deserves(&a, &entry, &nobody), "it was visited in vain");
    entry.server.now.reachability.get_or_insert_default().first_seen = Some(jiff::Timestamp::UNIX_EPOCH);
    assert!(deserves(&a, &entry, &nobody));
    let named = Entry { server: named(), object: None };
    assert!(deserves(&a, &named, &nobody));
    for rules in ["a.example", ".example"] {
        assert!(!deserves(&a, &entry, &excluding(rules)) && !deserves(&a, &named, &excluding(rules)));
    }
    assert!(deserves(&a, &entry, &excluding("b.example")));
}

#[test]
fn who_wishes_to_be_left_alone_is_by_name_by_address_and_by_itself() {
    let a = host("a.example");
    let mut shy = learnt(&[persons("mine", "a.example", &json!({"exclude": true}))]);
    assert!(is_excluded(&a, shy.entry(&a), &Exclusions::default()));
    let ip = "192.0.2.7".parse().expect("an address");
    let mut entry = Entry::default();
    entry.server.now.addresses =
        vec![Address { ip, asn: None, organisation: None, country: None, location: None }];
    assert!(is_excluded(&a, &entry, &excluding("192.0.2.0/24")), "by where its name led");
    assert!(!is_excluded(&a, &entry, &excluding("198.51.100.0/24")));
}

#[test]
fn names_are_dns_labels_of_their_own_and_stay() {
    let hosts = [
        "a.example",
        "a-example",
        "xn--bcher-kva.example",
        "a-very-long-name-that-goes-on.and-on.example",
        "a-very-long-name-that-goes-on.and-on.example.org",
        "[2001:db8::7]",
        "[::1]",
        "192.0.2.7",
    ];
    // As long as the name of a campaign may be.
    let campaign = "c".repeat(36);
    let names: std::collections::BTreeSet<String> =
        hosts.iter().map(|at| server_name(&campaign, &host(at))).collect();
    assert_eq!(names.len(), hosts.len());
    for name in &names {
        assert!(name.len() <= 63 && !name.ends_with('-'), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
    }
    assert_eq!(server_name("main", &host("A.example")), server_name("main", &host("a.example")));
    // What was made by an older version is found again only if this never changes.
    assert_eq!(server_name("main", &host("a.example")), "main-a-example-xdtukm3r");
}
