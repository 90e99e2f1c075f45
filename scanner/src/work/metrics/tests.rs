use std::time::Duration;

use electrum::{Endpoint, Network};
use jiff::Timestamp;
use model::{Outcome, Purpose};

use super::*;

fn visit(endpoint: &str, outcome: Outcome) -> Visit {
    let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
    let begun =
        Visit::begun(Network::Testnet, endpoint, "here".to_owned(), Purpose::Light, Timestamp::UNIX_EPOCH);
    Visit { outcome, ..begun }
}

/// Everything that can be told, told once.
fn all() -> Metrics {
    let metrics = Metrics::new(Network::Testnet, "here", 10_000).expect("metrics");
    let mut visit = visit("ssl://a.example:50002", Outcome::Answered);
    visit.timings.connect = Some(Duration::from_millis(30).into());
    visit.cost = 2.5;
    metrics.visited(&visit, Lane::Deep);
    metrics.tips.with_label_values(&["a.example"]).set(1);
    metrics.expiries.with_label_values(&["a.example"]).set(1.0);
    metrics.claimed(Lane::Deep);
    metrics.holds(3);
    metrics.stands(Condition::Working);
    metrics.redis_failed("away");
    metrics.canary(&visit);
    let mut refused = Refusals::default();
    refused.add(crate::discovery::Refusal::Onion);
    metrics.discovered(5, &refused);
    metrics.looked(&[LaneStatus {
        lane: Lane::Deep,
        subjects: 5,
        due: 2,
        claimed: 1,
        lag: Duration::from_secs(1),
    }]);
    metrics
}

#[test]
fn the_documentation_lists_just_what_is_told() {
    let text = all().text().expect("text");
    let mut told: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let documented = include_str!("../../../../docs/metrics.md");
    let workers = documented.split("## ").find(|part| part.starts_with("Workers")).expect("a chapter");
    let mut listed: Vec<&str> =
        workers.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next()).collect();
    told.sort_unstable();
    listed.sort_unstable();
    assert_eq!(told, listed);
}

#[test]
fn visits_count_by_server_lane_and_outcome_and_nothing_is_told_twice() {
    let metrics = all();
    metrics.visited(&visit("ssl://b.example:50002", Outcome::TimedOut), Lane::Liveness);
    let text = metrics.text().expect("text");
    assert!(text.contains(
        r#"electrum_visits_total{lane="liveness",network="testnet",outcome="timed-out",server="b.example",vantage="here"} 1"#
    ), "{text}");
    assert!(text.contains(r#"server="a.example",vantage="here",le="0.05"} 1"#), "{text}");
    let mut series: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series))
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "a series told twice is an error to Prometheus");
}
