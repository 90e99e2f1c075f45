//! etcd and the API server, on ports of their own in a directory of their own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{GetParams, ObjectMeta, PostParams};
use kube::core::Request;
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::assets::Assets;
use crate::certificates::Authority;
use crate::guard::{Guard, free_ports};
use crate::user::Access;
use crate::{Error, User};

const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(5);
const MASTERS: &str = "system:masters";
/// Who did what, and how it ended; not what was said.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
"rules": [{"level": "None", "users": ["system:apiserver", "kubelet"]}, {"level": "Metadata"}]}"#;

/// A running API server with its etcd. Both end when it is dropped, or when the process that holds it ends.
pub struct Cluster {
    server: Option<Guard>,
    _etcd: Guard,
    arguments: Vec<String>,
    assets: Assets,
    authority: Authority,
    access: Access,
    admin: User,
    _directory: TempDir, // last: removed when nobody writes to it any more
}

impl Cluster {
    /// Starts an empty cluster, with the namespace `default`. Takes a second or two.
    pub async fn start() -> Result<Self, Error> {
        let assets = Assets::find()?;
        let directory = tempfile::Builder::new().prefix("test-cluster-").tempdir()?;
        let [port, etcd_port, peer_port] = free_ports()?;
        let path = directory.path();
        let authority = Authority::new()?;
        fs::write(path.join("ca.crt"), authority.pem())?;
        fs::write(path.join("audit-policy.yaml"), AUDIT_POLICY)?;
        authority.server()?.write(path, "server")?;

        let etcd_url = format!("http://127.0.0.1:{etcd_port}");
        let etcd = start(&assets.etcd, &etcd_arguments(path, &etcd_url, peer_port), &path.join("etcd.log"))?;
        let arguments = server_arguments(path, &etcd_url, port, assets.genuine);
        let server = start(&assets.server, &arguments, &path.join("apiserver.log"))?;
        let access = Access { directory: path.into(), port };
        let admin =
            User::with_certificate(&access, "admin", &authority.client("admin", Some(MASTERS))?).await?;
        let cluster = Self {
            server: Some(server),
            _etcd: etcd,
            arguments,
            assets,
            authority,
            access,
            admin,
            _directory: directory,
        };
        cluster.ready().await?;
        cluster.namespace("default").await?;
        Ok(cluster)
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        self.admin.client()
    }

    /// The file with which programs may do everything, by `KUBECONFIG`.
    pub fn kubeconfig(&self) -> &Path {
        self.admin.kubeconfig()
    }

    /// kubectl itself, for whoever tests what lies beside it.
    pub fn kubectl_program(&self) -> &Path {
        &self.assets.kubectl
    }

    /// Each request but the test kubelet's as a line of JSON (audit.k8s.io/v1 Event, level Metadata).
    pub fn audit_log(&self) -> PathBuf {
        self.access.directory.join("audit.log")
    }

    /// Another user, who may do what is granted to that name or group.
    pub async fn user(&self, name: &str, group: Option<&str>) -> Result<User, Error> {
        User::with_certificate(&self.access, name, &self.authority.client(name, group)?).await
    }

    /// The user that a Pod of that service account is, by a token.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<User, Error> {
        User::of_service_account(&self.client(), &self.access, namespace, name, "test").await
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Makes a namespace, unless it is there.
    pub async fn namespace(&self, name: &str) -> Result<(), Error> {
        let wanted = Namespace {
            metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        match Api::all(self.client()).create(&PostParams::default(), &wanted).await {
            Err(kube::Error::Api(refused)) if refused.is_already_exists() => Ok(()),
            other => other.map(drop).map_err(Error::from),
        }
    }

    /// The standard output of kubectl, as administrator.
    pub async fn kubectl<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, Error> {
        let mut command = Command::new(&self.assets.kubectl);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig()).kill_on_drop(true);
        command.env("HOME", &self.access.directory); // where it keeps what it knows of servers
        let done = command.output().await?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let arguments: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        Err(Error::Kubectl { arguments: arguments.join(" "), said })
    }

    /// Kills the API server as a crash would. What it stored is kept by etcd.
    pub fn kill_api_server(&mut self) {
        self.server = None;
    }

    /// Starts it again, at the same address; returns when it is ready.
    pub async fn restart_api_server(&mut self) -> Result<(), Error> {
        self.kill_api_server();
        let log = self.access.directory.join("apiserver.log");
        self.server = Some(start(&self.assets.server, &self.arguments, &log)?);
        self.ready().await
    }

    async fn ready(&self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked =
                Request::new("").get("readyz", &GetParams::default()).map_err(kube::Error::BuildRequest)?;
            if matches!(timeout(ANSWER, self.client().request_text(asked)).await, Ok(Ok(_))) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = self.server.as_ref().map(Guard::tail).unwrap_or_default();
                return Err(Error::NotReady { name: "the API server", seconds: PATIENCE.as_secs(), log });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Guard, Error> {
    let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
    Ok(Guard::start(program, &arguments, log)?)
}

fn etcd_arguments(directory: &Path, url: &str, peer_port: u16) -> Vec<String> {
    vec![
        format!("--data-dir={}", directory.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        "--unsafe-no-fsync".into(), // nothing here outlives the test
    ]
}

fn server_arguments(directory: &Path, etcd: &str, port: u16, genuine: bool) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    let mut arguments = vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--service-account-signing-key-file={}", file("server.key")),
        format!("--audit-policy-file={}", file("audit-policy.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
    ];
    if genuine {
        arguments.extend([
            "--authorization-mode=RBAC".into(),
            format!("--service-account-key-file={}", file("server.crt")),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            "--disable-admission-plugins=ServiceAccount".into(), // no controller makes the accounts
        ]);
    }
    arguments
}
