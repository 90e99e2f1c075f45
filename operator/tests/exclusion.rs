//! Exclusions show on the servers that they cover, and are taken back, on a real API server.

mod support;

use std::time::{Duration, Instant};

use cluster::eventually;
use crds::{ElectrumServer, ScanExclusion};
use fleet::exclusions::{Watch, publish, published, take_on, version};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use support::Setting;

#[tokio::test]
async fn exclusions_show_on_servers_at_once_and_are_taken_back() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    operator.leads().await;
    let servers: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    let exclusions: Api<ScanExclusion> = Api::all(setting.cluster.client());
    let spec = |host: &str| json!({"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}]});
    for host in ["a.example.org", "b.example.net"] {
        let server = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": host}, "spec": spec(host)});
        let server = serde_json::from_value(server).expect("a server");
        servers.create(&PostParams::default(), &server).await.expect("made");
    }
    setting.campaign("main", &json!({})).await;
    let excluded = async |host: &str| -> Option<(String, String)> {
        let found = servers.get(host).await.ok()?;
        let condition = found.status?.conditions.into_iter().find(|each| each.type_ == "Excluded")?;
        Some((condition.status, condition.message))
    };

    let wish = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
        "metadata": {"name": "asked"}, "spec": {"domains": ["example.org"], "reason": "The operator asked us to."}});
    let wish: ScanExclusion = serde_json::from_value(wish).expect("an exclusion");
    let applied = Instant::now();
    exclusions.create(&PostParams::default(), &wish).await.expect("made");
    let said = eventually("the server is excluded", async || excluded("a.example.org").await).await;
    // Long before it would be looked at anyway.
    assert!(applied.elapsed() < operator::settings::AGAIN / 2, "{:?}", applied.elapsed());
    assert_eq!(said, ("True".to_owned(), "asked: The operator asked us to.".to_owned()));
    assert_eq!(excluded("b.example.net").await, None);
    eventually("the exclusion counts it", async || {
        (exclusions.get("asked").await.ok()?.status?.servers == Some(1)).then_some(())
    })
    .await;

    // Said once.
    let said = setting
        .writes("operator")
        .iter()
        .filter(|write| write.contains("electrumservers/a.example.org"))
        .count();
    assert_eq!(said, 1);

    exclusions.delete("asked", &DeleteParams::default()).await.expect("deleted");
    eventually("nobody is excluded", async || excluded("a.example.org").await.is_none().then_some(())).await;
    operator.stop().await;
}

#[tokio::test]
async fn who_sees_one_namespace_marks_its_servers_and_says_nothing_on_exclusions() {
    let setting = Setting::new().await;
    let operator = setting.operator_with("operator", Some("default")).await;
    let servers: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    let exclusions: Api<ScanExclusion> = Api::all(setting.cluster.client());
    let wish = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
        "metadata": {"name": "asked"}, "spec": {"hosts": ["a.example.org"], "reason": "They asked."}});
    let wish: ScanExclusion = serde_json::from_value(wish).expect("an exclusion");
    exclusions.create(&PostParams::default(), &wish).await.expect("made");
    let made = async |name: &str| {
        let server = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": name}, "spec": {"network": "testnet4", "host": "a.example.org",
            "ports": [{"port": 50002, "transport": "ssl"}]}});
        let server = serde_json::from_value(server).expect("a server");
        servers.create(&PostParams::default(), &server).await.expect("made");
        eventually("the server is excluded", async || {
            let conditions = servers.get(name).await.ok()?.status?.conditions;
            conditions.iter().any(|each| each.type_ == "Excluded").then_some(())
        })
        .await;
    };
    // What is said on exclusions is said after the marks: with the second the first look is over.
    made("first").await;
    made("second").await;
    assert_eq!(exclusions.get("asked").await.expect("there").status, None);
    operator.stop().await;
}

fn wish(name: &str, spec: &Value) -> ScanExclusion {
    let mut wish = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
        "metadata": {"name": name}, "spec": spec});
    wish["spec"]["reason"] = json!("The operator asked us to.");
    serde_json::from_value(wish).expect("an exclusion")
}

/// Waits until scanners would follow these rules, whoever's they are; for how long it took.
async fn followed(watch: &mut Watch, rules: &[&str]) -> Duration {
    let began = Instant::now();
    loop {
        // Redis may only be coming up again.
        let Ok(text) = watch.next().await else { continue };
        if text.lines().map(|line| line.split(" #").next().unwrap_or(line)).eq(rules.iter().copied()) {
            return began.elapsed();
        }
    }
}

#[tokio::test]
async fn scanners_have_exclusions_within_a_second_and_what_redis_lost_comes_back() {
    let mut setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let client = setting.cluster.client();
    let exclusions: Api<ScanExclusion> = Api::all(client.clone());
    let applied = async |name: &str, reason: &str| -> Condition {
        eventually(&format!("{name} is {reason}"), async || {
            let found = exclusions.get(name).await.ok()?;
            let status = found.status?;
            let condition = status.conditions.into_iter().find(|each| each.type_ == "Applied")?;
            (condition.reason == reason).then_some(condition)
        })
        .await
    };
    let mut watch = Watch::new(setting.redis.redis());
    // Before anybody asked to be left alone, scanners are told that nobody did.
    followed(&mut watch, &[]).await;

    exclusions
        .create(&PostParams::default(), &wish("asked", &json!({"domains": ["example.org"]})))
        .await
        .expect("made");
    let took = followed(&mut watch, &[".example.org"]).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let said = applied("asked", "Published").await;
    assert_eq!(said.message, "the scanners of every campaign have it; it covers 0 known servers");

    // A server's own wish, and an exclusion of which one rule means nothing: the rest of it holds.
    let servers: Api<ElectrumServer> = Api::default_namespaced(client.clone());
    let server = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
        "metadata": {"name": "shy"}, "spec": {"network": "testnet4", "host": "shy.example.net", "exclude": true,
        "ports": [{"port": 50002, "transport": "ssl"}]}});
    servers
        .create(&PostParams::default(), &serde_json::from_value(server).expect("a server"))
        .await
        .expect("made");
    followed(&mut watch, &[".example.org", "shy.example.net"]).await;
    let odd = wish("odd", &json!({"hosts": ["a..b", "c.example.net"]}));
    exclusions.create(&PostParams::default(), &odd).await.expect("made");
    followed(&mut watch, &[".example.org", "c.example.net", "shy.example.net"]).await;
    assert!(applied("odd", "InvalidRule").await.message.starts_with("\"a..b\" protects nobody"));

    // Redis is away: what is new is not applied, and says so; what scanners have they keep.
    setting.redis.kill();
    let patch = Patch::Merge(json!({"spec": {"hosts": ["d.example.net"]}}));
    exclusions.patch("odd", &PatchParams::default(), &patch).await.expect("changed");
    assert_eq!(applied("odd", "RedisAway").await.status, "False");
    assert_eq!(applied("asked", "Published").await.status, "True");
    // It comes back with nothing in it.
    setting.redis.restart().await;
    followed(&mut watch, &[".example.org", "d.example.net", "shy.example.net"]).await;
    assert_eq!(applied("odd", "Published").await.status, "True");

    exclusions.delete("asked", &DeleteParams::default()).await.expect("deleted");
    followed(&mut watch, &["d.example.net", "shy.example.net"]).await;
    operator.stop().await;
}

#[tokio::test]
async fn a_redis_in_which_another_operator_publishes_is_left_to_it() {
    let setting = Setting::new().await;
    let redis = setting.redis.redis();
    assert_eq!(take_on(&redis, "elsewhere").await.expect("answers"), None);
    publish(&redis, "shy.example.net\n").await.expect("published");
    let operator = setting.operator_with("operator", Some("default")).await;
    let waits = "the operator in namespace elsewhere publishes exclusions in this Redis";
    eventually("it says what it waits for", async || {
        operator.get("/readyz").await.1.contains(waits).then_some(())
    })
    .await;
    assert_eq!((setting.writes("operator"), setting.turns("operator")), (Vec::new(), 0), "it does nothing");
    let version_of_others = published(&redis).await.expect("answers");
    assert_eq!(version_of_others, Some(version("shy.example.net\n")));

    // The other ends, and its minute with it.
    let leave = redis::cmd("DEL").arg("eo:{exclusions}:publisher").to_owned();
    redis.call::<()>(&leave).await.expect("left");
    let mut watch = Watch::new(setting.redis.redis());
    followed(&mut watch, &[]).await;
    assert_eq!(take_on(&redis, "elsewhere").await.expect("answers").as_deref(), Some("default"));
    operator.stop().await;
}

#[tokio::test]
async fn who_finds_another_publishing_says_so_and_publishes_nothing() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let mut watch = Watch::new(setting.redis.redis());
    followed(&mut watch, &[]).await;
    let redis = setting.redis.redis();
    let take = redis::cmd("SET").arg(&["eo:{exclusions}:publisher", "elsewhere"]).to_owned();
    redis.call::<()>(&take).await.expect("taken");
    let exclusions: Api<ScanExclusion> = Api::all(setting.cluster.client());
    let asked = wish("asked", &json!({"domains": ["example.org"]}));
    exclusions.create(&PostParams::default(), &asked).await.expect("made");
    let said = eventually("it says why it is not applied", async || {
        let conditions = exclusions.get("asked").await.ok()?.status?.conditions;
        conditions.into_iter().find(|each| each.type_ == "Applied" && each.reason == "RedisShared")
    })
    .await;
    assert_eq!(said.status, "False");
    assert_eq!(watch.changed().await.expect("answers"), None, "the other's rules hold");
    operator.stop().await;
}
