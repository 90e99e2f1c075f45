//! A cluster with the definitions, the operator as its role allows it, and nodes that run the programs as they were built.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, process::Stdio};

use cluster::{
    Cluster, Kubelet, User,
    kubelet::{Image, Settings},
};
use serde_json::Value;

use crate::{
    Store,
    permissions::Table,
    process::{Process, free, program, programs},
};

const IMAGE: &str = "observatory:test";
/// The port of scanners.
const METRICS: u16 = 8080;
/// Lines of each log that a test that failed shows.
const LINES: usize = 25;
/// How the names of roles begin that are ours.
const ROLE: &str = "electrum-observatory-";
const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../operator/rbac.yaml");

/// An observatory, installed.
pub struct Site {
    /// The cluster.
    pub cluster: Cluster,
    /// What stands in for its nodes.
    pub kubelet: Kubelet,
    account: User,
    /// Where the operator is scraped.
    pub address: SocketAddr,
    arguments: Vec<String>,
    operator: Process,
    folder: tempfile::TempDir,
}

impl Site {
    /// Installs one that shares its work through that Redis, and knows by that database where addresses are.
    ///
    /// # Panics
    /// Where something cannot be started.
    pub async fn install(store: &Store, places: &Path) -> Self {
        let cluster = Cluster::start().await.expect("a cluster");
        let image = Image { programs: programs(), entrypoint: Vec::new() };
        let nodes = Settings { images: BTreeMap::from([(IMAGE.to_owned(), image)]), names: BTreeMap::new() };
        let kubelet = Kubelet::start(&cluster, nodes).expect("nodes");
        let folder = tempfile::tempdir().expect("a folder");
        let definitions = program("operator").arg("crds").output().expect("definitions");
        apply(&cluster, &String::from_utf8_lossy(&definitions.stdout)).await;
        kubectl(&cluster, &["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await;
        apply(&cluster, &fs::read_to_string(ROLES).expect("roles")).await;
        apply(&cluster, include_str!("site.yaml")).await;
        let account = cluster.service_account("default", "observatory-operator").await.expect("an account");
        let places = places.display().to_string();
        let arguments =
            ["run", "--image", IMAGE, "--redis", &store.url(), "--geoip", &places, "--grace-seconds", "15"];
        let mut arguments = arguments.map(str::to_owned).to_vec();
        let address = free();
        arguments.extend(["--listen".to_owned(), address.to_string()]);
        let operator = start(&account, &arguments, "operator-0", &folder);
        Self { cluster, kubelet, account, address, arguments, operator, folder }
    }

    /// kubectl, as administrator.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn kubectl(&self, words: &[&str]) -> String {
        kubectl(&self.cluster, words).await
    }

    /// What kubectl prints as JSON.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn json(&self, words: &[&str]) -> Value {
        let text = self.kubectl(&[words, &["-o", "json"]].concat()).await;
        serde_json::from_str(&text).expect("JSON")
    }

    /// The objects that kubectl lists.
    pub async fn list(&self, kind: &str) -> Vec<Value> {
        match self.json(&["get", kind]).await["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// What the installation's roles allow, beside what was asked so far.
    ///
    /// # Panics
    /// Where roles or the log cannot be read.
    pub async fn permissions(&self) -> Table {
        let roles = self.list("clusterroles,roles").await.into_iter();
        let roles =
            roles.filter(|role| role["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(ROLE)));
        let roles: Vec<_> = roles.map(|role| serde_json::from_value(role).expect("a role")).collect();
        let audit = fs::read_to_string(self.cluster.audit_log()).expect("an audit log");
        // The last line may be half written.
        let lines = audit.rfind('\n').map_or("", |end| &audit[..end]);
        Table::new(&roles, lines).expect("events")
    }

    /// Where the pods of scanners are scraped.
    pub async fn scanners(&self) -> Vec<SocketAddr> {
        let pods = self.list("pods").await.into_iter();
        let scanners =
            pods.filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "scanner");
        let address =
            |pod: Value| Some(SocketAddr::new(pod["status"]["podIP"].as_str()?.parse().ok()?, METRICS));
        scanners.filter_map(address).collect()
    }

    /// Applies what a person would have in a file.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn apply(&self, text: &str) {
        apply(&self.cluster, text).await;
    }

    /// The operator dies, and another takes its place, as a Deployment has it.
    pub fn replace_operator(&mut self, name: &str) {
        self.operator.kill();
        self.operator = start(&self.account, &self.arguments, name, &self.folder);
    }

    /// What all operators wrote into their logs.
    ///
    /// # Panics
    /// Where there is no log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("operator.log")).expect("a log")
    }
}

/// Whoever looks at a test that failed wants to know what the programs said last.
impl Drop for Site {
    #[expect(clippy::print_stderr, reason = "where tests tell what went wrong")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("operator:\n{}", last(&self.log()));
            for (container, log) in self.kubelet.all_logs() {
                eprintln!("{container}:\n{}", last(&log));
            }
        }
    }
}

fn last(log: &str) -> &str {
    let start = log.rmatch_indices('\n').nth(LINES).map_or(0, |(at, _)| at + 1);
    &log[start..]
}

fn start(account: &User, arguments: &[String], name: &str, folder: &tempfile::TempDir) -> Process {
    let log = fs::File::options().create(true).append(true).open(folder.path().join("operator.log"));
    let mut command = program("operator");
    command.args(arguments).args(["--identity", name]);
    command.env("KUBECONFIG", account.kubeconfig()).stdout(Stdio::null()).stderr(log.expect("a log"));
    Process::start(&mut command)
}

async fn apply(cluster: &Cluster, text: &str) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("written");
    kubectl(cluster, &["apply", "--server-side", "-f", &file.path().display().to_string()]).await;
}

async fn kubectl(cluster: &Cluster, words: &[&str]) -> String {
    cluster.kubectl(words).await.unwrap_or_else(|error| panic!("{error}"))
}

/// How many processes of this machine have all these texts in their command line.
///
/// # Panics
/// Where there is no `/proc`.
#[must_use]
pub fn processes(texts: &[&str]) -> usize {
    let all = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    // A process may end while it is looked at.
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| texts.iter().all(|text| line.contains(text))).count()
}
