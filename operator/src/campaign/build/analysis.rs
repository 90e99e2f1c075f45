//! The analyzer: a CronJob where scanners go on, one Job where they were there once. Pure. Other than scanners it meets
//! nobody hostile and tells the API server what it found, so it alone has a token.

use k8s_openapi::{
    api::{
        batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec},
        core::v1::{PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{digest, metadata, pod};
use crate::{
    Error, Settings,
    campaign::validate::Validated,
    names::{self, Component},
};

/// Where archives and reports are: `CAMPAIGN/archive` and `CAMPAIGN/report`.
const DATA: &str = "/var/lib/observatory";
/// How long one analysis may take, in seconds.
const DEADLINE: i64 = 6 * 3_600;
/// How late one may begin, in seconds, before it is left out.
const LATE: i64 = 3_600;

/// Analyses that come again.
pub(super) fn cron_job(campaign: &Validated, settings: &Settings) -> CronJob {
    let wanted = &campaign.spec.analysis;
    CronJob {
        metadata: metadata(campaign, names::analysis(&campaign.name), Component::Analyzer, None),
        spec: Some(CronJobSpec {
            schedule: wanted.schedule.clone(),
            time_zone: Some(wanted.time_zone.clone()),
            suspend: Some(campaign.spec.suspend),
            concurrency_policy: Some("Forbid".to_owned()),
            starting_deadline_seconds: Some(LATE),
            successful_jobs_history_limit: Some(1),
            failed_jobs_history_limit: Some(2),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta {
                    // As ours, so that one that failed is found.
                    labels: Some(names::labels(&campaign.name, Component::Analyzer, None)),
                    ..ObjectMeta::default()
                }),
                spec: Some(task(campaign, settings)),
            },
        }),
        ..CronJob::default()
    }
}

/// The one analysis of what these Jobs have seen.
pub(super) fn job(campaign: &Validated, of: &[Job], settings: &Settings) -> Result<Job, Error> {
    let seen: Vec<_> = of.iter().map(|job| &job.metadata.name).collect();
    let name = names::once(&names::analysis(&campaign.name), &digest(&seen)?);
    Ok(Job {
        metadata: metadata(campaign, name, Component::Analyzer, None),
        spec: Some(JobSpec { suspend: Some(campaign.spec.suspend), ..task(campaign, settings) }),
        ..Job::default()
    })
}

fn task(campaign: &Validated, settings: &Settings) -> JobSpec {
    let place = format!("{DATA}/{}", campaign.name);
    let mut arguments = vec!["run".to_owned(), "--campaign".to_owned(), pod::campaign_file()];
    arguments.extend(pod::redis_arguments(settings));
    arguments.extend(["--archive".to_owned(), format!("{place}/archive")]);
    arguments.extend(["--out".to_owned(), format!("{place}/report")]);
    arguments.extend(pod::geoip_arguments(settings));
    arguments.push("--json-logs".to_owned());
    let mut container = pod::container(settings, "analyzer", arguments);
    container.resources = Some(pod::resources("250m", "512Mi", "2Gi"));
    container.volume_mounts.get_or_insert_default().push(pod::mount("data", DATA));
    let mut spec = pod::spec(campaign, settings, container);
    spec.restart_policy = Some("Never".to_owned());
    spec.service_account_name = Some(settings.analyzer_service_account.clone());
    spec.automount_service_account_token = Some(true);
    spec.volumes.get_or_insert_default().push(Volume {
        name: "data".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: settings.data_claim.clone(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    });
    JobSpec {
        active_deadline_seconds: Some(DEADLINE),
        backoff_limit: Some(1),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(names::selector(&campaign.name, Component::Analyzer, None)),
                ..ObjectMeta::default()
            }),
            spec: Some(spec),
        },
        ..JobSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;
    use crate::campaign::{
        build::tests::settings,
        validate::{tests::found, validate},
    };

    #[test]
    fn the_analyzer_understands_what_it_is_told() {
        let campaign = validate(&found(&json!({}))).expect("can be acted on");
        let pod = task(&campaign, &settings()).template.spec.expect("a spec");
        let arguments = pod.containers[0].args.clone().expect("arguments");
        let line = ["analyzer".to_owned()].into_iter().chain(arguments);
        analyzer::run::Program::try_parse_from(line).expect("a line that it takes");
        assert_eq!(pod.service_account_name.as_deref(), Some("observatory-analyzer"));
    }
}
