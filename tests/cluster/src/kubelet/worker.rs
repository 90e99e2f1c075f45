//! A Pod that runs: its volumes, its address and a task for each container. All end when it is dropped.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::container::{Launch, Restart, State, run};
use super::environment::Environment;
use super::probes::Check;
use super::seen::Seen;
use super::volumes::Volumes;
use super::{Settings, node};

/// Why a Pod cannot be begun: a reason as the real kubelet gives it, and a sentence.
pub(super) struct Obstacle(pub(super) &'static str, pub(super) String);

pub(super) struct Worker {
    pub(super) address: Ipv4Addr,
    pub(super) containers: Vec<(Container, watch::Receiver<State>)>,
    stop: watch::Sender<Option<Duration>>,
    tasks: JoinSet<()>,
    volumes: Volumes,
}

impl Worker {
    pub(super) fn start(
        pod: &Pod,
        seen: &Seen,
        settings: &Settings,
        directory: &Path,
        address: Ipv4Addr,
        kubeconfig: Option<&Path>,
    ) -> Result<Self, Obstacle> {
        let spec = pod.spec.as_ref().ok_or_else(|| Obstacle("InvalidPod", "it has no spec".into()))?;
        if let Some(what) = unsupported(spec) {
            return Err(Obstacle("NotSupported", format!("the test kubelet knows no {what}")));
        }
        let volumes = Volumes::prepare(pod, seen, settings, directory)?;
        let (stop, stopped) = watch::channel(None);
        let mut launches = Vec::new();
        for container in &spec.containers {
            let environment = Environment::new(pod, container, seen, settings, &volumes, address)?;
            let environment = environment.of_user(kubeconfig);
            let check = |probe: &Option<_>| {
                probe.as_ref().map(|probe| Check::new(probe, container, address)).transpose()
            };
            let log =
                node::log(directory, &pod.namespace().unwrap_or_default(), &pod.name_any(), &container.name);
            launches.push(Launch {
                environment,
                log,
                directory: volumes.home().into(),
                restart: Restart::of(spec.restart_policy.as_deref()),
                grace: Duration::from_secs(
                    spec.termination_grace_period_seconds.and_then(|n| u64::try_from(n).ok()).unwrap_or(30),
                ),
                readiness: check(&container.readiness_probe)?,
                liveness: check(&container.liveness_probe)?,
            });
        }
        let mut tasks = JoinSet::new();
        let mut containers = Vec::new();
        for (container, launch) in spec.containers.iter().zip(launches) {
            let (state, shown) = watch::channel(State::default());
            tasks.spawn(run(launch, state, stopped.clone()));
            containers.push((container.clone(), shown));
        }
        Ok(Self { address, containers, stop, tasks, volumes })
    }

    /// Asks the containers to end within a time. Later calls can only shorten it.
    pub(super) fn stop(&self, grace: Duration) {
        self.stop.send_if_modified(|current| {
            let sooner = current.is_none_or(|before| grace < before);
            if sooner {
                *current = Some(grace);
            }
            sooner
        });
    }

    /// Whether no process is left.
    pub(super) fn ended(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.is_empty()
    }

    /// Brings mounted ConfigMaps and Secrets up to date.
    pub(super) fn refresh(&mut self, seen: &Seen) {
        self.volumes.refresh(seen);
    }
}

/// What would be silently left out otherwise.
fn unsupported(spec: &PodSpec) -> Option<&'static str> {
    let any = |test: fn(&Container) -> bool| spec.containers.iter().any(test);
    [
        ("init containers", spec.init_containers.as_ref().is_some_and(|all| !all.is_empty())),
        ("envFrom", any(|each| each.env_from.as_ref().is_some_and(|all| !all.is_empty()))),
        ("startup probes", any(|each| each.startup_probe.is_some())),
        ("lifecycle hooks", any(|each| each.lifecycle.is_some())),
    ]
    .into_iter()
    .find_map(|(what, used)| used.then_some(what))
}
