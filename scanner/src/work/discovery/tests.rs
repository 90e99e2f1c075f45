use crds::campaign;
use electrum::Network;
use fleet::schedule::{Memory, Wanted};

use super::*;
use crate::{acquaintance::tests::visit, visit::Visited};

fn host(name: &str) -> Host {
    name.parse().expect("a host")
}

fn seeds(names: &[&str], caps: Caps) -> Seeds {
    let server = |name: &&str| {
        format!("tcp://{name}:50001").parse::<electrum::Endpoint>().expect("an endpoint").into()
    };
    Seeds {
        lists: vec![(Source::Seeds("mine".to_owned()), names.iter().map(server).collect())],
        caps,
        guard: Guard::PublicOnly,
        lanes: vec![Lane::Liveness, Lane::Deep],
    }
}

/// What a visit to a teller heard.
fn told(teller: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let rows: Vec<String> =
        others.iter().map(|(ip, name)| format!(r#"["{ip}","{name}",["v1.4","t50001"]]"#)).collect();
    let mut visit = visit(model::Purpose::Light, model::Outcome::Answered, &[]);
    visit.endpoint = format!("tcp://{teller}:50001").parse().expect("an endpoint");
    visit.peer = Some(([9, 9, 8, 7], 50_001).into());
    let peers = Some(format!("[{}]", rows.join(",")).into_bytes());
    let visited = Visited { visit, peers, features: None, objects: None };
    let telling = Telling::of(&visited, Network::Testnet, 100).expect("somebody");
    telling.words(4_096).pop().expect("a word")
}

async fn round(memory: &Memory, seeds: &Seeds) -> Discovered {
    round_of(memory, seeds, false).await
}

async fn round_of(memory: &Memory, seeds: &Seeds, once: bool) -> Discovered {
    let schedule = memory.schedule("here");
    schedule.attend("me", Duration::from_secs(60)).await.expect("present");
    let campaign = Enrolment {
        subject: Subject::Campaign,
        listing: Vec::new(),
        lanes: vec![(Lane::Discovery, Duration::ZERO)],
    };
    schedule.enrol(&[campaign]).await.expect("on the schedule");
    let lease = Duration::from_secs(60);
    let wanted = Wanted { worker: "me", lanes: &[Lane::Discovery], most: 1, lease, patience: Duration::ZERO };
    let claim = schedule.claim(&wanted).await.expect("claims").pop().expect("it is due");
    let cadence = Cadence::of(&campaign::Schedule::default()).expect("a timetable");
    let discovered = discover(&schedule, &claim, seeds, &cadence, once).await.expect("a round");
    schedule.settle(&[(&claim, Some(Duration::ZERO))]).await.expect("settled");
    discovered
}

async fn known(memory: &Memory) -> Vec<(String, Entry)> {
    let entries = entries(&memory.schedule("here")).await.expect("entries");
    entries.into_iter().map(|(host, entry)| (host.to_string(), entry)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_known_afterwards_with_who_told_it_and_found_again_in_order() {
    let memory = Memory::default();
    let seeds = seeds(&["a.example", "b.example"], Caps::default());
    assert_eq!(round(&memory, &seeds).await.new, 2);
    assert_eq!(round(&memory, &seeds).await.new, 0);
    let schedule = memory.schedule("here");
    let word = told("a.example", &[("9.9.9.9", "c.example"), ("9.9.9.8", "b.example")]);
    assert!(schedule.tell(&word).await.expect("told"));
    let discovered = round(&memory, &seeds).await;
    assert_eq!((discovered.new, discovered.known), (1, 3));
    assert_eq!(discovered.again(Duration::from_secs(3_600)), CRAWLING);
    assert!(schedule.told(10).await.expect("words").is_empty(), "it was dealt with");
    let known = known(&memory).await;
    let names: Vec<&str> = known.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a.example", "b.example", "c.example"]);
    let (_, c) = &known[2];
    assert_eq!(c.sources, [Source::Peer(host("a.example"))]);
    assert_eq!(c.claimed_ip, "9.9.9.9".parse().ok());
    assert_eq!(c.origin().tellers, Some(vec!["9.9.8.7".parse().expect("an address")]));
    assert_eq!(known[1].1.sources.len(), 2, "the seeds, and who told of it later");
    assert_eq!(known[1].1.origin().tellers, None, "a person named it");
}

#[tokio::test(start_paused = true)]
async fn caps_hold_over_all_rounds_and_workers() {
    let memory = Memory::default();
    let seeds = seeds(&["a.example"], Caps { per_source: 2, ..Caps::default() });
    round(&memory, &seeds).await;
    for batch in [["c.example", "d.example"], ["e.example", "f.example"]] {
        let others = batch.map(|name| ("9.9.9.9", name));
        memory.schedule("here").tell(&told("a.example", &others)).await.expect("told");
        // Each round makes the frontier anew, as another worker would.
        round(&memory, &seeds).await;
    }
    assert_eq!(known(&memory).await.len(), 3);
}

/// Who is in each lane.
async fn in_lanes(memory: &Memory) -> Vec<u64> {
    let status = memory.schedule("here").status().await.expect("a status");
    status.lanes.iter().map(|lane| lane.subjects).collect()
}

#[tokio::test(start_paused = true)]
async fn who_is_named_twice_under_two_addresses_is_counted_to_who_named_it_ever_after() {
    let memory = Memory::default();
    let caps = Caps { per_lineage: 3, per_subnet: 1, ..Caps::default() };
    let seeds = seeds(&["a.example"], caps);
    round(&memory, &seeds).await;
    // The first address is one whose network is full by then, so that it is not admitted at that one.
    let first = [("9.9.9.1", "b.example"), ("9.9.9.2", "c.example"), ("7.7.7.7", "c.example")];
    memory.schedule("here").tell(&told("a.example", &first)).await.expect("told");
    round(&memory, &seeds).await;
    assert_eq!(known(&memory).await[2].1.claimed_ip, "7.7.7.7".parse().ok());
    let more: Vec<(String, String)> =
        (0..9).map(|n| (format!("6.6.{n}.1"), format!("d{n}.example"))).collect();
    let more: Vec<(&str, &str)> = more.iter().map(|(ip, name)| (&**ip, &**name)).collect();
    memory.schedule("here").tell(&told("c.example", &more)).await.expect("told");
    round(&memory, &seeds).await;
    assert_eq!(known(&memory).await.len(), 1 + 3, "the lineage of a has three");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_known_brings_in_nobody() {
    let memory = Memory::default();
    let seeds = seeds(&["a.example"], Caps::default());
    memory.schedule("here").tell(&told("stranger.example", &[("9.9.9.9", "c.example")])).await.expect("told");
    assert_eq!(round(&memory, &seeds).await.known, 1);
    assert!(memory.schedule("here").told(10).await.expect("words").is_empty(), "it was dealt with");
}

#[tokio::test(start_paused = true)]
async fn all_that_was_told_is_dealt_with_in_one_round() {
    let memory = Memory::default();
    let seeds = seeds(&["a.example"], Caps::default());
    round(&memory, &seeds).await;
    for n in 0..400 {
        let name = format!("s{n}.example");
        let ip = format!("9.{}.{}.1", n / 100, n % 100);
        memory.schedule("here").tell(&told("a.example", &[(&ip, &name)])).await.expect("told");
    }
    assert_eq!(round(&memory, &seeds).await.known, 401);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_new_takes_in_those_who_are_known_and_who_is_visited_once_comes_back_to_none() {
    let memory = Memory::default();
    let mut seeds = seeds(&["a.example", "b.example"], Caps::default());
    seeds.lanes = vec![Lane::Liveness];
    round(&memory, &seeds).await;
    assert_eq!(in_lanes(&memory).await, [1, 2, 0, 0]);
    seeds.lanes.push(Lane::Deep);
    round(&memory, &seeds).await;
    assert_eq!(in_lanes(&memory).await, [1, 2, 2, 0]);
    let schedule = memory.schedule("here");
    schedule.attend("me", Duration::from_secs(9_000_000)).await.expect("present");
    tokio::time::advance(Duration::from_secs(90_000)).await;
    let (lease, patience) = (Duration::from_secs(60), Duration::ZERO);
    for lane in [Lane::Liveness, Lane::Deep] {
        let wanted = Wanted { worker: "me", lanes: &[lane], most: 9, lease, patience };
        let claims = schedule.claim(&wanted).await.expect("claims");
        let ended: Vec<_> = claims.iter().map(|claim| (claim, None)).collect();
        assert_eq!(schedule.settle(&ended).await.expect("settled").len(), 2);
    }
    schedule.tell(&told("a.example", &[("9.9.9.9", "b.example")])).await.expect("told");
    round_of(&memory, &seeds, true).await;
    assert_eq!(in_lanes(&memory).await, [1, 0, 0, 0], "more is known of b, which was visited");
    assert_eq!(known(&memory).await[1].1.sources.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_from_outside_leads_nowhere_inside() {
    let memory = Memory::default();
    let seeds = seeds(&["a.example"], Caps::default());
    round(&memory, &seeds).await;
    let word =
        told("a.example", &[("10.0.0.1", "10.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("8.8.4.4", "8.8.4.4")]);
    memory.schedule("here").tell(&word).await.expect("told");
    let refused = round(&memory, &seeds).await.refused;
    assert_eq!(refused.count(crate::discovery::Refusal::Address), 2);
    assert_eq!(known(&memory).await.len(), 2);
}

#[test]
fn names_as_long_as_can_be_leave_room_for_the_server() {
    let long = |n: usize| format!("{}.{}.{}.{n}.example", "a".repeat(60), "b".repeat(60), "c".repeat(60));
    let endpoint = |port: u16| format!("tcp://{}:{port}", long(0)).parse().expect("an endpoint");
    let entry = Entry {
        order: 0,
        endpoints: (1..=8).map(endpoint).collect(),
        sources: (0..16).map(|n| Source::Peer(host(&long(n)))).collect(),
        claimed_ip: None,
        tellers: BTreeSet::new(),
    };
    let listing = listing(entry);
    let kept: Entry = serde_json::from_slice(&listing).expect("an entry");
    assert!(listing.len() <= MOST_RECORD && kept.endpoints.len() == 8 && kept.sources.len() > 4);
}
