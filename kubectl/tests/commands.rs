//! Every command of docs/kubectl.md, run against a real API server: what stands there is what they print.

mod document;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use cluster::Cluster;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A cluster with the definitions and the resources of example.yaml, statuses included.
async fn example() -> Cluster {
    let cluster = Cluster::start().await.expect("a cluster");
    let folder = tempfile::tempdir().expect("a folder");
    let definitions = folder.path().join("crds.yaml");
    fs::write(&definitions, crds::yaml::all().expect("definitions")).expect("written");
    // `kubectl get` says how long ago that was.
    let yesterday = Timestamp::now() - SignedDuration::from_mins(26 * 60 + 30);
    let example = folder.path().join("example.yaml");
    let text = include_str!("example.yaml").replace("YESTERDAY", &yesterday.to_string());
    fs::write(&example, text).expect("written");
    for (file, more) in [(&definitions, None), (&example, None), (&example, Some("--subresource=status"))] {
        let file = file.display().to_string();
        let words = ["apply", "--server-side", "--force-conflicts", "-f", &file].into_iter().chain(more);
        cluster.kubectl(words).await.expect("applied");
        if more.is_none() {
            let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"];
            cluster.kubectl(established).await.expect("established");
        }
    }
    cluster
}

/// What a command of the document prints. `kubectl observatory` finds the program on the PATH, as kubectl does.
async fn run(cluster: &Cluster, command: &str) -> String {
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-observatory")).parent().expect("a folder");
    let tools = cluster.kubectl_program().parent().expect("a folder").display().to_string();
    let path = format!("{}:{tools}:{}", plugin.display(), env::var("PATH").expect("a PATH"));
    let output = Command::new("sh")
        .args(["-c", command])
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("PATH", path)
        .current_dir(root())
        .output()
        .await
        .expect("sh");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    without_ages(&said)
}

/// How old an object is differs from run to run.
fn without_ages(text: &str) -> String {
    let is_age = |word: &str| {
        word.ends_with(['s', 'm', 'h', 'd'])
            && word.trim_end_matches(['s', 'm', 'h', 'd']).parse::<u32>().is_ok()
    };
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if let Some(last) = words.last_mut().filter(|word| is_age(word)) {
            *last = "3d";
        }
        words.join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn the_document_shows_what_the_commands_print() {
    let cluster = example().await;
    document::shows("kubectl.md", async |command| run(&cluster, command).await, str::to_owned).await;
}

#[tokio::test]
async fn machines_are_told_in_json_and_mistakes_in_a_line() {
    let cluster = example().await;
    let top = run(&cluster, "kubectl observatory top --json").await;
    let rows: Vec<Value> = top.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let scores: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row["server"].as_str().expect("a host"), row["suspicion"]["score"].as_i64()))
        .collect();
    assert_eq!(scores["fee.example.org"], Some(100));
    assert_eq!(rows.len(), 3, "who was not judged is not suspicious");
    let plan = run(&cluster, "kubectl observatory plan mainnet --json").await;
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!((plan["servers"].as_u64(), plan["excluded"].as_u64()), (Some(3), Some(1)), "{plan}");
    for (command, words, code) in [
        ("explain fee", "there is fee.example.org", 2),
        ("plan nobody", "there is no ScanCampaign nobody in the namespace default", 2),
        ("top --context nowhere", "--context nowhere", 2),
        ("lint docs/kubectl.md", "not YAML", 1),
    ] {
        let said = run(&cluster, &format!("kubectl observatory {command}; echo code $?")).await;
        assert!(said.contains(words) && said.contains(&format!("code {code}")), "{command}: {said}");
    }
}
