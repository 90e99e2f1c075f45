//! The one node: begins what Pods want run, ends what nobody wants any more, and reports.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::Settings;
use super::accounts::Accounts;
use super::changes::{Changes, Kind};
use super::seen::Seen;
use super::worker::Worker;
use super::{status, template};

pub(super) struct Node {
    directory: PathBuf,
    settings: Settings,
    pub(super) accounts: Accounts,
    /// By the uid of the Pod.
    workers: BTreeMap<String, Worker>,
    /// What the addresses of Pods have in common: on loopback, one for each, so that their ports are their own.
    network: u32,
    last_host: u32,
}

impl Node {
    pub(super) fn new(directory: &Path, settings: Settings, accounts: Accounts) -> Self {
        static NODES: AtomicU32 = AtomicU32::new(0);
        // Apart from those of other tests, whether in this process or in another.
        let number = std::process::id().wrapping_mul(8).wrapping_add(NODES.fetch_add(1, Ordering::Relaxed));
        let network = (127 << 24) | (1 << 22) | ((number % (1 << 14)) << 8);
        Self {
            directory: directory.into(),
            settings,
            accounts,
            workers: BTreeMap::new(),
            network,
            last_host: 0,
        }
    }

    pub(super) fn sync(&mut self, seen: &Seen, now: Timestamp, changes: &mut Changes) {
        let wanted: Vec<String> = seen.pods.iter().filter_map(ResourceExt::uid).collect();
        self.workers.retain(|uid, _| wanted.contains(uid));
        for pod in &seen.pods {
            let uid = pod.uid().unwrap_or_default();
            if let Some(worker) = self.workers.get_mut(&uid) {
                if pod.metadata.deletion_timestamp.is_some() {
                    worker.stop(grace(pod));
                    if worker.ended() {
                        self.workers.remove(&uid);
                        changes.forget(pod);
                        continue;
                    }
                } else {
                    worker.refresh(seen);
                }
                changes.status(Kind::Pod, pod, &status::of(pod, worker, now));
            } else if pod.metadata.deletion_timestamp.is_some() {
                changes.forget(pod);
            } else if template::active(pod) {
                let host = self.free_host();
                let address = Ipv4Addr::from_bits(self.network | host);
                let started = self.accounts.kubeconfig(pod).and_then(|kubeconfig| {
                    Worker::start(pod, seen, &self.settings, &self.directory, address, kubeconfig)
                });
                match started {
                    Ok(worker) => {
                        self.last_host = host;
                        changes.status(Kind::Pod, pod, &status::of(pod, &worker, now));
                        self.workers.insert(uid, worker);
                    }
                    Err(obstacle) => changes.status(Kind::Pod, pod, &status::waiting(pod, &obstacle)),
                }
            }
        }
    }

    /// Of the hosts 1 to 254 the one that was free the longest, or nearly so; with more Pods, some share one.
    fn free_host(&self) -> u32 {
        let taken = |host: &u32| {
            self.workers.values().any(|worker| worker.address == Ipv4Addr::from_bits(self.network | host))
        };
        let mut next = (0..254).map(|step| (self.last_host + step) % 254 + 1);
        next.find(|host| !taken(host)).unwrap_or(self.last_host % 254 + 1)
    }
}

fn grace(pod: &Pod) -> Duration {
    let seconds = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Where a container's output is.
pub(super) fn log(directory: &Path, namespace: &str, pod: &str, container: &str) -> PathBuf {
    directory.join(format!("{namespace}.{pod}.{container}.log"))
}

/// All logs, by file name.
pub(super) fn logs(directory: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let mut logs: Vec<_> = logs
        .filter_map(|path| {
            let text = String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned();
            Some((path.file_stem()?.to_string_lossy().into_owned(), text))
        })
        .collect();
    logs.sort();
    logs
}
