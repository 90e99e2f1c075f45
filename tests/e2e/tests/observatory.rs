//! The whole way: a campaign is applied with kubectl, scanners visit a network through Redis as their pods say, servers
//! appear, the analyzer runs as its CronJob says, and what is held against whom is what is true. Then all that may happen to
//! a campaign happens to it, until nothing is left; and nobody asked, or was allowed, more than that took.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
};

use cluster::eventually;
use e2e::{
    Net, Site, Store,
    monitor::{Monitor, Query, RATE_INTERVAL},
    net::Truth,
    permissions::Table,
    site::processes,
};
use serde_json::Value;

/// At least one server of each kind that the scenario has.
const SERVERS: usize = 60;
/// From here on a server is suspicious.
const THRESHOLD: i64 = 30;
/// What a visit proves by itself or by comparing it with those of others: a few visits are enough.
const PROVABLE: [&str; 5] = ["I1", "I4", "I5", "I6", "I7"];

fn campaign(net: &Net) -> String {
    let seeds: String = net.seeds().lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: net, namespace: default}}
data:
  seeds.txt: |
{seeds}---
apiVersion: electrumobservatory.org/v1alpha1
kind: ScanCampaign
metadata: {{name: mixed, namespace: default}}
spec:
  network: regtest
  discovery:
    bundledServers: false
    allowPrivate: true
    sources: [{{name: net, seedsFrom: {{configMap: net}}}}]
  schedule: {{liveness: 10s, deep: 30s, discovery: 10s}}
  vantages: [{{name: here, replicas: 2, resolver: \"{}\"}}]
  politeness: {{budgets: {{serverSpacing: 0s, subnetSpacing: 0s, asSpacing: 0s}}}}
  analysis: {{schedule: \"* * * * *\", window: 1d}}
",
        net.resolver()
    )
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The condition of a type: status, reason and message.
fn condition<'a>(object: &'a Value, of: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    let found = all.iter().find(|condition| condition["type"] == of)?;
    Some((text(found, "/status"), text(found, "/reason"), text(found, "/message")))
}

fn honest_home(truths: &[Truth]) -> &Truth {
    truths.iter().find(|truth| truth.group == "honest-homes").expect("the scenario has some")
}

async fn until(site: &Site, name: &str, status: &str, reason: &str) {
    eventually(&format!("{name} is Ready: {status}, for {reason}"), async || {
        let campaign = site.json(&["get", "scancampaign", name]).await;
        let told = campaign.pointer("/status/observedGeneration") == campaign.pointer("/metadata/generation");
        let (is, why, _) = condition(&campaign, "Ready")?;
        (told && is == status && why == reason).then_some(())
    })
    .await;
}

/// Waits longer than [`eventually`] does: for what takes some rounds of visits and analyses.
async fn patiently<T>(what: &str, minutes: usize, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..minutes * 60 {
        match check().await {
            Ok(found) => return found,
            Err(why) => last = why,
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    panic!("waited for {minutes} minutes: {what}: {last}");
}

/// Servers by their host.
async fn servers(site: &Site) -> BTreeMap<String, Value> {
    let all = site.list("electrumservers").await;
    all.into_iter().map(|server| (text(&server, "/spec/host").to_owned(), server)).collect()
}

/// What is wrong with what is held against servers, in words.
fn wrongs(truths: &[Truth], servers: &BTreeMap<String, Value>) -> Vec<String> {
    let mut wrongs = Vec::new();
    let mut fleets: BTreeMap<&str, usize> = BTreeMap::new();
    for truth in truths {
        *fleets.entry(&truth.operator).or_default() += 1;
    }
    for truth in truths {
        let scores = truth.hosts.iter().filter_map(|host| servers.get(host));
        let scores: Vec<_> = scores.filter_map(|server| number(server, "/status/suspicion/score")).collect();
        let (least, most) = (scores.iter().min(), scores.iter().max());
        let name = format!("{} ({})", truth.hosts.join(", "), truth.group);
        // Who lies to some alone (I13) is found in time: few visits come as somebody else.
        let provable = !truth.expected.contains("I13")
            && truth.expected.iter().any(|indicator| PROVABLE.contains(&indicator.as_str()));
        let honest =
            truth.behaviours.is_empty() && truth.expected.is_empty() && fleets[&*truth.operator] == 1;
        match most {
            None => wrongs.push(format!("{name} was not judged")),
            Some(most) if provable && *most < THRESHOLD => wrongs.push(format!("{name} has {most}")),
            Some(_) if honest && least.is_some_and(|least| *least >= THRESHOLD) => {
                wrongs.push(format!("{name} is honest and has {least:?}"));
            }
            Some(_) => {}
        }
    }
    wrongs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_campaign_to_suspicion_and_back_to_nothing() {
    let net = Net::serve("mixed-2026", SERVERS, 11);
    let truths = net.truths();
    let mut store = Store::start().await;
    let mut site = Site::install(&store, &net.places()).await;
    site.apply(&campaign(&net)).await;
    until(&site, "mixed", "True", "Running").await;

    patiently("every server appears and is reachable", 3, async || {
        let servers = servers(&site).await;
        let state = |host: &String| Some(text(servers.get(host)?, "/status/reachability/state"));
        let missing: Vec<_> = truths
            .iter()
            .filter(|truth| !truth.hosts.iter().any(|host| state(host) == Some("Reachable")))
            .map(|truth| &truth.hosts)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{} are missing: {missing:?}", missing.len())) }
    })
    .await;

    let (home, found) = (honest_home(&truths), servers(&site).await);
    let found = home.hosts.iter().find_map(|host| found.get(host)).expect("it is known");
    assert_eq!(text(found, "/status/addresses/0/country"), home.country, "{found:#}");
    assert!(found.pointer("/status/addresses/0/location/lat").is_some(), "{found:#}");

    // What runs the fleet dies under it.
    store.crash().await;
    site.replace_operator("operator-1");

    patiently("what is held against servers is what is true", 6, async || {
        let wrongs = wrongs(&truths, &servers(&site).await);
        if wrongs.is_empty() { Ok(()) } else { Err(wrongs.join("; ")) }
    })
    .await;
    let table = site.kubectl(&["get", "es"]).await;
    assert!(table.starts_with("NAME") && table.contains("dishonest"), "{table}");
    let told = site.json(&["get", "scancampaign", "mixed"]).await;
    assert!(number(&told, "/status/analysis/summary/dishonest") > Some(0), "{told:#}");
    assert!(number(&told, "/status/counts/known") >= i64::try_from(truths.len()).ok(), "{told:#}");

    what_dashboards_ask_is_answered(&site).await;
    it_rests_and_goes_on(&site, &store).await;
    who_asks_is_left_alone(&site, &truths).await;
    everybody_is_visited_once(&site).await;
    who_is_gone_is_forgotten(&site).await;
    nothing_is_left(&site, &store).await;
    what_is_allowed_is_what_was_asked(&site.permissions().await);
}

/// Panels of what need not happen here: this campaign has no canary, no list has too much, no watch breaks, and Redis may
/// be back before anybody misses it.
const QUIET: [&str; 4] =
    ["fleet: Canaries", "fleet: Errors of Redis", "fleet: Turned away", "operator: Broken watches"];

/// A Prometheus that scrapes this run finds something for every panel of every dashboard, and evaluates every alert.
#[expect(clippy::print_stdout, reason = "the counts are what people look at")]
async fn what_dashboards_ask_is_answered(site: &Site) {
    let scanners = site.scanners().await;
    assert_eq!(scanners.len(), 2);
    let monitor = Monitor::start(site.address, &scanners);
    eventually("Prometheus answers", async || monitor.ask("vector(1)").ok()).await;
    let servers = servers(site).await;
    // With everything that one server's dashboard shows.
    let lies = |server: &Value| number(server, "/status/suspicion/score") >= Some(THRESHOLD);
    let shows = |part: &str, server: &Value| server["status"][part].is_object();
    let liars: Vec<_> = servers
        .iter()
        .filter(|(_, server)| lies(server) && shows("tls", server) && shows("tip", server))
        .map(|(host, _)| host)
        .collect();
    // And who asked to be left alone is not visited meanwhile.
    let liar = patiently("one of them is visited again", 2, async || {
        let series = |host: &str| format!("electrum_visits_total{{server=\"{host}\", lane=\"liveness\"}}");
        let visits = |host: &str| format!("sum(increase({}[{RATE_INTERVAL}])) > 0", series(host));
        let is_visited = |host: &&&String| monitor.ask(&visits(host)).is_ok_and(|found| !found.is_empty());
        liars.iter().find(is_visited).copied().ok_or_else(|| format!("none of {liars:?}"))
    })
    .await;
    let queries = Query::all();
    let mut empty: BTreeSet<&str> = queries.iter().map(|query| &*query.panel).collect();
    let panels = empty.len();
    patiently("every panel shows something", 2, async || {
        let mut shown = Vec::new();
        for query in queries.iter().filter(|query| empty.contains(&*query.panel)) {
            let values = monitor.ask(&query.chosen("regtest", "here", liar)).expect("it can be asked");
            if values.iter().any(|value| value != "NaN") {
                shown.push(&*query.panel);
            }
        }
        empty.retain(|panel| !shown.contains(panel));
        if empty.iter().all(|panel| QUIET.contains(panel)) { Ok(()) } else { Err(format!("not {empty:?}")) }
    })
    .await;
    let alerts = monitor.ask("sum(prometheus_rule_group_rules)").expect("it scrapes itself");
    let failed = monitor.ask("sum(prometheus_rule_evaluation_failures_total)").expect("and tells");
    assert!(alerts != ["0"] && failed == ["0"], "{failed:?} evaluations of {alerts:?} alerts failed");
    println!(
        "{} queries of {panels} panels and {} alerts; nothing in {empty:?}",
        queries.len(),
        alerts.concat()
    );
}

fn scanners(store: &Store) -> usize {
    processes(&["/scanner work ", &store.url()])
}

async fn it_rests_and_goes_on(site: &Site, store: &Store) {
    let change = async |patch: &str| {
        site.kubectl(&["patch", "scancampaign", "mixed", "--type=merge", "-p", patch]).await;
    };
    change(r#"{"spec": {"suspend": true}}"#).await;
    until(site, "mixed", "False", "Suspended").await;
    eventually("no scanner runs", async || (scanners(store) == 0).then_some(())).await;
    change(r#"{"spec": {"suspend": false}}"#).await;
    until(site, "mixed", "True", "Running").await;
    let here = site.json(&["get", "deployment", "mixed-here"]).await;
    assert_eq!(number(&here, "/status/readyReplicas"), Some(2));
    site.kubectl(&[
        "patch",
        "scancampaign",
        "mixed",
        "--type=json",
        "-p",
        r#"[{"op": "replace", "path": "/spec/vantages/0/replicas", "value": 3}]"#,
    ])
    .await;
    eventually("a third scanner is ready", async || {
        let here = site.json(&["get", "deployment", "mixed-here"]).await;
        (number(&here, "/status/readyReplicas") == Some(3)).then_some(())
    })
    .await;
}

async fn who_asks_is_left_alone(site: &Site, truths: &[Truth]) {
    let shy = &truths[0].hosts[0];
    let (kind, rule) = if shy.parse::<std::net::IpAddr>().is_ok() {
        ("cidrs", format!("{shy}/32"))
    } else {
        ("hosts", shy.clone())
    };
    site.apply(&format!(
        "apiVersion: electrumobservatory.org/v1alpha1
kind: ScanExclusion
metadata: {{name: shy}}
spec: {{{kind}: [\"{rule}\"], reason: \"asked by mail\"}}
"
    ))
    .await;
    eventually("the exclusion is applied", async || {
        let exclusion = site.json(&["get", "scanexclusion", "shy"]).await;
        (condition(&exclusion, "Applied")?.0 == "True").then_some(())
    })
    .await;
    let excluded = eventually("the server says so", async || {
        let server = servers(site).await.remove(shy)?;
        let (status, _, message) = condition(&server, "Excluded")?;
        (status == "True").then(|| message.to_owned())
    })
    .await;
    assert!(excluded.contains("shy"), "{excluded}");
}

/// Nobody is there: what counts is that scanners and analysis begin and end.
async fn everybody_is_visited_once(site: &Site) {
    site.apply(
        "apiVersion: electrumobservatory.org/v1alpha1
kind: ScanCampaign
metadata: {name: once, namespace: default}
spec:
  network: regtest
  mode: Once
  discovery: {bundledServers: false, allowPrivate: true, sources: [{name: nobody, seeds: [\"tcp://127.0.0.1:1\"]}]}
  schedule: {liveness: 2s, deep: 2s, discovery: 2s}
  vantages: [{name: here}]
  politeness: {budgets: {serverSpacing: 0s, subnetSpacing: 0s, asSpacing: 0s}}
",
    )
    .await;
    until(site, "once", "True", "Finished").await;
    site.kubectl(&["delete", "scancampaign", "once", "--wait=false"]).await;
    eventually("it is gone", async || (site.list("scancampaigns").await.len() == 1).then_some(())).await;
}

/// Some servers are there and go. Those that a person listed stay known; the one that others told of does not.
async fn who_is_gone_is_forgotten(site: &Site) {
    // Fewer than make a scanner doubt its own network.
    let net = Net::serve("n1-passive-logger", 9, 12);
    let truths = net.truths();
    let hearsay =
        truths.iter().find(|truth| truth.implementation != "electrs").expect("one that others tell of");
    let listed = truths.iter().filter(|truth| truth.hosts != hearsay.hosts);
    let listed: Vec<_> = listed.flat_map(|truth| &truth.endpoints).collect();
    site.apply(&format!(
        "apiVersion: electrumobservatory.org/v1alpha1
kind: ScanCampaign
metadata: {{name: brief, namespace: default}}
spec:
  network: regtest
  discovery: {{bundledServers: false, allowPrivate: true, sources: [{{name: listed, seeds: {listed:?}}}]}}
  schedule: {{liveness: 5s, deep: 1d, discovery: 5s}}
  vantages: [{{name: here}}]
  politeness: {{budgets: {{serverSpacing: 0s, subnetSpacing: 0s, asSpacing: 0s}}}}
  retention: {{unseenServers: 5s}}
"
    ))
    .await;
    let known = async || {
        let servers = servers(site).await;
        let of_brief = |server: &Value| text(server, "/spec/campaign") == "brief";
        servers.into_iter().filter(|(_, server)| of_brief(server)).collect::<BTreeMap<_, _>>()
    };
    patiently("all of them are known", 3, async || {
        let known = known().await;
        let found = truths.iter().filter(|truth| truth.hosts.iter().any(|host| known.contains_key(host)));
        if found.count() == truths.len() { Ok(()) } else { Err(format!("{:?}", known.keys())) }
    })
    .await;
    drop(net);
    patiently("whom only others told of is forgotten", 3, async || {
        let known = known().await;
        if hearsay.hosts.iter().any(|host| known.contains_key(host)) {
            Err(format!("{known:?}"))
        } else {
            Ok(())
        }
    })
    .await;
    assert!(!known().await.is_empty(), "whom a person listed stays");
    site.kubectl(&["delete", "scancampaign", "brief", "--wait=false"]).await;
}

async fn nothing_is_left(site: &Site, store: &Store) {
    assert!(!store.keys("eo:{default/mixed}*").is_empty(), "there was something to clean");
    site.kubectl(&["delete", "scancampaign", "mixed", "--wait=false"]).await;
    for kind in ["scancampaigns", "electrumservers", "deployments", "jobs", "cronjobs", "pods"] {
        eventually(&format!("no {kind} are left"), async || site.list(kind).await.is_empty().then_some(()))
            .await;
    }
    let maps = site.list("configmaps").await;
    let names: Vec<_> = maps.iter().map(|map| text(map, "/metadata/name")).collect();
    assert_eq!(names, ["net"], "only what a person made");
    assert_eq!(scanners(store), 0);
    let left = store.keys("eo:{default/mixed}*");
    assert!(left.is_empty(), "{left:?}");
}

/// The table of the documentation is that of this run, but for how often each thing was asked.
#[expect(clippy::print_stdout, reason = "the table is what people look at")]
fn what_is_allowed_is_what_was_asked(table: &Table) {
    println!("{table}");
    assert_eq!(table.wrongs(), Vec::<String>::new());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    let document = fs::read_to_string(path).expect("the document");
    let now = table.to_string();
    let heading = now.lines().next().expect("a heading");
    let start = document.find(heading).expect("it has the table");
    let end = document[start..].find("\n\n").map_or(document.len(), |end| start + end + 1);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{}{now}{}", &document[..start], &document[end..])).expect("written");
    }
    assert_eq!(uncounted(&document[start..end]), uncounted(&now), "UPDATE_DOCS=1 writes it anew");
}

fn uncounted(table: &str) -> String {
    let says = |cell: &&str| cell.trim().parse::<usize>().is_err();
    table.lines().map(|line| line.split('|').filter(says).collect::<Vec<_>>().join("|") + "\n").collect()
}
