//! What owners are told, of objects in each state.

use serde_json::json;

use super::*;
use crate::campaign::{
    build::{build, tests::settings},
    validate::{Trouble, tests::found, validate},
};

fn validated(more: &Value) -> Validated {
    validate(&found(more)).expect("can be acted on")
}

/// As if the API server had them all, with this status of each Deployment and each Job.
fn applied(campaign: &Validated, deployment: &Value, job: &Value) -> Resources<Applied> {
    let Resources { config_map, mut deployments, mut jobs, cron_jobs, stage: _ } =
        build(campaign, &settings()).expect("builds");
    for each in &mut deployments {
        each.status = serde_json::from_value(deployment.clone()).expect("a status");
    }
    for each in &mut jobs {
        each.status = serde_json::from_value(job.clone()).expect("a status");
    }
    Resources { config_map, deployments, jobs, cron_jobs, stage: std::marker::PhantomData }
}

fn told_of(outcome: &Outcome<'_>, previous: &ScanCampaignStatus) -> ScanCampaignStatus {
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    status(outcome, Some(3), previous, Counts::default(), now)
}

fn lines(status: &ScanCampaignStatus) -> Vec<String> {
    let line = |each: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        format!("{} {} {}: {}", each.type_, each.status, each.reason, each.message)
    };
    status.conditions.iter().map(line).collect()
}

#[test]
fn each_state_is_told_with_what_to_do() {
    let ready = json!({"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1});
    let stuck = json!({"replicas": 1, "updatedReplicas": 1, "conditions": [
        {"type": "Progressing", "status": "False", "message": "ReplicaSet \"main-here-x\" has timed out progressing."}]});
    let ended = |how: &str| json!({"conditions": [{"type": how, "status": "True", "message": "it has come to that end"}]});
    let (goes_on, rests, once) = (json!({}), json!({"suspend": true}), json!({"mode": "Once"}));
    let nobody = json!({"vantages": [{"name": "here", "replicas": 0}]});
    let once_nobody = json!({"mode": "Once", "vantages": [{"name": "here", "replicas": 0}]});
    let once_two = json!({"mode": "Once", "vantages": [{"name": "here", "replicas": 2}]});
    let cases = [
        ("runs", &goes_on, ready.clone(), json!({})),
        ("begins", &goes_on, json!({}), json!({})),
        ("is stuck", &goes_on, stuck, json!({})),
        ("rests", &rests, json!({}), json!({})),
        ("has nobody", &nobody, json!({}), json!({})),
        ("visits once", &once, json!({}), json!({"ready": 1})),
        ("has visited once", &once, json!({}), ended("Complete")),
        ("could not visit", &once, json!({}), ended("Failed")),
        ("visits once with nobody", &once_nobody, json!({}), json!({})),
        (
            "is about to have visited once",
            &once_two,
            json!({}),
            json!({"succeeded": 1, "active": 1, "ready": 1}),
        ),
    ];
    let mut told = std::collections::BTreeMap::new();
    for (name, more, deployment, job) in cases {
        let campaign = validated(more);
        let resources = applied(&campaign, &deployment, &job);
        let status = told_of(&Outcome::Applied(&campaign, &resources), &ScanCampaignStatus::default());
        told.insert(name, lines(&status));
    }
    let mut campaign = validated(&goes_on);
    campaign.troubles =
        vec![Trouble::NoConfigMap { source_name: "friends".to_owned(), config_map: "lists".to_owned() }];
    let resources = applied(&campaign, &ready, &json!({}));
    told.insert(
        "lacks a list",
        lines(&told_of(&Outcome::Applied(&campaign, &resources), &ScanCampaignStatus::default())),
    );
    let taken = Error::Taken { kind: "Deployment".to_owned(), name: "main-here".to_owned() };
    told.insert("is in the way", lines(&told_of(&Outcome::Failed(&taken), &ScanCampaignStatus::default())));
    let invalid = Invalid::TooLarge(2_000_000);
    let (none, before) = (Children::default(), ScanCampaignStatus::default());
    told.insert("is too large", lines(&told_of(&Outcome::Invalid(&invalid, false, &none), &before)));
    told.insert("is too large and rests", lines(&told_of(&Outcome::Invalid(&invalid, true, &none), &before)));
    let mut once = validated(&once);
    once.done.extend(build(&once, &settings()).expect("builds").jobs.iter().map(kube::ResourceExt::name_any));
    let mut resources = applied(&once, &json!({}), &ended("Complete"));
    resources.jobs[1].status = serde_json::from_value(ended("Failed")).expect("a status");
    told.insert("could not be analysed", lines(&told_of(&Outcome::Applied(&once, &resources), &before)));
    insta::assert_yaml_snapshot!(told);
}

#[test]
fn what_others_tell_is_not_ours() {
    let status: ScanCampaignStatus = serde_json::from_value(json!({
        "observedGeneration": 1,
        "conditions": [{"type": "Stale", "status": "True", "reason": "NoVisits", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "vantages": [{"name": "here", "desired": 1, "ready": 1, "abstains": true, "lastVisit": "2026-01-01T00:00:00Z"}],
        "lanes": [{"name": "Deep"}],
        "analysis": {"report": "x"},
    }))
    .expect("a status");
    let mine = ours(&status).expect("writes");
    assert_eq!(
        mine,
        json!({"observedGeneration": 1, "vantages": [{"name": "here", "desired": 1, "ready": 1}]})
    );
}

#[test]
fn the_same_again_is_the_same() {
    let campaign = validated(&json!({}));
    let resources =
        applied(&campaign, &json!({"readyReplicas": 1, "updatedReplicas": 1, "replicas": 1}), &json!({}));
    let first = told_of(&Outcome::Applied(&campaign, &resources), &ScanCampaignStatus::default());
    let later =
        status(&Outcome::Applied(&campaign, &resources), Some(3), &first, Counts::default(), Timestamp::MAX);
    assert_eq!(ours(&first).expect("writes"), ours(&later).expect("writes"));
}
