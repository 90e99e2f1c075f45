//! The scanners of a vantage: a Deployment where they go on, a Job where they visit everybody once. Pure.

use crds::{ScanCampaignSpec, campaign::Vantage};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        batch::v1::{Job, JobSpec},
        core::v1::{
            ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector, PodTemplateSpec, Probe,
            TopologySpreadConstraint,
        },
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{digest, digest::unusual, metadata, pod, start_mark};
use crate::{
    Error, Settings,
    campaign::validate::Validated,
    names::{self, Component},
};

const PORT: i32 = 8080;
/// Scanners that visit everybody once give up after a week: quiet hours and spacing take what they take.
const ONCE_DEADLINE: i64 = 7 * 86_400;

/// How often the pods of a Job may fail, for each that works at a time: Kubernetes counts them together.
const FAILURES: i32 = 6;

/// The digest of what scanners of a vantage read once, when they start: where it changes they must start again. Who
/// analyses when, how many of them there are, and where they run, is none of it; lists in ConfigMaps are read again.
///
/// Only what is not as usual enters it, so that a field that a later version adds is no news while nobody uses it.
pub(super) fn read_at_start(spec: &ScanCampaignSpec, vantage: &Vantage) -> Result<String, Error> {
    // In full, so that of each field that is added it is decided.
    let ScanCampaignSpec {
        network,
        mode,
        discovery,
        schedule,
        politeness,
        probes,
        suspend: _,
        vantages: _,
        quorum: _,
        analysis: _,
        retention: _,
    } = spec;
    let Vantage {
        name,
        concurrency,
        proxy,
        resolver,
        canary,
        replicas: _,
        node_selector: _,
        tolerations: _,
        affinity: _,
        resources: _,
    } = vantage;
    digest(&(
        (network, mode, unusual(discovery)?, unusual(schedule)?, unusual(politeness)?, unusual(probes)?),
        (name, concurrency, proxy, resolver, canary),
    ))
}

/// Scanners that go on.
pub(super) fn deployment(
    campaign: &Validated,
    vantage: &Vantage,
    settings: &Settings,
) -> Result<Deployment, Error> {
    let name = names::scanners(&campaign.name, &vantage.name);
    let read = read_at_start(&campaign.spec, vantage)?;
    let mut template = template(campaign, vantage, &read, settings);
    let annotations = [(names::RESTART.to_owned(), read)];
    template.metadata.get_or_insert_with(ObjectMeta::default).annotations = Some(annotations.into());
    Ok(Deployment {
        metadata: metadata(campaign, name, Component::Scanner, Some(vantage)),
        spec: Some(DeploymentSpec {
            replicas: Some(if campaign.spec.suspend { 0 } else { vantage.replicas }),
            selector: LabelSelector {
                match_labels: Some(names::selector(&campaign.name, Component::Scanner, Some(&vantage.name))),
                ..LabelSelector::default()
            },
            // A small fleet does not become a larger one while it changes.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(0)),
                    max_unavailable: Some(IntOrString::Int(1)),
                }),
            }),
            progress_deadline_seconds: Some(600),
            revision_history_limit: Some(2),
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

/// Scanners that visit everybody once: they share one list of work, and each ends when it is empty.
pub(super) fn job(campaign: &Validated, vantage: &Vantage, settings: &Settings) -> Result<Job, Error> {
    let read = read_at_start(&campaign.spec, vantage)?;
    let name = names::once(&names::scanners(&campaign.name, &vantage.name), &read);
    let mut template = template(campaign, vantage, &read, settings);
    if let Some(pod) = &mut template.spec {
        pod.restart_policy = Some("OnFailure".to_owned());
    }
    Ok(Job {
        metadata: metadata(campaign, name, Component::Scanner, Some(vantage)),
        spec: Some(JobSpec {
            suspend: Some(campaign.spec.suspend),
            parallelism: Some(vantage.replicas),
            active_deadline_seconds: Some(ONCE_DEADLINE),
            backoff_limit: Some(FAILURES * vantage.replicas.max(1)),
            template,
            ..JobSpec::default()
        }),
        ..Job::default()
    })
}

fn template(campaign: &Validated, vantage: &Vantage, read: &str, settings: &Settings) -> PodTemplateSpec {
    let selector = names::selector(&campaign.name, Component::Scanner, Some(&vantage.name));
    let mut container = pod::container(settings, "scanner", arguments(vantage, settings));
    container.ports = Some(vec![ContainerPort {
        name: Some("http".to_owned()),
        container_port: PORT,
        ..ContainerPort::default()
    }]);
    container.env = Some(vec![EnvVar {
        name: "POD_IP".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "status.podIP".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }]);
    container.liveness_probe = Some(Probe { failure_threshold: Some(3), ..probe("/healthz", 20) });
    container.readiness_probe = Some(probe("/readyz", 5));
    container.resources =
        Some(vantage.resources.clone().unwrap_or_else(|| pod::resources("50m", "64Mi", "256Mi")));
    let mut spec = pod::spec(campaign, settings, container);
    let files = campaign.seeds.keys().cloned();
    let files = [super::CAMPAIGN_FILE.to_owned(), start_mark(&vantage.name, read)].into_iter().chain(files);
    pod::only(&mut spec, files);
    spec.node_selector = Some(vantage.node_selector.clone()).filter(|labels| !labels.is_empty());
    spec.tolerations = Some(vantage.tolerations.clone()).filter(|tolerations| !tolerations.is_empty());
    spec.affinity.clone_from(&vantage.affinity);
    if vantage.affinity.is_none() {
        spec.topology_spread_constraints = Some(vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(LabelSelector { match_labels: Some(selector), ..LabelSelector::default() }),
            ..TopologySpreadConstraint::default()
        }]);
    }
    let labels = names::labels(&campaign.name, Component::Scanner, Some(&vantage.name));
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
        spec: Some(spec),
    }
}

fn arguments(vantage: &Vantage, settings: &Settings) -> Vec<String> {
    let mut arguments = vec!["work".to_owned(), "--campaign".to_owned(), pod::campaign_file()];
    arguments.extend(pod::redis_arguments(settings));
    arguments.extend(["--vantage".to_owned(), vantage.name.clone()]);
    arguments.extend(["--http".to_owned(), format!("$(POD_IP):{PORT}")]);
    arguments.extend(pod::geoip_arguments(settings));
    arguments
}

fn probe(path: &str, period: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("http".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}
