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
    let discovered = discover(&schedule, &claim, seeds, &cadence).await.expect("a round");
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
