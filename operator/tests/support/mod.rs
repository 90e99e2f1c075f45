//! A cluster with the definitions, a Redis, the operator's role, and operators that run in this process under users of their own.

#![allow(dead_code, reason = "each test uses its part")]

#[path = "../../../fleet/tests/support/mod.rs"]
pub(crate) mod store;
pub(crate) mod stream;

use std::{collections::BTreeMap, fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path};

use clap::Parser as _;
use cluster::{
    Cluster, Kubelet, User, eventually,
    kubelet::{Image, Settings as Node},
};
use crds::ScanCampaign;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use operator::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) const IMAGE: &str = "observatory:test";
/// Who analyzers are.
const ANALYZER: &str = "observatory-analyzer";

/// A cluster, what its nodes run, and the Redis that they share.
pub(crate) struct Setting {
    pub(crate) cluster: Cluster,
    pub(crate) redis: store::Server,
    pub(crate) kubelet: Kubelet,
    programs: TempDir,
}

/// Stands in for the scanner as its pod sees it: answers probes while it goes on, ends at once where it is to work once.
const SCANNER: &str = r#"#!/bin/sh
while [ "$1" != --campaign ]; do shift; done
if grep -q '^  mode: Once' "$2"; then exit 0; fi
mkdir -p "$TMPDIR/$POD_IP" && cd "$TMPDIR/$POD_IP" && touch healthz readyz
exec python3 -m http.server 8080 --bind "$POD_IP"
"#;

impl Setting {
    /// With the definitions.
    pub(crate) async fn new() -> Self {
        let setting = Self::bare().await;
        setting.define().await;
        setting
    }

    /// Without them.
    pub(crate) async fn bare() -> Self {
        let cluster = Cluster::start().await.expect("a cluster");
        let programs = tempfile::tempdir().expect("a directory");
        let scanner = SCANNER.replace("$TMPDIR", &programs.path().display().to_string());
        program(programs.path(), "scanner", &scanner);
        program(programs.path(), "analyzer", "#!/bin/sh\nexit 0\n");
        let image = Image { programs: programs.path().into(), entrypoint: Vec::new() };
        let node = Node { images: BTreeMap::from([(IMAGE.to_owned(), image)]), names: BTreeMap::new() };
        let kubelet = Kubelet::start(&cluster, node).expect("a kubelet");
        Self { cluster, kubelet, redis: store::Server::start().await, programs }
    }

    /// Puts a program as it was built in the place of the one that stands in for it.
    pub(crate) fn install(&self, name: &str) {
        let test = std::env::current_exe().expect("a test");
        let built = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join(name);
        assert!(built.is_file(), "there is no {}: cargo build --workspace --bins", built.display());
        let place = self.programs.path().join(name);
        fs::remove_file(&place).expect("was there");
        std::os::unix::fs::symlink(built, place).expect("installed");
    }

    /// Applies the definitions, as a person would.
    pub(crate) async fn define(&self) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), crds::yaml::all().expect("writes")).expect("written");
        self.kubectl(["apply", "--server-side", "-f", &file.path().display().to_string()]).await;
        self.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]).await;
    }

    pub(crate) async fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.cluster.kubectl(arguments).await.expect("kubectl")
    }

    /// An operator that may do what `rbac.yaml` says, and whose writes the audit log knows by its name.
    pub(crate) async fn operator(&self, name: &str) -> Operator {
        self.operator_with(name, None).await
    }

    /// Likewise; where a namespace is named, for that one alone.
    pub(crate) async fn operator_with(&self, name: &str, namespace: Option<&str>) -> Operator {
        let user = self.user(name).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let settings =
            Settings { namespace: namespace.map(str::to_owned), ..settings(name, self.redis.port()) };
        let running = operator::run(user.client(), settings, listener, stop.clone());
        let task = tokio::spawn(async move { running.await.expect("ends well") });
        Operator { name: name.to_owned(), address, stop, task }
    }

    /// Somebody who may do what `rbac.yaml` says, beside an account for analyzers.
    pub(crate) async fn user(&self, name: &str) -> User {
        let role = concat!(env!("CARGO_MANIFEST_DIR"), "/rbac.yaml");
        self.kubectl(["apply", "--server-side", "-f", role]).await;
        for account in [name, ANALYZER] {
            // The latter is there already where there is another operator.
            let _ = self.cluster.kubectl(["create", "serviceaccount", account]).await;
        }
        let account = format!("--serviceaccount=default:{name}");
        self.kubectl([
            "create",
            "clusterrolebinding",
            name,
            "--clusterrole=electrum-observatory-operator",
            &account,
        ])
        .await;
        self.kubectl(["create", "rolebinding", name, "--role=electrum-observatory-operator", &account]).await;
        self.cluster.service_account("default", name).await.expect("a user")
    }

    pub(crate) fn campaigns(&self) -> Api<ScanCampaign> {
        Api::default_namespaced(self.cluster.client())
    }

    /// Makes a campaign, with this in its spec beside the least that there must be.
    pub(crate) async fn campaign(&self, name: &str, more: &Value) -> ScanCampaign {
        let mut campaign = json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign", "metadata": {"name": name},
            "spec": {"network": "testnet4", "vantages": [{"name": "here"}]},
        });
        for (field, value) in more.as_object().expect("fields") {
            campaign["spec"][field] = value.clone();
        }
        let campaign = serde_json::from_value(campaign).expect("a campaign");
        self.campaigns().create(&PostParams::default(), &campaign).await.expect("made")
    }

    pub(crate) async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.campaigns().patch(name, &PatchParams::default(), &patch).await.expect("changed");
    }

    /// Waits until a condition of a campaign has that reason.
    pub(crate) async fn until(&self, campaign: &str, of: &str, reason: &str) -> Condition {
        eventually(&format!("{campaign} is {of} for {reason}"), async || {
            let found = self.campaigns().get(campaign).await.ok()?;
            let status = found.status?;
            let told = status.observed_generation == found.metadata.generation;
            let condition = status.conditions.into_iter().find(|condition| condition.type_ == of)?;
            (told && condition.reason == reason).then_some(condition)
        })
        .await
    }

    /// What an operator wrote so far, its lease aside: verb, resource and name.
    pub(crate) fn writes(&self, operator: &str) -> Vec<String> {
        let writes =
            |verb: &str, resource: &str| !["get", "list", "watch"].contains(&verb) && resource != "leases";
        self.calls(operator, writes)
    }

    /// How often an operator has looked at the lease.
    pub(crate) fn turns(&self, operator: &str) -> usize {
        self.calls(operator, |verb, resource| verb == "get" && resource == "leases").len()
    }

    /// Those of an operator's calls: verb, resource, name and subresource.
    pub(crate) fn calls(&self, operator: &str, which: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let user = format!("system:serviceaccount:default:{operator}");
        let log = fs::read_to_string(self.cluster.audit_log()).expect("a log");
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let call = |event: Value| {
            let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (verb, resource) = (text("/verb"), text("/objectRef/resource"));
            let (name, part) = (text("/objectRef/name"), text("/objectRef/subresource"));
            let wanted = text("/user/username") == user
                && text("/stage") == "ResponseComplete"
                && which(verb, resource);
            wanted.then(|| format!("{verb} {resource}/{name} {part}").trim_end().to_owned())
        };
        events.filter_map(call).collect()
    }
}

fn program(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be run");
}

fn settings(identity: &str, redis: u16) -> Settings {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }
    let redis = format!("redis://127.0.0.1:{redis}");
    let line =
        ["operator", "--image", IMAGE, "--redis", &redis, "--identity", identity, "--grace-seconds", "2"];
    Line::parse_from(line).settings
}

/// An operator that runs.
pub(crate) struct Operator {
    pub(crate) name: String,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Operator {
    /// Ends as SIGKILL would: nothing is given back.
    pub(crate) fn kill(self) {
        self.task.abort();
    }

    /// Ends as SIGTERM would.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("ends well");
    }

    /// The answer to GET: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(self.address, path).await
    }

    /// A series' value; 0 where there is none yet.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        metric(self.address, series).await
    }

    /// Waits until it is the one that writes.
    pub(crate) async fn leads(&self) {
        eventually(&format!("{} leads", self.name), async || {
            (self.metric("operator_leader").await > 0.5).then_some(())
        })
        .await;
    }
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answers");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
}

/// A series of the operator that answers there; 0 where there is none yet.
pub(crate) async fn metric(address: SocketAddr, series: &str) -> f64 {
    let (_, text) = get(address, "/metrics").await;
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or(0.0)
}
