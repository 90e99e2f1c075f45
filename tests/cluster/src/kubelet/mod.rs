//! What stands in for controllers and nodes. One loop reads the cluster, decides what is to change, and changes it:
//! Deployments, Jobs and CronJobs become Pods, Pods become processes, and what has lost its owner is deleted.
//! May not be cleverer than the real ones: where it is simpler, README.md says so.

mod accounts;
mod changes;
mod container;
mod cronjobs;
mod deployments;
mod environment;
mod garbage;
mod jobs;
mod node;
mod probes;
mod seen;
mod status;
mod template;
mod volumes;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::PostParams;
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use crate::{Cluster, Error};
use accounts::Accounts;
use changes::Changes;
use garbage::Collector;
use node::Node;
use seen::Seen;

const TICK: Duration = Duration::from_millis(100);
/// Garbage is looked for among all kinds, so not in every pass.
const PASSES_PER_COLLECTION: u32 = 4;

/// What a container runs that names this image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// First on the container's `PATH`.
    pub programs: PathBuf,
    /// What is run where the container names no command.
    pub entrypoint: Vec<String>,
}

/// What Pods find on this machine.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Images by name, tag included. Pods with others wait with `ErrImagePull`.
    pub images: BTreeMap<String, Image>,
    /// Replaced in arguments, environment and mounted text: usually the name of a Service by an address on loopback.
    pub names: BTreeMap<String, String>,
}

/// A running stand-in. All its processes end when it is dropped.
pub struct Kubelet {
    client: Client,
    task: JoinHandle<()>,
    directory: TempDir,
}

impl Kubelet {
    /// Starts to look after a cluster, as somebody who is allowed everything.
    pub fn start(cluster: &Cluster, settings: Settings) -> io::Result<Self> {
        let client = cluster.client();
        let accounts = Accounts::new(client.clone(), cluster.access().clone());
        let directory = tempfile::Builder::new().prefix("test-kubelet-").tempdir()?;
        let node = Node::new(directory.path(), settings, accounts);
        let task = tokio::spawn(look_after(client.clone(), node));
        Ok(Self { client, task, directory })
    }

    /// What a container wrote so far, in all its runs; of a Pod that may be gone.
    pub fn logs(&self, namespace: &str, pod: &str, container: &str) -> io::Result<String> {
        let bytes = std::fs::read(node::log(self.directory.path(), namespace, pod, container))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What all containers wrote so far, by NAMESPACE.POD.CONTAINER.
    pub fn all_logs(&self) -> Vec<(String, String)> {
        node::logs(self.directory.path())
    }

    /// Runs a CronJob now, whatever its schedule, as `kubectl create job --from` does; gives the name of the Job.
    pub async fn run_now(&self, namespace: &str, cronjob: &str) -> Result<String, Error> {
        let found = Api::<CronJob>::namespaced(self.client.clone(), namespace).get(cronjob).await?;
        let job = cronjobs::job(&found, Timestamp::now());
        let name = job.metadata.name.clone().unwrap_or_default();
        Api::<Job>::namespaced(self.client.clone(), namespace).create(&PostParams::default(), &job).await?;
        Ok(name)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort(); // with it go the workers, and with them their processes
    }
}

async fn look_after(client: Client, mut node: Node) {
    let mut collector = Collector::default();
    for number in 0_u32.. {
        let mut outcome = pass(&client, &mut node).await;
        if number.is_multiple_of(PASSES_PER_COLLECTION) && outcome.is_ok() {
            outcome = collector.collect(&client).await;
        }
        if let Err(error) = outcome {
            warn!(%error, "the test kubelet tries again"); // as when the API server is down
        }
        sleep(TICK).await;
    }
}

async fn pass(client: &Client, node: &mut Node) -> kube::Result<()> {
    let seen = Seen::read(client).await?;
    let now = Timestamp::now();
    let mut changes = Changes::default();
    seen.deployments.iter().for_each(|each| deployments::decide(each, &seen.pods, now, &mut changes));
    seen.jobs.iter().for_each(|each| jobs::decide(each, &seen.pods, now, &mut changes));
    seen.cronjobs.iter().for_each(|each| cronjobs::decide(each, &seen.jobs, now, &mut changes));
    node.accounts.admit(&seen).await;
    node.sync(&seen, now, &mut changes);
    changes.apply(client).await
}
