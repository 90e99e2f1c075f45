//! Workers are killed and stopped, Redis is killed and started anew, the network is cut; and still every server is visited
//! in every interval, by one worker at a time, no earlier than its spacing, and each visit is in the stream once.
//!
//! Short in every test run; `make chaos` makes it long (`CHAOS_SERVERS`, `CHAOS_SECONDS`).

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use fleet::{
    Credentials, Redis,
    visits::{Group, Reader},
};

use crate::{
    ALONE,
    crew::{Campaign, Worker},
    redis,
    relay::Relay,
    witness::{Call, Witness},
};

const WORKERS: usize = 4;
const LEASE: u32 = 3;
const SPACING: Duration = Duration::from_secs(2);
/// How long the network stays cut, and a worker stopped.
const CUT: Duration = Duration::from_secs(5);

struct Plan {
    servers: usize,
    interval: Duration,
    lasting: Duration,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str, usual: u64| {
            std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
        };
        let servers = usize::try_from(number("CHAOS_SERVERS", 150)).expect("a number");
        // What two processors do with something to spare.
        let interval = Duration::from_secs(10).max(Duration::from_millis(20 * servers as u64));
        Self { servers, interval, lasting: Duration::from_secs(number("CHAOS_SECONDS", 45)) }
    }
}

fn address(number: usize) -> Ipv4Addr {
    // One a /24, so that neighbours do not wait for each other.
    let number = u32::try_from(number).expect("few");
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (number << 8))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures are what this test is for")]
async fn whatever_is_killed_stopped_or_cut_every_server_is_visited_in_time_and_by_one_at_a_time() {
    let _alone = ALONE.lock().await;
    let plan = Plan::from_environment();
    let port = redis::free_port();
    let witness = Witness::listen(port).await;
    let mut server =
        redis::Server::with(redis::Program::Debian, &["--appendonly", "yes", "--appendfsync", "always"])
            .await;
    let relay = Relay::to(server.port()).await;
    let seeds: Vec<String> = (0..plan.servers).map(|n| format!("tcp://{}:{port}", address(n))).collect();
    let spec = format!(
        "  network: regtest
  discovery: {{bundledServers: false, allowPrivate: true, crawlPeers: false, sources: [{{name: net, seedsFrom: {{configMap: net}}}}]}}
  schedule: {{liveness: {}s, discovery: 1h, jitter: 0}}
  probes: {{profile: Light}}
  vantages: [{{name: here}}]
  politeness: {{budgets: {{serverSpacing: {}s, subnetSpacing: 0s, asSpacing: 0s, connections: 1}}}}\n",
        plan.interval.as_secs(),
        SPACING.as_secs()
    );
    let campaign = Campaign::new(&format!("redis://{}", relay.address), &spec, &seeds.join("\n"), LEASE);
    campaign.leave_alone("");
    let names: Vec<String> = (0..WORKERS).map(|n| format!("worker-{n}")).collect();
    let mut workers: Vec<Worker> = names.iter().map(|name| campaign.worker(name)).collect();
    let began = Instant::now();
    let (mut kills, mut stops, mut cuts, mut restarts, mut turn) = (0, 0, 0, 0, 0_usize);
    while began.elapsed() < plan.lasting {
        tokio::time::sleep(Duration::from_secs(2)).await;
        turn += 1;
        match turn % 12 {
            3 => {
                relay.cut();
                tokio::time::sleep(CUT).await;
                relay.mend();
                cuts += 1;
            }
            6 => {
                server.restart().await;
                restarts += 1;
            }
            9 => {
                // Longer than its lease: others take over what it holds, and what it says afterwards is refused.
                let worker = &workers[rand::random_range(0..WORKERS)];
                worker.signal("STOP");
                tokio::time::sleep(CUT).await;
                worker.signal("CONT");
                stops += 1;
            }
            _ => {
                let place = rand::random_range(0..WORKERS);
                let next = campaign.worker(&names[place]);
                std::mem::replace(&mut workers[place], next).kill();
                kills += 1;
            }
        }
    }
    // What was overdue when it became quiet is visited now.
    tokio::time::sleep(plan.interval + CUT).await;
    for worker in workers {
        assert!(worker.terminate(Duration::from_secs(20)), "a worker that is told to end ends well");
    }
    let status = campaign.status();
    let calls = witness.calls();
    let visits = read_all(&server.redis()).await;
    let made: usize = calls.values().map(Vec::len).sum();
    let gap = calls.values().flat_map(|calls| calls.windows(2)).map(|pair| pair[1].came - pair[0].came).max();
    let spacing =
        calls.values().flat_map(|calls| calls.windows(2)).map(|pair| pair[1].came - pair[0].came).min();
    let distinct: HashSet<&String> = visits.iter().collect();
    println!(
        "{} servers, {made} connections, {} visits in the stream, {} of them distinct; {kills} workers killed, {stops} stopped, \
         {restarts} restarts of Redis, {cuts} cuts; {} refused as stale; between two connections to one server {spacing:?} to {gap:?}",
        calls.len(),
        visits.len(),
        distinct.len(),
        status["stale"],
    );
    assert_eq!(calls.len(), plan.servers, "every server was visited");
    assert_eq!(distinct.len(), visits.len(), "each visit is in the stream once");
    assert!(visits.len() <= made && visits.len() * 2 > made, "and few were lost with those who made them");
    for (server, calls) in &calls {
        assert!(!overlap(calls), "two at once at {server}: {calls:?}");
    }
    assert!(spacing.expect("two visits") >= SPACING, "{spacing:?}");
    // An interval; what a killed worker had open counts for half a minute; and the chaos of the time.
    let longest =
        plan.interval + Duration::from_secs(30) + 2 * CUT + Duration::from_secs(2 * u64::from(LEASE));
    assert!(gap.expect("two visits") <= longest, "{gap:?} without a visit");
    assert!(kills > 0 && stops > 0 && cuts > 0 && restarts > 0, "there was chaos");
}

fn overlap(calls: &[Call]) -> bool {
    calls.windows(2).any(|pair| pair[0].went.is_none_or(|went| went > pair[1].came))
}

/// What identifies each visit in the stream: where and when.
async fn read_all(redis: &Redis) -> Vec<String> {
    let mut reader = Reader::open(redis, "fleet/test", Group::Archive, "test").await.expect("opens");
    let mut all = Vec::new();
    loop {
        let visits = reader.read(500, Duration::from_millis(100)).await.expect("reads");
        if visits.is_empty() {
            assert_eq!(reader.spoilt(), 0);
            return all;
        }
        reader.ack(visits.iter().map(|visit| &*visit.id)).await.expect("acknowledged");
        all.extend(visits.iter().map(|visit| format!("{} {}", visit.visit.endpoint, visit.visit.started_at)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figure is what this test is for")]
async fn what_a_killed_worker_held_is_visited_by_another_within_its_lease_and_a_second() {
    let _alone = ALONE.lock().await;
    let port = redis::free_port();
    let witness = Witness::listen(port).await;
    let server = redis::Server::start().await;
    let seeds: Vec<String> = (0..20).map(|n| format!("tcp://{}:{port}", address(n + 60_000))).collect();
    let spec = "  network: regtest
  discovery: {bundledServers: false, allowPrivate: true, crawlPeers: false, sources: [{name: net, seedsFrom: {configMap: net}}]}
  schedule: {liveness: 1s, discovery: 1h, jitter: 0}
  probes: {profile: Light}
  vantages: [{name: here}]
  politeness: {budgets: {serverSpacing: 0s, subnetSpacing: 0s, asSpacing: 0s}}\n";
    let campaign = Campaign::new(&format!("redis://127.0.0.1:{}", server.port()), spec, &seeds.join("\n"), 3);
    campaign.leave_alone("");
    let (first, _second) = (campaign.worker("first"), campaign.worker("second"));
    redis::eventually("every server is visited", async || witness.calls().len() == 20).await;
    let killed = Instant::now();
    first.kill();
    redis::eventually("every server is visited again", async || {
        witness
            .calls()
            .values()
            .all(|calls| calls.last().is_some_and(|call| call.came > killed + Duration::from_secs(4)))
    })
    .await;
    let calls = witness.calls();
    let longest = calls
        .values()
        .filter_map(|calls| {
            let after = calls.iter().find(|call| call.came > killed)?;
            Some(after.came - killed)
        })
        .max();
    // The lease, a second, and the interval of a second in which a server may just have been visited; and what a busy
    // machine takes to get round to it.
    println!("the last server of a killed worker was visited {longest:?} after its end");
    assert!(longest.expect("visits") <= Duration::from_secs(3 + 1 + 1 + 5), "{longest:?}");
}

#[tokio::test]
async fn what_cannot_be_worked_on_is_said_in_one_line() {
    let server = redis::Server::start().await;
    let redis = Redis::open(&format!("redis://127.0.0.1:{}", server.port()), Credentials::default());
    redis.expect("an address").check().await.expect("it is sound");
    let campaign =
        Campaign::new(&format!("redis://127.0.0.1:{}", server.port()), "  network: nowhere\n", "", 3);
    let output = crate::crew::scanner()
        .args(["work", "--redis", &campaign.redis, "--http", "127.0.0.1:0", "--campaign"])
        .arg(campaign.file())
        .output()
        .expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("campaign.yaml") && said.contains("nowhere"), "{said}");
}
