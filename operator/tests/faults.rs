//! What goes wrong around the operator, and that it goes on.

mod support;

use std::{sync::Mutex, time::Duration};

use cluster::eventually;
use crds::ScanExclusion;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use operator::leader::WRITES;
use serde_json::json;
use support::Setting;

#[tokio::test]
async fn of_two_operators_one_writes_and_the_other_takes_over() {
    let setting = Setting::new().await;
    let first = setting.operator("first").await;
    first.leads().await;
    let second = setting.operator("second").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    assert!(second.metric("operator_leader").await < 0.5);
    assert_eq!(setting.writes("second"), Vec::<String>::new());

    // Killed: the lease has to run out. Within 20 s, and as much again for a machine that is busy.
    let done = setting.writes("first");
    first.kill();
    setting.change("main", json!({"vantages": [{"name": "here"}, {"name": "there"}]})).await;
    let leases: Api<Lease> = Api::default_namespaced(setting.cluster.client());
    let lease = async || leases.get(operator::names::OPERATOR).await.ok()?.spec;
    let renewed = Mutex::new(None);
    let taken = eventually("the second has the lease", async || {
        let lease = lease().await?;
        if lease.holder_identity.as_deref() == Some("second") {
            return lease.acquire_time;
        }
        *renewed.lock().expect("not poisoned") = lease.renew_time;
        None
    })
    .await;
    let renewed = renewed.into_inner().expect("not poisoned").expect("it was the first's");
    let without = taken.0.duration_since(renewed.0).unsigned_abs();
    assert!(without > WRITES && without < Duration::from_secs(40), "{without:?}");
    eventually("the second writes", async || (!setting.writes("second").is_empty()).then_some(())).await;
    setting.until("main", "Ready", "Running").await;

    // Told to stop: the lease is given back.
    let third = setting.operator("third").await;
    second.stop().await;
    assert_ne!(lease().await.and_then(|lease| lease.holder_identity).as_deref(), Some("second"));
    third.leads().await;
    let by_second = setting.writes("second");
    setting.change("main", json!({"suspend": true})).await;
    setting.until("main", "Ready", "Suspended").await;
    assert_eq!((setting.writes("first"), setting.writes("second")), (done, by_second));
    third.stop().await;
}

#[tokio::test]
async fn who_loses_the_lease_stops_writing_and_makes_up_for_it_when_it_is_back() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    let leases: Api<Lease> = Api::default_namespaced(setting.cluster.client());
    let hand_over = async |to: &str| {
        let patch = json!({"spec": {"holderIdentity": to, "leaseDurationSeconds": 3600}});
        let patch = Patch::Merge(patch);
        leases.patch(operator::names::OPERATOR, &PatchParams::default(), &patch).await.expect("patched");
    };
    hand_over("somebody").await;
    eventually("it has noticed", async || (operator.metric("operator_leader").await < 0.5).then_some(()))
        .await;

    let before = setting.writes("operator");
    setting.change("main", json!({"suspend": true})).await;
    let exclusion = json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
        "metadata": {"name": "asked"}, "spec": {"hosts": ["example.org"], "reason": "They asked."}});
    let exclusion: ScanExclusion = serde_json::from_value(exclusion).expect("an exclusion");
    let exclusions: Api<ScanExclusion> = Api::all(setting.cluster.client());
    exclusions.create(&PostParams::default(), &exclusion).await.expect("made");
    let turns = setting.turns("operator");
    eventually("it looks at the lease again", async || (setting.turns("operator") > turns + 1).then_some(()))
        .await;
    assert_eq!(setting.writes("operator"), before);

    hand_over("").await;
    setting.until("main", "Ready", "Suspended").await;
    eventually("exclusions as well", async || exclusions.get("asked").await.ok()?.status?.servers).await;
    operator.stop().await;
}

#[tokio::test]
async fn an_api_server_that_was_away_is_taken_up_again() {
    let mut setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    setting.cluster.kill_api_server();
    eventually("the operator has noticed", async || {
        let (_, metrics) = operator.get("/metrics").await;
        metrics.contains("operator_watch_errors_total{").then_some(())
    })
    .await;
    setting.cluster.restart_api_server().await.expect("it starts");
    setting.change("main", json!({"vantages": [{"name": "here"}, {"name": "there"}]})).await;
    setting.until("main", "Ready", "Running").await;
    assert_eq!(operator.get("/healthz").await.0, 200);
    operator.stop().await;
}

#[tokio::test]
async fn readiness_names_the_definitions_that_are_missing() {
    let setting = Setting::bare().await;
    let operator = setting.operator("operator").await;
    eventually("it says what it waits for", async || {
        let (status, said) = operator.get("/readyz").await;
        (status == 503 && said.contains("scancampaigns, electrumservers, scanexclusions")).then_some(())
    })
    .await;
    setting.define().await;
    eventually("it is ready", async || (operator.get("/readyz").await.0 == 200).then_some(())).await;
    operator.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_stops_nobody() {
    let setting = Setting::new().await;
    // As definitions of another version might: any network passes.
    let network = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/network/enum";
    let patch = json!([{"op": "remove", "path": network}]).to_string();
    let definition = "scancampaigns.electrumobservatory.org";
    setting.kubectl(["patch", "crd", definition, "--type=json", "--patch", &patch]).await;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(crds::GROUP, crds::VERSION, "ScanCampaign"));
    let campaigns: Api<DynamicObject> = Api::default_namespaced_with(setting.cluster.client(), &kind);
    let odd = DynamicObject::new("odd", &kind)
        .data(json!({"spec": {"network": "dogecoin", "vantages": [{"name": "here"}]}}));
    eventually("the odd one is taken", async || campaigns.create(&PostParams::default(), &odd).await.ok())
        .await;

    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    eventually("the odd one is complained of", async || {
        let told = setting.kubectl(["get", "events.events.k8s.io", "-o", "json"]).await;
        (told.contains("\"Malformed\"") && told.contains("dogecoin")).then_some(())
    })
    .await;
    eventually("it is counted", async || {
        (operator.metric("operator_malformed_resources{kind=\"ScanCampaign\"}").await > 0.5).then_some(())
    })
    .await;
    operator.stop().await;
}
