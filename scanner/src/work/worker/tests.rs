use std::{net::IpAddr, sync::OnceLock};

use electrum::{Host, dial::Dialer, guard::Guard, limits::Limits, names::Names};
use fleet::schedule::{Memory, MemorySchedule};
use tokio::net::TcpListener;

use super::*;
use crate::{
    aside::Tickets,
    caller::Caller,
    discovery::{InForce, Source},
    ledger::{Ledger, Politeness},
    work::entry::Entry,
};

const CAMPAIGN: &str = "
apiVersion: electrumobservatory.org/v1alpha1
kind: ScanCampaign
metadata: {name: test, namespace: observatory}
spec:
  network: regtest
  discovery: {bundledServers: false, allowPrivate: true}
  schedule: {watch: true}
  vantages: [{name: here, concurrency: 2}]
";

fn host(last: u8) -> Host {
    Host::Address(IpAddr::from([127, 202, 0, last]))
}

/// A worker, and a schedule on which these servers, at this port, are due in these lanes.
async fn worker(servers: &[(u8, Lane)], port: u16) -> Arc<Worker<MemorySchedule>> {
    let campaign = crds::yaml::read(CAMPAIGN).expect("a campaign");
    let orders = Orders::of(&campaign, None, |_| Err(String::new())).expect("orders");
    let schedule = Memory::default().schedule("here");
    let enrolments = servers.iter().map(|(last, lane)| {
        let endpoint = format!("tcp://{}:{port}", host(*last)).parse().expect("an endpoint");
        let entry = Entry {
            order: 0,
            endpoints: [endpoint].into(),
            sources: vec![Source::Seeds("mine".to_owned())],
            claimed_ip: None,
            tellers: [].into(),
        };
        Enrolment {
            subject: Subject::Server(host(*last)),
            listing: serde_json::to_vec(&entry).expect("JSON"),
            lanes: vec![(*lane, Duration::ZERO)],
        }
    });
    schedule.enrol(&enrolments.collect::<Vec<_>>()).await.expect("enrolled");
    schedule.attend("me", Duration::from_secs(60)).await.expect("present");
    let visitor = Visitor {
        dialer: Dialer::new(Names::system(), Guard::AllowPrivate, None, Limits::default()),
        ledger: Ledger::new(Politeness::default()),
        exclusions: InForce::default(),
        caller: Caller {
            network: orders.network,
            vantage: "here".to_owned(),
            name: orders.name.clone(),
            objects: OnceLock::new(),
            disabled: Arc::default(),
            secret: [7; 32],
        },
        tickets: Tickets::default(),
    };
    let metrics = Metrics::new(orders.network, "here", 1_000).expect("metrics");
    let seeds = orders.seeds.clone();
    Worker::new(
        "me".to_owned(),
        schedule,
        (orders, move || Ok(seeds.clone())),
        Arc::new(visitor),
        Hold::default(),
        Arc::new(metrics),
        Arc::new(Health::new()),
        Gate::new(2),
    )
}

#[tokio::test]
async fn watches_keep_nobody_from_finding_out_whether_the_network_is_back() {
    let mute = TcpListener::bind("0.0.0.0:0").await.expect("listens");
    let port = mute.local_addr().expect("its address").port();
    let worker = worker(&[(1, Lane::Watch), (2, Lane::Liveness)], port).await;
    let Hold { lease, patience } = worker.hold;
    let wanted = Wanted { worker: "me", lanes: &[Lane::Watch], most: 9, lease, patience };
    let watch = worker.schedule.claim(&wanted).await.expect("claims").remove(0);
    worker.held().insert(watch.token, Arc::new(Held::new(watch)));
    for last in 1..=10 {
        worker.in_doubt(|doubt| doubt.visited(&host(last), true, false));
    }
    let mut tasks = JoinSet::new();
    let (condition, _) = worker.take_on(&mut tasks).await.expect("claims");
    assert_eq!((condition, tasks.len(), worker.held_by_kind()), (Condition::Abstaining, 1, (1, 1)));
    worker.turned(condition);
    tokio::time::pause();
    tokio::time::advance(2 * super::super::health::STUCK).await;
    worker.held().retain(|_, held| held.claim.lane == Lane::Watch);
    worker.turned(condition);
    assert_eq!(worker.health.is_stuck(Instant::now()), None, "a watch lasts for an hour");
}

#[tokio::test]
async fn a_claim_whose_task_ends_without_a_word_is_not_kept_for_ever() {
    let mute = TcpListener::bind("0.0.0.0:0").await.expect("listens");
    let port = mute.local_addr().expect("its address").port();
    let worker = worker(&[(1, Lane::Liveness)], port).await;
    let mut tasks = JoinSet::new();
    worker.take_on(&mut tasks).await.expect("claims");
    mute.accept().await.expect("it is visited");
    assert_eq!((tasks.len(), worker.held().len()), (1, 1));
    // As a panic would.
    tasks.shutdown().await;
    assert_eq!(worker.held().len(), 0);
}

#[tokio::test]
async fn a_server_whose_listing_cannot_be_read_is_dropped_and_nobody_waits_for_it() {
    let worker = worker(&[(1, Lane::Liveness), (2, Lane::Liveness)], 1).await;
    let spoilt = |last| Enrolment {
        subject: Subject::Server(host(last)),
        listing: b"{\"order\":".to_vec(),
        lanes: vec![(Lane::Deep, Duration::ZERO)],
    };
    worker.schedule.enrol(&[spoilt(2), spoilt(3)]).await.expect("enrolled");
    let mut tasks = JoinSet::new();
    worker.take_on(&mut tasks).await.expect("claims");
    assert_eq!(tasks.len(), 3);
    tasks.join_all().await;
    let (left, _) = worker.schedule.subjects(0).await.expect("a page");
    assert_eq!(left.iter().map(|(subject, _)| subject).collect::<Vec<_>>(), [&Subject::Server(host(1))]);
    let status = worker.schedule.status().await.expect("a status");
    assert_eq!(status.lanes.iter().map(|lane| lane.subjects).sum::<u64>(), 1, "in no lane");
    assert_eq!(status.stale, 0, "nobody did anything wrong");
    let told = worker.metrics.text().expect("metrics");
    assert!(
        told.lines().any(|line| line.contains("errors_total{class=\"spoilt\"") && line.ends_with(" 2")),
        "{told}"
    );
}
