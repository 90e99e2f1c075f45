//! The analyzer as its CronJob runs it: visits that wait in a real Redis become suspicion in the statuses of servers and
//! figures in that of their campaign, by a program that may do what its role allows.

mod support;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use cluster::eventually;
use crds::{ElectrumServer, ScanCampaign};
use electrum::Host;
use fleet::{
    Redis,
    pack::{Seen, pack},
};
use futures_util::TryStreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use model::{Archive, Visit, assessment::Level};
use serde_json::{Value, json};
use support::Setting;

/// A small network in which some falsify what they say, and what is true of it.
struct Net {
    visits: Vec<Visit>,
    truths: Vec<Value>,
}

impl Net {
    async fn simulated() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let test = std::env::current_exe().expect("a test");
        let program = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("observatory");
        let mut simulate = Command::new(&program);
        simulate.args(["simulate", "--scenario", "x9-fee-burn", "--days", "3", "--profile", "deep"]);
        let done = simulate.arg("--archive").arg(place("archive")).arg("--out").arg(place("net")).output();
        let done = done
            .unwrap_or_else(|error| panic!("{}: {error}: cargo build --workspace --bins", program.display()));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let archive = Archive::open(&place("archive").to_string_lossy()).expect("an archive");
        let visits = archive.read().try_collect().await.expect("visits");
        Self { visits, truths: truths(&place("net")) }
    }

    /// Hosts that were visited, and whether something must be held against each.
    fn hosts(&self) -> BTreeMap<Host, bool> {
        let is_false = |host: &Host| {
            let of = |truth: &&Value| {
                truth["hosts"].as_array().is_some_and(|hosts| hosts.contains(&json!(host.to_string())))
            };
            self.truths.iter().find(of).is_some_and(|truth| truth["expected"] != json!([]))
        };
        self.visits
            .iter()
            .map(|visit| (visit.endpoint.host.clone(), is_false(&visit.endpoint.host)))
            .collect()
    }

    /// Puts the visits into the stream as workers do.
    async fn put(&self, redis: &Redis) {
        let mut seen = Seen::default();
        for visit in &self.visits {
            let packed = pack(visit, &mut seen).expect("packs");
            for (digest, answer) in packed.answers {
                let mut set = redis::cmd("SET");
                set.arg(format!("eo:{{default/main}}:answer:{digest}")).arg(answer);
                redis.call::<()>(&set).await.expect("keeps");
            }
            let mut add = redis::cmd("XADD");
            add.arg("eo:{default/main}:visits").arg("*").arg("v").arg(packed.entry);
            add.arg("lane").arg("deep").arg("doubtful").arg("0").arg("up").arg("1");
            redis.call::<()>(&add).await.expect("adds");
        }
    }
}

fn truths(net: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(net.join("truth.json")).expect("written")).expect("truths")
}

/// Runs the CronJob of the campaign to its end; gives what its pods wrote.
async fn analyse(setting: &Setting) -> String {
    let client = setting.cluster.client();
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let name = setting.kubelet.run_now("default", "main-analysis").await.expect("a Job");
    let ended = eventually("the Job has ended", async || {
        let conditions = jobs.get(&name).await.ok()?.status?.conditions?;
        conditions
            .iter()
            .find(|each| ["Complete", "Failed"].contains(&&*each.type_))
            .map(|each| each.type_.clone())
    })
    .await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::default_namespaced(client);
    let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
    let pods = pods.list(&of_job).await.expect("a list").items;
    let log = |pod: &k8s_openapi::api::core::v1::Pod| {
        setting.kubelet.logs("default", pod.metadata.name.as_deref()?, "analyzer").ok()
    };
    let logs: String = pods.iter().filter_map(log).collect();
    assert_eq!(ended, "Complete", "{logs}");
    logs
}

async fn servers(setting: &Setting) -> Vec<ElectrumServer> {
    let api: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    api.list(&ListParams::default()).await.expect("a list").items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_against_servers_is_told_and_told_once() {
    let net = Net::simulated().await;
    let setting = Setting::new().await;
    setting.install("analyzer");
    let operator = setting.operator("operator").await;
    setting
        .kubectl([
            "create",
            "rolebinding",
            "analyzer",
            "--clusterrole=electrum-observatory-analyzer",
            "--serviceaccount=default:observatory-analyzer",
        ])
        .await;
    setting.campaign("main", &json!({"network": "regtest", "retention": {"visits": "9999d"}})).await;
    setting.until("main", "Ready", "Running").await;
    let api: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    let make = async |name: &str, spec: Value| {
        let server = serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": name}, "spec": spec,
        }));
        api.create(&PostParams::default(), &server.expect("a server")).await.expect("made");
    };
    let ports = json!([{"port": 50002, "transport": "ssl"}]);
    let hosts = net.hosts();
    // Some name their campaign; others are the first one's of their network.
    for (number, host) in hosts.keys().enumerate() {
        let campaign = (number % 2 == 0).then_some("main");
        make(
            &format!("es-{number}"),
            json!({"network": "regtest", "host": host.to_string(), "ports": ports, "campaign": campaign}),
        )
        .await;
    }
    let (host, _) = hosts.first_key_value().expect("a host");
    make(
        "es-others",
        json!({"network": "regtest", "host": host.to_string(), "ports": ports, "campaign": "other"}),
    )
    .await;
    make("es-unseen", json!({"network": "regtest", "host": "unseen.example", "ports": ports})).await;

    net.put(&setting.redis.redis()).await;
    let log = analyse(&setting).await;
    let (mut dishonest, mut honest) = (0, 0);
    for server in servers(&setting).await {
        let (name, status) = (server.metadata.name.unwrap_or_default(), server.status);
        let suspicion = status.and_then(|status| status.suspicion);
        if ["es-others", "es-unseen"].contains(&&*name) {
            assert_eq!(suspicion, None, "{name}");
            continue;
        }
        let suspicion = suspicion.unwrap_or_else(|| panic!("{name}: {log}"));
        if hosts[&server.spec.host.parse::<Host>().expect("a host")] {
            assert!(suspicion.score >= 80 && suspicion.level == Level::Dishonest, "{name}: {suspicion:?}");
            assert!(!suspicion.findings[0].evidence.is_empty(), "{suspicion:?}");
            dishonest += 1;
        } else {
            assert!(suspicion.score < 30, "{name}: {suspicion:?}");
            honest += 1;
        }
    }
    assert!(dishonest > 0 && honest > 3, "{dishonest} and {honest}");
    let told = async || -> ScanCampaign { setting.campaigns().get("main").await.expect("there") };
    let first = told().await.status.expect("a status").analysis.expect("an analysis");
    let summary = first.summary.expect("figures");
    assert!(summary.dishonest > 0 && summary.servers >= summary.dishonest + summary.clear, "{summary:?}");
    assert_eq!(usize::try_from(summary.visits), Ok(net.visits.len()));
    assert!(first.report.expect("a place").ends_with("/main/report/index.html"));
    let table = setting.kubectl(["get", "es"]).await;
    assert!(table.contains("dishonest"), "{table}");

    // Nothing was seen since: only that there was another analysis is worth a write.
    let writes = setting.writes("observatory-analyzer").len();
    assert_eq!(writes, hosts.len() + 1, "{:?}", setting.writes("observatory-analyzer"));
    analyse(&setting).await;
    let again = setting.writes("observatory-analyzer").split_off(writes);
    assert_eq!(again, ["patch scancampaigns/main status"]);
    let second = told().await.status.expect("a status").analysis.expect("an analysis");
    assert!(second.last_run > first.last_run && second.summary == Some(summary));
    operator.stop().await;
}
