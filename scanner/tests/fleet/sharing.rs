//! Two workers share a simulated network, and a real Prometheus watches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use fleet::{
    schedule::Lane,
    visits::{Delivered, Group, Reader},
};
use model::Outcome;
use serde_json::Value;
use simulator::{
    grammar::Library,
    scenario,
    serve::{Clock, Listening, NameServer, listen},
    world::{Days, World},
};

use crate::{
    ALONE,
    crew::Campaign,
    redis::{self, eventually},
};

struct Net {
    world: Arc<World>,
    _listening: Listening,
    names: NameServer,
}

async fn serve(scenario: &str, servers: usize, seed: u64) -> Net {
    let grammars = Library::embedded().expect("grammars");
    let scenario = scenario::named(scenario, &grammars).expect("a scenario").expect("readable");
    let world = World::lasting(&scenario, seed, Some(servers), Days::default(), &grammars).expect("a world");
    let world = Arc::new(world);
    let clock = Clock::start_at(world.begins(), 1);
    let listening = listen(world.endpoints(), clock).expect("listens");
    let known = Arc::clone(&world);
    let names = NameServer::start(move |name, now| known.resolve(name, now), clock).await.expect("names");
    Net { world, _listening: listening, names }
}

/// Everything in the stream so far.
async fn visits(reader: &mut Reader) -> Vec<Delivered> {
    let visits = reader.read(1_000, Duration::from_millis(50)).await.expect("reads");
    reader.ack(visits.iter().map(|visit| &*visit.id)).await.expect("acknowledged");
    visits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_a_network_and_prometheus_sees_what_is_true_of_it() {
    let _alone = ALONE.lock().await;
    let net = serve("mixed-2026", 20, 70).await;
    let server = redis::Server::start().await;
    let seeds: Vec<String> =
        net.world.truths().flat_map(|truth| truth.endpoints.iter().map(ToString::to_string)).collect();
    // Somebody who is not there.
    let nobody = format!("tcp://127.9.9.9:{}", redis::free_port());
    let seeds = format!("{}\n{nobody}\n", seeds.join("\n"));
    let spec = format!(
        "  network: regtest
  discovery: {{bundledServers: false, allowPrivate: true, sources: [{{name: net, seedsFrom: {{configMap: net}}}}]}}
  schedule: {{liveness: 5s, deep: 20s, discovery: 5s}}
  vantages: [{{name: here, resolver: \"{}\"}}]
  politeness: {{budgets: {{serverSpacing: 0s, subnetSpacing: 0s, asSpacing: 0s}}}}\n",
        net.names.address()
    );
    let redis = server.redis();
    let mut reader = Reader::open(&redis, "fleet/test", Group::Archive, "test").await.expect("opens");
    let campaign = Campaign::new(&format!("redis://127.0.0.1:{}", server.port()), &spec, &seeds, 6);
    campaign.leave_alone("");
    let (a, b) = (campaign.worker("a"), campaign.worker("b"));
    let prometheus = Prometheus::watching(&[&a.http, &b.http]);
    let began = std::time::Instant::now();
    let mut seen: Vec<Delivered> = Vec::new();
    let is_liveness = |visit: &&Delivered| visit.lane == Lane::Liveness;
    let known: BTreeSet<&str> = net.world.truths().map(|truth| &*truth.server).collect();
    let missed = |seen: &[Delivered]| -> Vec<String> {
        let visited: BTreeSet<String> =
            seen.iter().filter(is_liveness).map(|visit| visit.visit.endpoint.host.to_string()).collect();
        known.iter().filter(|server| !visited.contains(**server)).map(|server| (*server).to_owned()).collect()
    };
    // A minute, and on a slow machine as long as it takes to visit everybody.
    let minute = Duration::from_secs(60);
    while began.elapsed() < minute || (!missed(&seen).is_empty() && began.elapsed() < 3 * minute) {
        seen.extend(visits(&mut reader).await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for worker in [&a, &b] {
        assert_eq!(worker.page("/healthz").await.0, 200);
        assert_eq!(worker.page("/readyz").await, (200, "Working\n".to_owned()));
    }
    let status = campaign.status();
    assert_eq!(status["workers"].as_array().map(Vec::len), Some(2));
    // A claim may be extended while it is settled, and on a slow machine a lease may end.
    assert!(status["stale"].as_u64().is_some_and(|stale| stale < 10), "{status}");

    // What is true: who is there answers whenever it is asked, who is not never does.
    let answered = |visit: &Delivered| visit.visit.outcome == Outcome::Answered;
    let uptime = prometheus.by_server(
        "sum by (server) (electrum_visits_total{lane=\"liveness\",outcome=\"answered\"}) / sum by (server) (electrum_visits_total{lane=\"liveness\"})",
    );
    assert!(!uptime.contains_key("127.9.9.9"), "a quotient of nothing is nothing");
    let never = prometheus
        .by_server("sum by (server) (electrum_visits_total{lane=\"liveness\",outcome!=\"answered\"})");
    assert!(never.get("127.9.9.9").is_some_and(|visits| *visits > 1.0), "{never:?}");
    let mut by_server: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for visit in seen.iter().filter(is_liveness) {
        let counts = by_server.entry(visit.visit.endpoint.host.to_string()).or_default();
        counts.0 += f64::from(u8::from(answered(visit)));
        counts.1 += 1.0;
    }
    let missed = missed(&seen);
    assert!(known.len() > 15 && missed.is_empty(), "{missed:?} of {} were not visited", known.len());
    for (server, share) in &uptime {
        let (up, all) = by_server[server];
        assert!(
            (share - up / all).abs() < 0.15,
            "{server}: {share} by Prometheus, {up} of {all} by the stream"
        );
    }
    let rates: f64 = prometheus.by_server("sum by (server) (electrum_visits_total)").values().sum();
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let all = seen.len() as f64;
    assert!((rates - all).abs() < 0.15 * all, "{rates} by both workers' counters, {all} in the stream");

    // The simulator answers after the time that its distance takes.
    let p95 = prometheus.by_server(
        "histogram_quantile(0.95, sum by (server, le) (electrum_visit_duration_seconds_bucket{phase=\"first_byte\"}))",
    );
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for visit in &seen {
        if let Some(first) = visit.visit.timings.first_byte {
            times.entry(visit.visit.endpoint.host.to_string()).or_default().push(first.as_millis() / 1_000.0);
        }
    }
    assert!(p95.len() > 15, "{p95:?}");
    for (server, estimate) in p95.iter().filter(|(_, estimate)| estimate.is_finite()) {
        let mut times = times[server].clone();
        times.sort_by(f64::total_cmp);
        // An estimate lies within a bucket, and the ranks beside the 95th percentile are as good.
        let near = &times[(times.len() * 95 / 100).saturating_sub(2)..];
        let agrees = |truth: &f64| *estimate < 3.0 * truth + 0.01 && *truth < 3.0 * estimate + 0.01;
        assert!(near.iter().any(agrees), "{server}: {estimate} by Prometheus, {near:?} by the visits");
    }
    assert!(a.terminate(Duration::from_secs(30)) && b.terminate(Duration::from_secs(30)));
    seen.extend(visits(&mut reader).await);
    let distinct: BTreeSet<String> =
        seen.iter().map(|visit| format!("{} {}", visit.visit.endpoint, visit.visit.started_at)).collect();
    assert_eq!(distinct.len(), seen.len());
    eventually("nobody works any more", async || {
        campaign.status()["workers"].as_array().is_some_and(Vec::is_empty)
    })
    .await;
}

/// A real one. Ends with the test.
struct Prometheus {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn watching(targets: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = redis::free_port();
        let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
        let config = format!(
            "global: {{scrape_interval: 2s}}\nscrape_configs:\n- job_name: scanner\n  static_configs: [{{targets: [{}]}}]\n",
            targets.join(", ")
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).expect("written");
        let process = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(Path::new(folder.path()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is no prometheus: run `make prometheus`");
        Self { process, port, _folder: folder }
    }

    /// The value of a query for each server.
    fn by_server(&self, query: &str) -> BTreeMap<String, f64> {
        let output = Command::new("promtool")
            .args(["query", "instant", "--format=json", &format!("http://127.0.0.1:{}", self.port), query])
            .output()
            .expect("there is no promtool: run `make prometheus`");
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let value = |sample: &Value| -> Option<(String, f64)> {
            let server = sample["metric"]["server"].as_str()?.to_owned();
            Some((server, sample["value"][1].as_str()?.parse().ok()?))
        };
        answer.iter().filter_map(value).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
