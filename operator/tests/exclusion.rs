//! Exclusions show on the servers that they cover, and are taken back, on a real API server.

mod support;

use std::time::Instant;

use cluster::eventually;
use crds::{ElectrumServer, ScanExclusion};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;
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
