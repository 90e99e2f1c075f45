//! How a worker begins, waits and ends.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::net::TcpListener;

use crate::{
    ALONE,
    crew::Campaign,
    redis::{self, eventually},
    relay::Relay,
    witness::Witness,
};

const LEASE: u32 = 3;

fn url(server: &redis::Server) -> String {
    format!("redis://127.0.0.1:{}", server.port())
}

fn address(n: u8) -> Ipv4Addr {
    // One a /24.
    Ipv4Addr::new(127, 200, n, 1)
}

fn seeds(servers: impl IntoIterator<Item = Ipv4Addr>, port: u16) -> String {
    servers.into_iter().map(|server| format!("tcp://{server}:{port}\n")).collect()
}

/// A campaign's spec, with what differs.
fn spec(mode: &str, subnet_spacing: u32, concurrency: u32) -> String {
    format!(
        "  network: regtest
  mode: {mode}
  discovery:
    bundledServers: false
    allowPrivate: true
    sources: [{{name: late, seedsFrom: {{configMap: late}}}}, {{name: net, seedsFrom: {{configMap: net}}}}]
  schedule: {{liveness: 2s, discovery: 1h, jitter: 0}}
  probes: {{profile: Light}}
  vantages: [{{name: here, concurrency: {concurrency}}}]
  politeness: {{budgets: {{serverSpacing: 0s, subnetSpacing: {subnet_spacing}s, asSpacing: 0s}}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_visited_before_it_is_known_who_is_to_be_left_alone() {
    let _alone = ALONE.lock().await;
    let (port, redis_port) = (redis::free_port(), redis::free_port());
    let witness = Witness::listen(port).await;
    let all = seeds((0..3).map(address), port);
    let campaign =
        Campaign::new(&format!("redis://127.0.0.1:{redis_port}"), &spec("Continuous", 0, 4), &all, LEASE);
    let worker = campaign.worker("worker");
    worker.stands("RedisAway").await;
    let _server = redis::Server::start_at(redis_port).await;
    worker.stands("ExclusionsUnknown").await;
    let (code, page) = worker.page("/readyz").await;
    assert!(code == 503 && page.contains("is the operator running?"), "{page}");
    assert_eq!(worker.page("/healthz").await.0, 200);
    assert!(witness.calls().is_empty());
    campaign.leave_alone(&format!("{} # asked\n", address(1)));
    worker.stands("Working").await;
    eventually("the others are visited", async || witness.calls().len() == 2).await;
    assert!(!witness.calls().contains_key(&address(1)));
    assert!(worker.terminate(Duration::from_secs(20)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_once_is_enough_each_is_visited_once_whoever_ends_in_between() {
    let _alone = ALONE.lock().await;
    let port = redis::free_port();
    // Everybody tells of one who is in no list.
    let witness = Witness::telling(port, &[address(99)]).await;
    let server = redis::Server::start().await;
    let servers = seeds((0..12).map(address), port);
    let campaign = Campaign::new(&url(&server), &spec("Once", 0, 1), &servers, LEASE);
    campaign.leave_alone("");
    let first = campaign.worker("first");
    eventually("somebody is visited", async || !witness.calls().is_empty()).await;
    first.signal("TERM");
    assert_eq!(first.ends(Duration::from_secs(20)), Some(1), "there is more to do");
    assert!(witness.calls().len() < 12);
    assert_eq!(campaign.worker("second").ends(Duration::from_secs(60)), Some(0), "all is done");
    let calls = witness.calls();
    assert_eq!(calls.len(), 13, "and whoever was told of");
    let often: Vec<_> = calls.iter().filter(|(_, calls)| calls.len() > 1).collect();
    assert!(often.is_empty(), "{often:?}");
    assert_eq!(campaign.worker("third").ends(Duration::from_secs(60)), Some(0), "nothing is left to do");
    assert!(witness.calls().values().all(|calls| calls.len() == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_in_which_many_wait_keeps_nobody_else_from_being_visited() {
    let _alone = ALONE.lock().await;
    let port = redis::free_port();
    let witness = Witness::listen(port).await;
    let server = redis::Server::start().await;
    // More than there are claims, and spaced so that it would take an hour.
    let crowd = (1..=40).map(|n| Ipv4Addr::new(127, 201, 0, n));
    let lonely = (0..6).map(address);
    let all = seeds(crowd.chain(lonely.clone()), port);
    let campaign = Campaign::new(&url(&server), &spec("Continuous", 180, 1), &all, LEASE);
    campaign.leave_alone("");
    let worker = campaign.worker("worker");
    eventually("those who are alone are visited", async || {
        let calls = witness.calls();
        lonely.clone().all(|server| calls.contains_key(&server))
    })
    .await;
    assert!(worker.terminate(Duration::from_secs(20)));
    let crowded = witness.calls().keys().filter(|server| server.octets()[1] == 201).count();
    assert_eq!(crowded, 1, "in three minutes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_worker_says_that_redis_is_away_and_gives_back_what_it_holds_when_told_twice_to_end() {
    let _alone = ALONE.lock().await;
    // Servers that take connections and say nothing.
    let mute = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("listens");
    let port = mute.local_addr().expect("its address").port();
    let server = redis::Server::start().await;
    let relay = Relay::to(server.port()).await;
    let all = seeds((0..20).map(address), port);
    let campaign =
        Campaign::new(&format!("redis://{}", relay.address), &spec("Continuous", 0, 1), &all, LEASE);
    campaign.leave_alone("");
    let worker = campaign.worker("worker");
    eventually("it holds all that it may", async || {
        worker
            .page("/metrics")
            .await
            .1
            .lines()
            .any(|line| line.starts_with("electrum_claims_held") && line.ends_with(" 8"))
    })
    .await;
    relay.cut();
    worker.stands("RedisAway").await;
    assert_eq!(worker.page("/healthz").await.0, 200, "another would find it away too");
    relay.mend();
    worker.stands("Working").await;
    worker.signal("TERM");
    worker.stands("Draining").await;
    let told = Instant::now();
    worker.signal("TERM");
    assert!(worker.ends(Duration::from_secs(8)).is_some(), "it does not wait for who says nothing");
    assert!(told.elapsed() < Duration::from_secs(8));
    let status = campaign.status();
    let claimed =
        status["lanes"].as_array().into_iter().flatten().filter_map(|lane| lane["claimed"].as_u64());
    assert_eq!(claimed.sum::<u64>(), 0, "all was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_is_waited_for() {
    let _alone = ALONE.lock().await;
    let port = redis::free_port();
    let witness = Witness::listen(port).await;
    let server = redis::Server::start().await;
    let all = seeds((0..3).map(address), port);
    let campaign = Campaign::new(&url(&server), &spec("Continuous", 0, 4), &all, LEASE);
    campaign.leave_alone("");
    let worker = campaign.worker("worker");
    worker.stands("Working").await;
    let redis = server.redis();
    let set = |password: &str| {
        let set = ::redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(password).to_owned();
        let redis = redis.clone();
        async move { redis.call::<()>(&set).await.expect("set") }
    };
    set("hidden").await;
    let kill =
        ::redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").to_owned();
    redis.call::<()>(&kill).await.expect("killed");
    worker.stands("RedisRefuses").await;
    assert_eq!(worker.page("/healthz").await.0, 200);
    set("").await;
    worker.stands("Working").await;
    let before = Instant::now();
    eventually("it goes on", async || witness.calls().values().flatten().any(|call| call.came > before))
        .await;
    assert!(worker.terminate(Duration::from_secs(20)));
}
