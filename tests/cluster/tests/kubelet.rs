//! The stand-in for controllers and nodes, with programs of this machine as containers.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::kubelet::{Image, Settings};
use cluster::{Cluster, Kubelet, eventually};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Setting {
    kubelet: Kubelet,
    cluster: Cluster,
}

impl Setting {
    async fn new() -> Self {
        let cluster = Cluster::start().await.expect("a cluster");
        let entrypoint = vec!["sh".into(), "-c".into()];
        let settings = Settings {
            images: BTreeMap::from([("tools:1".into(), Image { programs: "/usr/bin".into(), entrypoint })]),
            names: BTreeMap::from([("store.default.svc".into(), "127.9.9.9".into())]),
        };
        let kubelet = Kubelet::start(&cluster, settings).expect("a kubelet");
        Self { kubelet, cluster }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::default_namespaced(self.cluster.client())
    }

    async fn make<K>(&self, object: &Value)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Serialize
            + std::fmt::Debug,
    {
        let object: K = serde_json::from_value(object.clone()).expect("an object of its kind");
        self.api::<K>().create(&PostParams::default(), &object).await.expect("made");
    }

    async fn pods(&self, app: &str) -> Vec<Pod> {
        let selected = ListParams::default().labels(&format!("app={app}"));
        self.api::<Pod>().list(&selected).await.expect("a list").items
    }
}

fn template(app: &str, restart: &str, container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = json!("main");
    container["image"] = json!("tools:1");
    json!({ "metadata": { "labels": { "app": app } }, "spec": { "restartPolicy": restart, "containers": [container],
        "terminationGracePeriodSeconds": 2 } })
}

fn job(name: &str, script: &str, limit: i32) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "backoffLimit": limit, "template": template(name, "Never", &json!({ "args": [script] })) } })
}

async fn get(pod: &Pod, path: &str) -> Option<String> {
    let address = pod.status.as_ref()?.pod_ip.clone()?;
    let mut stream = TcpStream::connect(format!("{address}:8080")).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn ready(deployment: &Deployment) -> i32 {
    deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0)
}

#[tokio::test]
async fn a_deployment_is_run_scaled_updated_and_deleted() {
    let setting = Setting::new().await;
    let deployments = setting.api::<Deployment>();
    setting
        .make::<ConfigMap>(
            &json!({ "metadata": { "name": "site" }, "data": { "page": "first of store.default.svc" } }),
        )
        .await;
    let mut pods = template(
        "web",
        "Always",
        &json!({
            "command": ["python3", "-m", "http.server", "8080", "--bind", "$(POD_IP)", "--directory", "/srv/site"],
            "env": [{ "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } }],
            "ports": [{ "name": "http", "containerPort": 8080 }],
            "readinessProbe": { "httpGet": { "path": "/page", "port": "http" }, "periodSeconds": 1 },
            "volumeMounts": [{ "name": "site", "mountPath": "/srv/site" }],
        }),
    );
    pods["spec"]["volumes"] = json!([{ "name": "site", "configMap": { "name": "site" } }]);
    setting
        .make::<Deployment>(&json!({ "metadata": { "name": "web" }, "spec": { "replicas": 2,
        "selector": { "matchLabels": { "app": "web" } }, "template": pods } }))
        .await;

    let is_ready = async |count: i32| {
        eventually("the Deployment is ready", async || {
            let found = deployments.get("web").await.ok()?;
            let observed = found.status.as_ref()?.observed_generation == found.metadata.generation;
            (observed && ready(&found) == count && found.status.as_ref()?.updated_replicas == Some(count))
                .then_some(())
        })
        .await;
    };
    is_ready(2).await;
    let first = setting.pods("web").await;
    assert_eq!(get(&first[0], "/page").await.expect("an answer"), "first of 127.9.9.9");
    assert_ne!(first[0].status, first[1].status, "each has an address of its own");

    let page = Patch::Merge(json!({ "data": { "page": "second" } }));
    setting.api::<ConfigMap>().patch("site", &PatchParams::default(), &page).await.expect("changed");
    eventually("the change is mounted", async || (get(&first[0], "/page").await? == "second").then_some(()))
        .await;

    setting.cluster.kubectl(["scale", "deployment", "web", "--replicas=1"]).await.expect("scaled");
    is_ready(1).await;
    let update =
        Patch::Merge(json!({ "spec": { "template": { "metadata": { "annotations": { "a": "b" } } } } }));
    deployments.patch("web", &PatchParams::default(), &update).await.expect("updated");
    eventually("the new Pod is alone", async || {
        let pods = setting.pods("web").await;
        (pods.len() == 1 && pods[0].annotations().contains_key("a")).then_some(())
    })
    .await;
    is_ready(1).await;

    let last = setting.pods("web").await.remove(0);
    deployments.delete("web", &DeleteParams::default()).await.expect("deleted");
    eventually("no Pod is left", async || setting.pods("web").await.is_empty().then_some(())).await;
    assert_eq!(get(&last, "/page").await, None, "nor a process");
}

#[tokio::test]
async fn jobs_end_well_or_badly() {
    let setting = Setting::new().await;
    setting
        .make::<Secret>(&json!({ "metadata": { "name": "word" }, "stringData": { "key": "sesame" } }))
        .await;
    let mut good = job("good", "echo \"$WORD\"", 0);
    good["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "WORD", "valueFrom": { "secretKeyRef": { "name": "word", "key": "key" } } }]);
    setting.make::<Job>(&good).await;
    setting.make::<Job>(&job("bad", "exit 3", 1)).await;

    let jobs = setting.api::<Job>();
    let ended = async |name: &str, how: &str| {
        eventually("the Job has ended", async || {
            let status = jobs.get(name).await.ok()?.status?;
            status.conditions.as_ref()?.iter().any(|each| each.type_ == how).then_some(status)
        })
        .await
    };
    assert_eq!(ended("good", "Complete").await.succeeded, Some(1));
    assert_eq!(ended("bad", "Failed").await.failed, Some(2), "one more than the limit");
    let pod = setting.pods("good").await.remove(0);
    assert_eq!(setting.kubelet.logs("default", &pod.name_any(), "main").expect("a log"), "sesame\n");

    jobs.delete("good", &DeleteParams::background()).await.expect("deleted");
    eventually("its Pod is gone", async || setting.pods("good").await.is_empty().then_some(())).await;
    jobs.delete("bad", &DeleteParams::default()).await.expect("deleted");
    eventually("the Job is gone", async || jobs.get_opt("bad").await.ok()?.is_none().then_some(())).await;
    let left = setting.pods("bad").await;
    assert!(
        left.len() == 2 && left[0].owner_references().is_empty(),
        "a Job orphans its Pods unless told otherwise"
    );
}

#[tokio::test]
async fn who_automounts_a_token_is_that_service_account() {
    let setting = Setting::new().await;
    setting.cluster.kubectl(["create", "serviceaccount", "reader"]).await.expect("made");
    for (name, automounts) in [("somebody", true), ("nobody", false)] {
        let mut whoami = job(name, "grep -o 'default.reader[^\"]*' \"$KUBECONFIG\" || exit 3", 0);
        whoami["spec"]["template"]["spec"]["serviceAccountName"] = json!("reader");
        whoami["spec"]["template"]["spec"]["automountServiceAccountToken"] = json!(automounts);
        setting.make::<Job>(&whoami).await;
    }
    let ended = async |name: &str, how: &str| {
        eventually("the Job has ended", async || {
            let conditions = setting.api::<Job>().get(name).await.ok()?.status?.conditions?;
            conditions.iter().any(|each| each.type_ == how).then_some(())
        })
        .await;
    };
    ended("somebody", "Complete").await;
    ended("nobody", "Failed").await;
    let pod = setting.pods("somebody").await.remove(0);
    let log = setting.kubelet.logs("default", &pod.name_any(), "main").expect("a log");
    assert!(log.contains(&pod.uid().expect("a uid")), "a file of its own: {log}");
}

#[tokio::test]
async fn a_cronjob_runs_by_hand_and_by_the_clock() {
    let setting = Setting::new().await;
    let cronjob = |name: &str, schedule: &str| {
        json!({ "metadata": { "name": name }, "spec": { "schedule": schedule,
        "concurrencyPolicy": "Forbid", "jobTemplate": { "spec": job(name, "true", 0)["spec"] } } })
    };
    setting.make::<CronJob>(&cronjob("seldom", "0 0 1 1 *")).await;
    let mut often = cronjob("often", "* * * * *");
    often["spec"]["suspend"] = json!(true);
    setting.make::<CronJob>(&often).await;
    let jobs = setting.api::<Job>();
    let complete = async |name: &str| {
        eventually("the Job is complete", async || {
            jobs.get(name).await.ok()?.status?.completion_time.map(drop)
        })
        .await;
    };
    complete(&setting.kubelet.run_now("default", "seldom").await.expect("a Job")).await;
    setting.cluster.kubectl(["create", "job", "another", "--from=cronjob/seldom"]).await.expect("a Job");
    complete("another").await;

    let cronjobs = setting.api::<CronJob>();
    let long_ago = "2026-01-01T00:00:00Z";
    let last = Patch::Merge(json!({ "status": { "lastScheduleTime": long_ago } }));
    cronjobs.patch_status("often", &PatchParams::default(), &last).await.expect("written");
    let resume = Patch::Merge(json!({ "spec": { "suspend": false } }));
    cronjobs.patch("often", &PatchParams::default(), &resume).await.expect("resumed");
    eventually("the one that is late has run", async || {
        let last = cronjobs.get("often").await.ok()?.status?.last_schedule_time?;
        (serde_json::to_value(last).ok()? != long_ago).then_some(())
    })
    .await;
    setting.cluster.kubectl(["delete", "cronjobs", "--all"]).await.expect("deleted");
    eventually("their Jobs are gone", async || {
        jobs.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_crashes_hangs_or_lingers_is_seen_to() {
    let mut setting = Setting::new().await;
    let pods = setting.api::<Pod>();
    let pod = |name: &str, container: &Value| {
        let mut pod = template(name, "Always", container);
        pod["metadata"]["name"] = json!(name);
        pod["spec"]["nodeName"] = json!("test-node");
        pod
    };
    setting.make::<Pod>(&pod("crashes", &json!({ "args": ["exit 7"] }))).await;
    let probe = json!({ "tcpSocket": { "port": 1 }, "periodSeconds": 1, "failureThreshold": 1 });
    setting.make::<Pod>(&pod("hangs", &json!({ "args": ["exec sleep 1000"], "livenessProbe": probe }))).await;
    setting
        .make::<Pod>(&pod("lingers", &json!({ "args": ["trap '' TERM; while :; do sleep 0.1; done"] })))
        .await;
    setting
        .make::<Pod>(&pod(
            "lacks",
            &json!({ "args": ["$X"], "env": [{ "name": "X", "valueFrom": {
        "configMapKeyRef": { "name": "none", "key": "x" } } }] }),
        ))
        .await;

    let status = async |name: &str| Some(pods.get(name).await.ok()?.status?.container_statuses?.remove(0));
    eventually("the one that crashes is started again", async || {
        let seen = status("crashes").await?;
        (seen.restart_count >= 2 && seen.last_state?.terminated?.exit_code == 7).then_some(())
    })
    .await;
    eventually("the one that hangs is, too", async || {
        let seen = status("hangs").await?;
        (seen.restart_count >= 1 && seen.last_state?.terminated?.exit_code == 143).then_some(())
    })
    .await;
    let reason =
        eventually("the one that lacks waits", async || status("lacks").await?.state?.waiting?.reason).await;
    assert_eq!(reason, "CreateContainerConfigError");

    eventually("the one that lingers runs", async || status("lingers").await?.state?.running).await;
    let asked = std::time::Instant::now();
    pods.delete("lingers", &DeleteParams::default()).await.expect("asked to end");
    eventually("it was killed", async || pods.get_opt("lingers").await.ok()?.is_none().then_some(())).await;
    assert!(asked.elapsed() >= Duration::from_secs(2), "and not before its time was up");

    setting.cluster.restart_api_server().await.expect("it starts again");
    pods.delete("hangs", &DeleteParams::default()).await.expect("asked to end");
    eventually("the kubelet goes on", async || pods.get_opt("hangs").await.ok()?.is_none().then_some(()))
        .await;
}

#[test]
fn the_restricted_profile_is_held_against_a_pod() {
    let refused = json!({ "hostNetwork": true, "containers": [{ "name": "main" }],
        "volumes": [{ "name": "host", "hostPath": { "path": "/" } }] });
    let spec = serde_json::from_value(refused).expect("a PodSpec");
    assert_eq!(cluster::security::violations(&spec).len(), 6);
    let fine = json!({ "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [{ "name": "main", "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } }] });
    let spec = serde_json::from_value(fine).expect("a PodSpec");
    assert_eq!(cluster::security::violations(&spec), Vec::<String>::new());
}
