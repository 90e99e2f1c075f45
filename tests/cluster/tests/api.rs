//! The API server: what of the real thing the operator relies on.

use cluster::{Cluster, eventually};
use futures_util::{StreamExt, pin_mut};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, Error, ResourceExt};
use serde_json::{Value, json};

fn refusal<T: std::fmt::Debug>(outcome: kube::Result<T>) -> kube::core::Status {
    match outcome {
        Err(Error::Api(status)) => *status,
        other => panic!("not refused: {other:?}"),
    }
}

fn config(name: &str, data: &Value) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name }, "data": data })).expect("a ConfigMap")
}

/// A kind with a rule, a transition rule, a selectable field and a status.
async fn define(client: &Client) -> Api<DynamicObject> {
    let crd: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": { "name": "scans.example.test" },
        "spec": {
            "group": "example.test", "scope": "Namespaced",
            "names": { "plural": "scans", "singular": "scan", "kind": "Scan", "shortNames": ["sc"] },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                "selectableFields": [{ "jsonPath": ".spec.network" }],
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "spec": { "type": "object", "required": ["network"],
                        "x-kubernetes-validations": [{ "rule": "self.most >= self.least", "message": "most is less than least" }],
                        "properties": {
                            "network": { "type": "string", "x-kubernetes-validations": [{ "rule": "self == oldSelf", "message": "is for ever" }] },
                            "least": { "type": "integer", "default": 1 }, "most": { "type": "integer", "default": 9 } } },
                    "status": { "type": "object", "properties": { "seen": { "type": "integer" } } } } } }
            }],
        },
    }))
    .expect("a CustomResourceDefinition");
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.create(&PostParams::default(), &crd).await.expect("the definition is accepted");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.test", "v1", "Scan"));
    let scans: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &kind);
    eventually("the kind is served", async || scans.list(&ListParams::default()).await.ok()).await;
    scans
}

fn scan(name: &str, spec: &Value) -> DynamicObject {
    let object = json!({ "apiVersion": "example.test/v1", "kind": "Scan", "metadata": { "name": name }, "spec": spec });
    serde_json::from_value(object).expect("an object")
}

#[tokio::test]
async fn custom_resources_are_held_to_their_rules() {
    let cluster = Cluster::start().await.expect("a cluster");
    let scans = define(&cluster.client()).await;
    let post = PostParams::default();

    let refused =
        refusal(scans.create(&post, &scan("a", &json!({ "network": "x", "least": 3, "most": 2 }))).await);
    assert!(refused.message.contains("most is less than least"), "{}", refused.message);
    let made = scans.create(&post, &scan("a", &json!({ "network": "x" }))).await.expect("keeps the rule");
    assert_eq!(
        (&made.data["spec"]["least"], made.metadata.generation),
        (&json!(1), Some(1)),
        "defaults are filled in"
    );

    let change = Patch::Merge(json!({ "spec": { "network": "y" } }));
    let refused = refusal(scans.patch("a", &PatchParams::default(), &change).await);
    assert!(refused.message.contains("is for ever"), "{}", refused.message);

    let status = Patch::Merge(json!({ "spec": { "most": 5 }, "status": { "seen": 7 } }));
    let after = scans.patch_status("a", &PatchParams::default(), &status).await.expect("a status");
    assert_eq!((&after.data["spec"]["most"], &after.data["status"]["seen"]), (&json!(9), &json!(7)));
    assert_eq!(after.metadata.generation, Some(1), "a status is no new generation");

    scans.create(&post, &scan("b", &json!({ "network": "z" }))).await.expect("another");
    let selected =
        scans.list(&ListParams::default().fields("spec.network=z")).await.expect("a selectable field");
    assert_eq!(selected.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["b"]);
    assert!(
        cluster.kubectl(["get", "sc", "-o", "name"]).await.expect("kubectl").contains("scan.example.test/b")
    );

    let strict = PatchParams::apply("me").validation_strict();
    let unknown = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" }, "dta": {} });
    let kind = ApiResource::erase::<ConfigMap>(&());
    let configs: Api<DynamicObject> = Api::default_namespaced_with(cluster.client(), &kind);
    let refused = refusal(configs.patch("c", &strict, &Patch::Apply(unknown)).await);
    assert!(refused.message.contains("dta"), "{}", refused.message);
}

#[tokio::test]
async fn fields_have_owners_and_changes_are_watched() {
    let cluster = Cluster::start().await.expect("a cluster");
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let events = configs.watch(&WatchParams::default(), "0").await.expect("a watch");
    pin_mut!(events);

    let apply = |value: &str| {
        Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" }, "data": { "key": value } }))
    };
    configs.patch("c", &PatchParams::apply("one"), &apply("1")).await.expect("mine");
    let conflict = refusal(configs.patch("c", &PatchParams::apply("two"), &apply("2")).await);
    assert!(conflict.is_conflict() && conflict.message.contains("\"one\""), "{}", conflict.message);
    let taken = configs.patch("c", &PatchParams::apply("two").force(), &apply("2")).await.expect("taken");

    let mut stale = taken.clone();
    configs.patch("c", &PatchParams::apply("two"), &apply("3")).await.expect("mine now");
    stale.metadata.managed_fields = None;
    assert!(
        refusal(configs.replace("c", &PostParams::default(), &stale).await).is_conflict(),
        "an old version"
    );

    let mut seen = Vec::new();
    while seen.len() < 3 {
        match events.next().await.expect("the watch goes on").expect("an event") {
            WatchEvent::Added(each) | WatchEvent::Modified(each) => {
                seen.push(each.data.and_then(|data| data.get("key").cloned()).unwrap_or_default());
            }
            _ => {}
        }
    }
    assert_eq!(seen, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_server_that_was_killed_comes_back_with_what_it_had() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    configs.create(&PostParams::default(), &config("kept", &json!({ "a": "b" }))).await.expect("made");
    cluster.kill_api_server();
    assert!(tokio::net::TcpStream::connect(address(&cluster)).await.is_err(), "nobody listens");
    cluster.restart_api_server().await.expect("it starts again");
    let found = configs.get("kept").await.expect("it is there");
    assert_eq!(found.data.expect("data")["a"], "b");
}

fn address(cluster: &Cluster) -> String {
    let text = std::fs::read_to_string(cluster.kubeconfig()).expect("a kubeconfig");
    let config: Value = serde_json::from_str(&text).expect("JSON");
    let server = config["clusters"][0]["cluster"]["server"].as_str().expect("an address").to_owned();
    server.trim_start_matches("https://").to_owned()
}

#[tokio::test]
async fn users_may_do_what_roles_allow() {
    let cluster = Cluster::start().await.expect("a cluster");
    let account: ServiceAccount =
        serde_json::from_value(json!({ "metadata": { "name": "bot" } })).expect("an account");
    let accounts: Api<ServiceAccount> = Api::default_namespaced(cluster.client());
    accounts.create(&PostParams::default(), &account).await.expect("made");
    for arguments in [
        "create role reader --verb=get,list --resource=configmaps --resource-name=c",
        "create rolebinding bots --role=reader --serviceaccount=default:bot",
        "create clusterrole writer --verb=update --resource=deployments.apps/status",
        "create clusterrolebinding eve --clusterrole=writer --user=eve",
        "create configmap c",
    ] {
        cluster.kubectl(arguments.split(' ')).await.expect(arguments);
    }
    let bot = cluster.service_account("default", "bot").await.expect("a token");
    let configs: Api<ConfigMap> = Api::default_namespaced(bot.client());
    configs.get("c").await.expect("granted by name");
    assert!(refusal(configs.get("d").await).is_forbidden());
    assert!(refusal(configs.delete("c", &Default::default()).await).is_forbidden());

    let eve = cluster.user("eve", None).await.expect("a certificate");
    let deployments: Api<Deployment> = Api::namespaced(eve.client(), "other");
    let wanted: Deployment = serde_json::from_value(json!({ "metadata": { "name": "d" }, "spec": {
        "selector": {}, "template": {} } }))
    .expect("a Deployment");
    assert!(
        refusal(deployments.replace_status("d", &PostParams::default(), &wanted).await).is_not_found(),
        "granted"
    );
    assert!(refusal(deployments.replace("d", &PostParams::default(), &wanted).await).is_forbidden());

    accounts.delete("bot", &Default::default()).await.expect("gone");
    assert_eq!(refusal(configs.get("c").await).code, 401, "a token dies with its account");

    let log = std::fs::read_to_string(cluster.audit_log()).expect("an audit log");
    let said = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let denied: Vec<Value> = said
        .filter(|event| event["user"]["username"] == "system:serviceaccount:default:bot")
        .filter(|event| event["responseStatus"]["code"] == 403)
        .map(|event| event["verb"].clone())
        .collect();
    assert_eq!(denied, ["get", "delete"]);
}
