//! Fifth step: what a campaign's owner is told. It speaks of objects that are there, never of those that were meant.
//! Pure; the controller writes it, and only where it says something else than before.
//!
//! Whether a campaign is Stale, how far its lanes have come and when a vantage last saw somebody follows from visits:
//! who reads those writes it, and nothing here touches it.

use crds::{
    ScanCampaignStatus, Text,
    campaign::{Counts, Mode, VantageStatus},
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job};
use kube::ResourceExt as _;
use serde_json::Value;

use super::{
    build::{Applied, Resources},
    dereference::Children,
    validate::{Invalid, Validated, ended},
};
use crate::{Error, error::Class, names};
use crds::conditions::{Holds, Said};

/// The conditions that are told here.
pub const OURS: [&str; 3] = [READY, PROGRESSING, DEGRADED];
/// Everything that the campaign needs is there and runs.
pub const READY: &str = "Ready";
const PROGRESSING: &str = "Progressing";
const DEGRADED: &str = "Degraded";

/// How far the steps before have come.
pub enum Outcome<'a> {
    /// There is something wrong with the campaign: what was made of it before is left as it is, but rests where that is
    /// wished.
    Invalid(&'a Invalid, bool, &'a Children),
    /// Not everything could be made.
    Failed(&'a Error),
    /// Everything is there.
    Applied(&'a Validated, &'a Resources<Applied>),
}

/// What is to be told.
#[must_use]
pub fn status(
    outcome: &Outcome<'_>,
    generation: Option<i64>,
    previous: &ScanCampaignStatus,
    counts: Counts,
    now: Timestamp,
) -> ScanCampaignStatus {
    let (said, vantages) = match outcome {
        Outcome::Invalid(invalid, suspend, children) => {
            let scanners = if *suspend { "rest, since spec.suspend is set" } else { "stay as they were" };
            let crew = |vantage: &VantageStatus| {
                crew(*suspend, &vantage.name, &children.deployments, &children.jobs).status
            };
            let message = format!("{invalid}; scanners {scanners}");
            (all_wrong(invalid.reason(), &message), previous.vantages.iter().map(crew).collect())
        }
        Outcome::Failed(error) => {
            (all_wrong(failure(error.class()), &error.to_string()), previous.vantages.clone())
        }
        Outcome::Applied(campaign, resources) => {
            let vantages: Vec<_> = campaign
                .spec
                .vantages
                .iter()
                .map(|vantage| {
                    let Resources { deployments, jobs, .. } = resources;
                    crew(campaign.spec.suspend, &vantage.name, deployments, jobs)
                })
                .collect();
            (told(campaign, resources, &vantages), vantages.into_iter().map(|crew| crew.status).collect())
        }
    };
    let conditions = said.into_iter().map(|said| said.after(&previous.conditions, generation, now)).collect();
    ScanCampaignStatus {
        observed_generation: generation,
        conditions,
        counts: Some(counts),
        vantages,
        ..ScanCampaignStatus::default()
    }
}

/// Of a status, what is told here: for a comparison, and for a write that takes nothing from others.
///
/// # Errors
/// None in practice.
pub fn ours(status: &ScanCampaignStatus) -> Result<Value, Error> {
    let only = ScanCampaignStatus {
        observed_generation: status.observed_generation,
        conditions: status
            .conditions
            .iter()
            .filter(|each| OURS.contains(&each.type_.as_str()))
            .cloned()
            .collect(),
        counts: status.counts.clone(),
        vantages: status.vantages.clone(),
        ..ScanCampaignStatus::default()
    };
    let mut value = serde_json::to_value(only).map_err(|error| Error::Unwritable(error.to_string()))?;
    for vantage in value.get_mut("vantages").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(members) = vantage.as_object_mut() {
            members.retain(|name, _| ["name", "desired", "ready", "message"].contains(&name.as_str()));
        }
    }
    Ok(value)
}

fn failure(class: Class) -> &'static str {
    match class {
        Class::Unreachable | Class::Transient | Class::NotLeader => "ApiServerTrouble",
        Class::Forbidden => "Forbidden",
        Class::Refused => "Refused",
        Class::Taken => "NameTaken",
        Class::Internal | Class::Redis => "Internal",
    }
}

fn all_wrong(reason: &'static str, message: &str) -> [Said; 3] {
    let say = |of, holds| Said { of, holds, reason, message: message.to_owned() };
    [say(READY, Holds::False), say(PROGRESSING, Holds::False), say(DEGRADED, Holds::True)]
}

/// The scanners of a vantage.
struct Crew {
    status: VantageStatus,
    /// They are being exchanged.
    moves: bool,
    /// They have visited everybody once.
    done: bool,
    /// They were to visit everybody once, and could not.
    failed: bool,
}

fn crew(suspended: bool, vantage: &str, deployments: &[Deployment], jobs: &[Job]) -> Crew {
    let of_vantage = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get(names::VANTAGE).is_some_and(|label| label == vantage)
    };
    let deployment = deployments.iter().find(|each| of_vantage(each.labels()));
    let job = jobs.iter().find(|each| of_vantage(each.labels()));
    let mut crew = match (deployment, job) {
        (Some(deployment), _) => of_deployment(deployment),
        (None, Some(job)) => of_job(job, suspended),
        (None, None) => Crew { status: VantageStatus::default(), moves: false, done: false, failed: false },
    };
    crew.status.name = vantage.to_owned();
    crew
}

fn of_deployment(deployment: &Deployment) -> Crew {
    let status = deployment.status.clone().unwrap_or_default();
    let desired = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let seen = status.observed_generation >= deployment.metadata.generation;
    let updated = status.updated_replicas.unwrap_or(0);
    let stuck = status.conditions.iter().flatten().find(|condition| {
        let failed = condition.type_ == "ReplicaFailure" && condition.status == "True";
        let no_progress = condition.type_ == "Progressing" && condition.status == "False";
        failed || no_progress
    });
    Crew {
        status: VantageStatus {
            desired,
            ready: status.ready_replicas.unwrap_or(0),
            message: stuck
                .map(|condition| Text::new(condition.message.as_deref().unwrap_or("makes no progress"))),
            ..VantageStatus::default()
        },
        moves: stuck.is_none() && (!seen || updated < desired || status.replicas.unwrap_or(0) > updated),
        done: false,
        failed: false,
    }
}

fn of_job(job: &Job, suspended: bool) -> Crew {
    let status = job.status.clone().unwrap_or_default();
    let (done, failed) = (ended(job, "Complete"), ended(job, "Failed"));
    let wanted = job.spec.as_ref().and_then(|spec| spec.parallelism).unwrap_or(1);
    // Once the first has found nothing left to do, nobody takes the place of who ends.
    let wanted = if status.succeeded > Some(0) { wanted.min(status.active.unwrap_or(0)) } else { wanted };
    let failure = status.conditions.iter().flatten().find(|condition| failed && condition.type_ == "Failed");
    Crew {
        status: VantageStatus {
            desired: if done || failed || suspended { 0 } else { wanted },
            ready: status.ready.unwrap_or(0),
            message: failure
                .map(|condition| Text::new(condition.message.as_deref().unwrap_or("the Job failed"))),
            ..VantageStatus::default()
        },
        moves: false,
        done,
        failed,
    }
}

fn told(campaign: &Validated, resources: &Resources<Applied>, crews: &[Crew]) -> [Said; 3] {
    [ready(campaign, resources, crews), progressing(crews), degraded(campaign, resources, crews)]
}

fn ready(campaign: &Validated, resources: &Resources<Applied>, crews: &[Crew]) -> Said {
    let say = |holds: bool, reason, message: String| Said { of: READY, holds: holds.into(), reason, message };
    let analysis = resources.jobs.iter().find(|job| !job.labels().contains_key(names::VANTAGE));
    let analysis_is = |how| analysis.is_some_and(|job| ended(job, how));
    let total = |of: fn(&VantageStatus) -> i32| crews.iter().map(|crew| of(&crew.status)).sum::<i32>();
    let (desired, here) = (total(|status| status.desired), total(|status| status.ready));
    let lacking = crews.iter().find(|crew| crew.status.ready < crew.status.desired);
    if campaign.spec.suspend {
        say(
            false,
            "Suspended",
            "suspended: nobody is visited and nothing is analysed; unset spec.suspend to go on".to_owned(),
        )
    } else if analysis_is("Complete") {
        say(true, "Finished", "every server was visited once, and what was seen is analysed".to_owned())
    } else if analysis_is("Failed") {
        let message = "every server was visited once, but the analysis failed: see its pods, and delete its Job to try again";
        say(false, "AnalysisFailed", message.to_owned())
    } else if campaign.spec.mode == Mode::Once && crews.iter().all(|crew| crew.done) {
        say(false, "Analysing", "every server was visited once; what was seen is being analysed".to_owned())
    } else if let Some(crew) = crews.iter().find(|crew| crew.failed) {
        let name = &crew.status.name;
        say(
            false,
            "VantageFailed",
            format!(
                "vantage {name} could not visit everybody: see its pods, and delete its Job to try again"
            ),
        )
    } else if let Some(crew) = lacking {
        let VantageStatus { name, ready, desired, .. } = &crew.status;
        let message = format!(
            "vantage {name}: {ready} of {desired} scanners are ready; see its pods where that stays so"
        );
        say(false, "ScannersNotReady", message)
    } else if desired == 0 {
        let all = if crews.iter().any(|crew| crew.done) {
            "every vantage that is not done"
        } else {
            "every vantage"
        };
        say(false, "NoScanners", format!("{all} has 0 replicas: nobody is visited; give one at least 1"))
    } else {
        say(true, "Running", format!("{here} of {desired} scanners are ready"))
    }
}

fn progressing(crews: &[Crew]) -> Said {
    let moving = crews.iter().find(|crew| crew.moves);
    let (reason, message) = match moving {
        Some(crew) => ("RollingOut", format!("vantage {}: scanners are being exchanged", crew.status.name)),
        None => ("Settled", "nothing is being changed".to_owned()),
    };
    Said { of: PROGRESSING, holds: moving.is_some().into(), reason, message }
}

fn degraded(campaign: &Validated, resources: &Resources<Applied>, crews: &[Crew]) -> Said {
    let say = |reason, message: String| Said { of: DEGRADED, holds: Holds::True, reason, message };
    let stuck = crews.iter().find_map(|crew| Some((&crew.status.name, crew.status.message.as_deref()?)));
    let failed =
        resources.jobs.iter().find(|job| !job.labels().contains_key(names::VANTAGE) && ended(job, "Failed"));
    if let Some((name, message)) = stuck {
        say("VantageFailing", format!("vantage {name}: {message}"))
    } else if let Some(job) = failed {
        say(
            "AnalysisFailed",
            format!("Job {} failed: see its pods, and delete it to try again", job.name_any()),
        )
    } else if let Some(trouble) = campaign.troubles.first() {
        say(trouble.reason(), trouble.to_string())
    } else {
        let message = "nothing is known to be wrong".to_owned();
        Said { of: DEGRADED, holds: Holds::False, reason: "AsExpected", message }
    }
}

#[cfg(test)]
mod tests;
