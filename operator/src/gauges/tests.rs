use std::{collections::BTreeSet, time::Duration, time::Instant};

use kube::{
    core::DeserializeGuard,
    runtime::{
        reflector::{self, Store},
        watcher::Event,
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{collect::Gauges, *};
use crate::{error::Class, leader::Fence, metrics::Metrics, watch::Guarded};

fn campaign(name: &str) -> Value {
    json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign",
        "metadata": {"name": name, "namespace": "scans", "uid": name},
        "spec": {"network": "testnet4", "vantages": [{"name": "here"}]},
    })
}

fn server(host: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
        "metadata": {"name": format!("s-{host}"), "namespace": "scans", "uid": host},
        "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}], "campaign": "main"},
        "status": status,
    })
}

fn suspicion(level: &str, score: i32, group: Option<&str>) -> Value {
    let group = group.map(|id| json!({"id": id, "size": 2, "posterior": 0.9}));
    json!({"score": score, "level": level, "confidence": 0.9, "group": group, "analyzedAt": "2026-01-01T00:00:00Z",
        "model": "1", "evidenceDigest": "0".repeat(64)})
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("reads")
}

fn of_main<'a>(campaign: &'a ScanCampaign, servers: &'a [ElectrumServer], most_series: usize) -> Told<'a> {
    told(&[campaign], servers, most_series)
}

fn names<'a>(told: &'a Told<'_>) -> Vec<&'a str> {
    told.servers.iter().map(|server| server.server.as_str()).collect()
}

fn known() -> Value {
    json!({
        "reachability": {"state": "Reachable"},
        "addresses": [{"ip": "203.0.113.9"}, {"ip": "203.0.113.10", "country": "CH", "location": {"lat": 47.4, "lon": 8}}],
        "software": {"claimed": "I am\nanything", "identified": {"name": "Fulcrum", "min": "1.9"}, "confidence": 0.9},
        "suspicion": suspicion("dishonest", 90, Some("g")),
    })
}

#[test]
fn a_server_is_told_of_as_its_status_says() {
    let main = read(campaign("main"));
    let servers: [ElectrumServer; 1] = [read(server("a.example", &known()))];
    let scope = Scope { campaign: "scans/main".to_owned(), network: "testnet4" };
    assert_eq!(
        of_main(&main, &servers, 100).servers,
        [Server {
            scope,
            server: "a.example".to_owned(),
            up: Some(true),
            score: Some(90),
            software: "Fulcrum",
            country: "CH",
            location: Some(Location { lat: 47.4, lon: 8.0 }),
            level: "dishonest",
            group: "g",
        }]
    );
}

#[test]
fn without_a_verdict_or_where_nobody_asks_for_one_a_server_is_neither_up_nor_down() {
    let main = read(campaign("main"));
    let excluded = json!({"reachability": {"state": "Unreachable"}, "conditions": [{"type": "Excluded", "status": "True",
        "reason": "Asked", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
    let mut own = server("own.example", &known());
    own["spec"]["exclude"] = json!(true);
    let servers: [ElectrumServer; 5] = [
        server("down.example", &json!({"reachability": {"state": "Unreachable"}})),
        server("unknown.example", &json!({"reachability": {"state": "Unknown"}})),
        server("new.example", &Value::Null),
        server("excluded.example", &excluded),
        own,
    ]
    .map(read);
    let told = of_main(&main, &servers, 100);
    let up: BTreeMap<_, _> = told.servers.iter().map(|server| (server.server.as_str(), server.up)).collect();
    assert_eq!(
        up,
        BTreeMap::from([
            ("down.example", Some(false)),
            ("unknown.example", None),
            ("new.example", None),
            ("excluded.example", None),
            ("own.example", None),
        ])
    );
}

#[test]
fn beyond_the_budget_the_least_suspicious_are_counted_and_groups_stay_whole() {
    let main = read(campaign("main"));
    let servers: [ElectrumServer; 6] = [
        server("a.example", &json!({})),
        server("b.example", &json!({"suspicion": suspicion("notable", 12, Some("pair"))})),
        server("c.example", &json!({"suspicion": suspicion("dishonest", 95, Some("pair"))})),
        server("d.example", &json!({"suspicion": suspicion("dishonest", 90, Some("alone"))})),
        server("e.example", &json!({"suspicion": suspicion("notable", 11, Some("unseen"))})),
        server("f.example", &json!({"suspicion": suspicion("notable", 11, Some("unseen"))})),
    ]
    .map(read);
    let scope = Scope { campaign: "scans/main".to_owned(), network: "testnet4" };
    let some = of_main(&main, &servers, 2 * PER_SERVER + 1);
    assert_eq!(names(&some), ["c.example", "d.example"]);
    assert_eq!(some.groups, BTreeMap::from([((scope.clone(), "pair"), 2)]));
    assert_eq!(some.untold, BTreeMap::from([(scope.clone(), 4)]));
    let all = of_main(&main, &servers, 6 * PER_SERVER);
    assert_eq!(all.servers.len(), 6);
    assert_eq!(all.untold, BTreeMap::from([(scope, 0)]));
}

#[test]
fn a_host_is_told_of_once_and_as_the_one_that_a_person_made_says() {
    let main = read(campaign("main"));
    let mut ours = server("a.example", &json!({"suspicion": suspicion("dishonest", 90, None)}));
    ours["metadata"]["name"] = json!("first");
    ours["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "electrum-observatory-operator"});
    let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
    let servers: [ElectrumServer; 4] =
        [ours, server("a.example", &known()), server(&long, &json!({})), server("1:2:3", &json!({}))]
            .map(read);
    let told = of_main(&main, &servers, 100);
    assert_eq!(told.servers.len(), 2, "{told:?}");
    assert_eq!(told.servers[0].software, "Fulcrum");
    assert!(told.servers[1].server.len() <= 60, "{told:?}");
}

#[test]
fn who_names_no_campaign_is_the_first_ones_and_who_names_none_that_there_is_nobodys() {
    let (first, second): (ScanCampaign, ScanCampaign) = (read(campaign("first")), read(campaign("second")));
    let mut adopted = server("a.example", &json!({}));
    adopted["spec"]["campaign"] = Value::Null;
    let servers: [ElectrumServer; 2] = [adopted, server("b.example", &json!({}))].map(read);
    let told = told(&[&second, &first], &servers, 100);
    assert_eq!(names(&told), ["a.example"]);
    assert_eq!(told.servers[0].scope.campaign, "scans/first");
}

/// A store with these objects.
fn store<K>(objects: impl IntoIterator<Item = Value>) -> Store<Guarded<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    let (store, mut writer) = reflector::store();
    for object in objects {
        writer.apply_watcher_event(&Event::Apply(DeserializeGuard(Ok(read(object)))));
    }
    store
}

#[test]
fn who_leads_tells_just_what_the_documentation_lists() {
    let metrics = Metrics::new().expect("no name twice");
    let fence = Fence::default();
    let servers = [server("a.example", &known()), server("b.example", &known())];
    let gauges = Gauges::new(fence.clone(), store([campaign("main")]), store(servers), 100).expect("gauges");
    metrics.also(Box::new(gauges)).expect("no name twice");
    assert!(!metrics.text().expect("text").contains("\nelectrum_"), "it does not lead");
    fence.set(Some(Instant::now() + Duration::from_secs(60)));

    let _running = metrics.begins("campaign");
    metrics.reconciled("campaign", Duration::from_millis(20), Some(Class::Redis));
    metrics.watch_broke("servers");
    metrics.wrote("apply");
    metrics.leads(true);
    metrics.malformed("ScanCampaign", 0);
    metrics.ingested("scans/main", 3, None);
    metrics.waiting("scans/main", 3);
    let text = metrics.text().expect("text");
    for line in [
        r#"electrum_server_info{campaign="scans/main",network="testnet4",server="a.example",software="Fulcrum",country="CH",latitude="47.4",longitude="8.0",level="dishonest",group="g"} 1"#,
        r#"electrum_server_up{campaign="scans/main",network="testnet4",server="a.example"} 1"#,
        r#"electrum_server_suspicion_score{campaign="scans/main",network="testnet4",server="a.example"} 90"#,
        r#"electrum_group_servers{campaign="scans/main",network="testnet4",group="g"} 2"#,
        r#"electrum_servers_untold{campaign="scans/main",network="testnet4"} 0"#,
    ] {
        assert_eq!(text.lines().filter(|each| *each == line).count(), 1, "{line}\n{text}");
    }

    let documented = include_str!("../../../docs/operator.md");
    let chapter = documented.split("## ").find(|part| part.starts_with("Monitoring")).expect("a chapter");
    let cells =
        chapter.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let listed: BTreeSet<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(sorted).collect();
    let told: BTreeSet<String> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect();
    assert_eq!(told, listed);
}

/// A name with its labels in order: `name{a,b}`.
fn sorted(name: &str) -> String {
    let Some((name, labels)) = name.trim_end_matches('}').split_once('{') else { return name.to_owned() };
    let labels: BTreeSet<&str> = labels.split(',').collect();
    format!("{name}{{{}}}", Vec::from_iter(labels).join(","))
}

/// The like of a line of the text; what tells of the process is one to the documentation.
fn series(line: &str) -> Option<String> {
    let (name, _) = line.rsplit_once(' ')?;
    let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap_or((name, ""));
    if name.starts_with("process_") {
        return Some("process_*".to_owned());
    }
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    // No value here has a comma in it.
    let labels = labels.split(',').filter_map(|label| label.split('=').next()).filter(|label| *label != "le");
    let labels = Vec::from_iter(labels).join(",");
    Some(sorted(&if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") }))
}
