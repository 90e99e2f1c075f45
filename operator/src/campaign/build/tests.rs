//! What campaigns are made of, in full.

use std::fs;

use clap::Parser as _;
use crds::campaign::{Mode, Vantage};
use fleet::arguments::Shared;
use k8s_openapi::api::core::v1::PodSpec;
use scanner::{cli::Line, discovery::Source, work::Orders};
use serde_json::json;

use super::*;
use crate::campaign::{
    dereference::{Found, Seeds},
    validate::{tests::found, validate},
};

pub(crate) fn settings() -> Settings {
    Settings {
        image: "registry.example.org/electrum-observatory:0.1.0".to_owned(),
        image_pull_policy: None,
        shared: Shared {
            redis: "rediss://redis.observatory.svc:6379".to_owned(),
            redis_user_file: None,
            redis_password_file: None,
            redis_ca_file: None,
        },
        redis_secret: Some("observatory-redis".to_owned()),
        redis_ca_secret: Some("observatory-redis-ca".to_owned()),
        data_claim: "observatory-data".to_owned(),
        analyzer_service_account: "observatory-analyzer".to_owned(),
        geoip: vec!["/usr/share/observatory/asn.mmdb".to_owned()],
        geoip_claim: Some("observatory-geoip".to_owned()),
        grace_seconds: 60,
        namespace: None,
        lease_namespace: "observatory".to_owned(),
        identity: "operator-0".to_owned(),
        listen: ([0, 0, 0, 0], 8080).into(),
        concurrency: 4,
        series: 100_000,
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
    campaign.seeds.insert("seeds-friends".to_owned(), "ssl://example.org:50002\n".to_owned());
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

/// What a pod's scanner is told: its arguments as the scanner itself takes them apart, and the files of the campaign,
/// read by the scanner itself.
fn scanner_reads(pod: &PodSpec, map: &ConfigMap) -> Orders {
    let arguments: Vec<_> = pod.containers[0]
        .args
        .iter()
        .flatten()
        // As a node does.
        .map(|argument| argument.replace("$(POD_IP)", "192.0.2.1"))
        .collect();
    let line = std::iter::once("scanner".to_owned()).chain(arguments.iter().cloned());
    Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));

    let directory = tempfile::tempdir().expect("a directory");
    let volumes = pod.volumes.as_ref().expect("volumes");
    let items = volumes.iter().find_map(|volume| volume.config_map.as_ref()?.items.as_ref()).expect("named");
    for item in items {
        let text = &map.data.as_ref().expect("data")[&item.key];
        fs::write(directory.path().join(&item.path), text).expect("written");
    }
    let vantage = arguments.iter().position(|argument| argument == "--vantage").expect("a vantage");
    let file = directory.path().join(CAMPAIGN_FILE);
    Orders::read(&file, Some(&arguments[vantage + 1])).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn scanners_take_what_they_are_told_for_every_example() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/examples");
    let mut read = 0;
    for entry in fs::read_dir(examples).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let mut example: ScanCampaign = serde_saphyr::from_str(&text).expect("a campaign");
        example.spec.politeness.contact.get_or_insert_with(|| "ops@example.org".to_owned());
        example.spec.vantages[0].resolver = Some("9.9.9.9:53".to_owned());
        example.spec.vantages[0].concurrency = 7;
        for mode in [Mode::Continuous, Mode::Once] {
            example.spec.mode = mode;
            let mut found: Found = found(&json!({}));
            found.campaign.spec = example.spec.clone();
            let missing = example.spec.discovery.sources.iter().filter(|source| source.seeds_from.is_some());
            found.seeds = missing.map(|source| (source.name.clone(), Seeds::NoConfigMap)).collect();
            let made = build(&validate(&found).expect("valid"), &settings()).expect("builds");
            let deployments = made.deployments.iter().filter_map(|each| each.spec.as_ref());
            let jobs = made.jobs.iter().filter_map(|each| each.spec.as_ref());
            let templates = deployments.map(|spec| &spec.template).chain(jobs.map(|spec| &spec.template));
            let orders: Vec<_> = templates
                .map(|template| scanner_reads(template.spec.as_ref().expect("a pod"), &made.config_map))
                .collect();
            let vantages = orders.iter().map(|orders| orders.scope.vantage.as_str());
            assert!(vantages.eq(example.spec.vantages.iter().map(|vantage| vantage.name.as_str())));
            assert_eq!((orders[0].once, orders[0].concurrency), (mode == Mode::Once, 7));
            assert!(orders[0].resolver.is_some(), "read from the campaign");
            read += 1;
        }
    }
    assert!(read >= 6, "{read}");
}

#[test]
fn jobs_that_work_together_may_fail_together() {
    let limit = |replicas: i32| {
        let made = made(&json!({"mode": "Once", "vantages": [{"name": "here", "replicas": replicas}]}));
        made.jobs[0].spec.as_ref().expect("a spec").backoff_limit
    };
    assert_eq!([0, 1, 5].map(limit), [6, 6, 30].map(Some));
}

#[test]
fn the_jobs_of_a_cron_job_are_found_again() {
    let cron_job = made(&json!({})).cron_jobs.remove(0).spec.expect("a spec");
    let labels = cron_job.job_template.metadata.and_then(|meta| meta.labels).expect("labels");
    let found = |term: &str| {
        let (key, value) = term.split_once('=').expect("key=value");
        labels.get(key).is_some_and(|label| label == value)
    };
    assert!(names::of_campaign("main").split(',').all(found));
}

#[test]
fn servers_of_persons_reach_scanners_and_start_none_again() {
    let mut found = found(&json!({}));
    let nobody = build(&validate(&found).expect("valid"), &settings()).expect("builds");
    found.persons = "tcp://mine.example:50001\n".to_owned();
    let mine = build(&validate(&found).expect("valid"), &settings()).expect("builds");
    assert_eq!(nobody.deployments, mine.deployments);
    let keys = |made: &Resources<Prepared>| {
        made.config_map.data.iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&nobody), keys(&mine), "and no file that stands for a start is another");
    let pod = |made: &Resources<Prepared>| {
        made.deployments[0].spec.as_ref().and_then(|spec| spec.template.spec.clone()).expect("a pod")
    };
    let reads = |made: &Resources<Prepared>| {
        let lists = scanner_reads(&pod(made), &made.config_map).seeds.lists;
        let of_persons = |(source, _): &&(Source, _)| source.to_string() == "seeds:_servers";
        lists.iter().find(of_persons).map(|(_, servers)| servers.len())
    };
    assert_eq!((reads(&nobody), reads(&mine)), (Some(0), Some(1)));
}

#[test]
fn the_campaigns_text_is_a_resource_that_reads() {
    let map = made(&json!({"mode": "Once"})).config_map;
    let text = &map.data.expect("data")[CAMPAIGN_FILE];
    let read: ScanCampaign = serde_saphyr::from_str(text).expect("reads");
    assert_eq!((read.spec.mode, read.spec.vantages), (Mode::Once, vec![Vantage::named("here")]));
}
