//! What campaigns are made of, in full.

use crds::campaign::{Mode, Vantage};
use serde_json::json;

use super::*;
use crate::campaign::validate::{tests::found, validate};

pub(crate) fn settings() -> Settings {
    Settings {
        image: "registry.example.org/electrum-observatory:0.1.0".to_owned(),
        image_pull_policy: None,
        redis: "rediss://redis.observatory.svc:6379".to_owned(),
        redis_secret: Some("observatory-redis".to_owned()),
        redis_ca_secret: Some("observatory-redis-ca".to_owned()),
        data_claim: "observatory-data".to_owned(),
        geoip: vec!["/usr/share/observatory/asn.mmdb".to_owned()],
        grace_seconds: 60,
        namespace: None,
        lease_namespace: "observatory".to_owned(),
        identity: "operator-0".to_owned(),
        listen: ([0, 0, 0, 0], 8080).into(),
        concurrency: 4,
    }
}

fn campaign(more: &serde_json::Value) -> Validated {
    validate(&found(more)).expect("can be acted on")
}

fn made(more: &serde_json::Value) -> Resources<Prepared> {
    build(&campaign(more), &settings()).expect("builds")
}

fn restarts_with(resources: &Resources<Prepared>) -> String {
    let template = resources.deployments[0].spec.as_ref().expect("a spec").template.metadata.as_ref();
    template.and_then(|meta| meta.annotations.as_ref()).expect("annotations")[names::RESTART].clone()
}

#[test]
fn who_goes_on_is_made_of_these() {
    let mut campaign = campaign(&json!({"vantages": [{
        "name": "amsterdam", "replicas": 3, "proxy": "socks5://tor:9050", "resolver": "9.9.9.9:53",
        "nodeSelector": {"zone": "ams"}, "tolerations": [{"key": "scan", "operator": "Exists"}],
    }]}));
    campaign.seeds = [("seeds-friends".to_owned(), "ssl://example.org:50002\n".to_owned())].into();
    let Resources { config_map, deployments, jobs, cron_jobs, stage: _ } =
        build(&campaign, &settings()).expect("builds");
    assert!(jobs.is_empty());
    insta::assert_yaml_snapshot!("config_map", config_map);
    insta::assert_yaml_snapshot!("deployment", deployments);
    insta::assert_yaml_snapshot!("cron_job", cron_jobs);
}

#[test]
fn who_visits_everybody_once_is_made_of_these_and_analysed_when_done() {
    let mut campaign =
        campaign(&json!({"mode": "Once", "vantages": [{"name": "a"}, {"name": "b", "replicas": 2}]}));
    let first = build(&campaign, &settings()).expect("builds");
    assert!(first.deployments.is_empty() && first.cron_jobs.is_empty());
    let names: Vec<_> = first.jobs.iter().filter_map(|job| job.metadata.name.clone()).collect();
    assert_eq!(names.len(), 2);
    insta::assert_yaml_snapshot!("job", first.jobs[1]);
    campaign.done.extend(names.iter().take(1).cloned());
    assert_eq!(build(&campaign, &settings()).expect("builds").jobs.len(), 2);
    campaign.done.extend(names);
    let jobs = build(&campaign, &settings()).expect("builds").jobs;
    assert!(jobs[2].metadata.name.as_ref().is_some_and(|name| name.starts_with("main-analysis-")));
}

#[test]
fn who_rests_has_nobody_at_work() {
    let rests = made(&json!({"suspend": true}));
    assert_eq!(rests.deployments[0].spec.as_ref().expect("a spec").replicas, Some(0));
    assert_eq!(rests.cron_jobs[0].spec.as_ref().expect("a spec").suspend, Some(true));
    let once = made(&json!({"suspend": true, "mode": "Once"}));
    assert_eq!(once.jobs[0].spec.as_ref().expect("a spec").suspend, Some(true));
}

#[test]
fn scanners_start_again_for_what_they_read_at_the_start_alone() {
    let usual = restarts_with(&made(&json!({})));
    for same in [
        json!({"suspend": true}),
        json!({"analysis": {"schedule": "1 1 * * *"}}),
        json!({"retention": {"visits": "120d"}}),
        json!({"vantages": [{"name": "here", "replicas": 9, "nodeSelector": {"a": "b"}}]}),
        json!({"vantages": [{"name": "here"}, {"name": "there"}]}),
    ] {
        assert_eq!(restarts_with(&made(&same)), usual, "{same}");
    }
    for other in [
        json!({"schedule": {"liveness": "11m"}}),
        json!({"politeness": {"contact": "ops@example.org"}}),
        json!({"vantages": [{"name": "here", "proxy": "socks5://tor:9050"}]}),
        json!({"discovery": {"maxServers": 5}}),
    ] {
        assert_ne!(restarts_with(&made(&other)), usual, "{other}");
    }
}

#[test]
fn the_campaigns_text_is_a_resource_that_reads() {
    let map = made(&json!({"mode": "Once"})).config_map;
    let text = &map.data.expect("data")[CAMPAIGN_FILE];
    let read: ScanCampaign = serde_saphyr::from_str(text).expect("reads");
    assert_eq!((read.spec.mode, read.spec.vantages), (Mode::Once, vec![Vantage::named("here")]));
}
