//! What a campaign is told of its vantages, its lanes, and whether visits come in.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

/// A campaign that was made at 0 and lists two vantages, with this in its spec and its status.
fn campaign(spec: &Value, status: &Value) -> ScanCampaign {
    let mut campaign = json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign",
        "metadata": {"name": "main", "namespace": "scans", "generation": 3, "creationTimestamp": at(0).to_string()},
        "spec": {"network": "testnet4", "vantages": [{"name": "here"}, {"name": "there"}]},
        "status": {"vantages": [{"name": "here"}, {"name": "there"}]},
    });
    for (part, fields) in [("spec", spec), ("status", status)] {
        for (field, value) in fields.as_object().expect("fields") {
            campaign[part][field] = value.clone();
        }
    }
    serde_json::from_value(campaign).expect("a campaign")
}

fn plain() -> ScanCampaign {
    campaign(&json!({}), &json!({}))
}

fn heard<const N: usize>(of: [(&str, Option<i64>, bool); N]) -> BTreeMap<String, Heard> {
    of.into_iter()
        .map(|(name, last, abstains)| (name.to_owned(), Heard { last: last.map(at), abstains }))
        .collect()
}

fn scope(lanes: &[(schedule::Lane, u64, u64, u64)]) -> Status {
    let lane = |(lane, subjects, due, lag): &(schedule::Lane, u64, u64, u64)| schedule::LaneStatus {
        lane: *lane,
        subjects: *subjects,
        due: *due,
        claimed: 0,
        lag: std::time::Duration::from_secs(*lag),
    };
    Status { lanes: lanes.iter().map(lane).collect(), workers: Vec::new(), backlog: (0, 1), stale: 0 }
}

/// The reason and the status of the condition Stale, where it is told.
fn staleness(campaign: &ScanCampaign, of: &BTreeMap<String, Heard>, now: i64) -> Option<(String, String)> {
    let (told, _) = told(campaign, of, &[], at(now));
    let said = told["conditions"].as_array().expect("a list").first()?;
    assert_eq!((said["type"].as_str(), said["observedGeneration"].as_i64()), (Some(STALE), Some(3)));
    let text = |field: &str| said[field].as_str().expect("a text").to_owned();
    Some((text("reason"), text("status")))
}

#[test]
fn vantages_that_are_listed_are_told_of_and_no_others() {
    let of = heard([("here", Some(5), true), ("gone", Some(9), false), ("there", None, false)]);
    let (told, _) = told(&plain(), &of, &[], at(60));
    let here = json!({"name": "here", "abstains": true, "lastVisit": at(5)});
    assert_eq!(told["vantages"], json!([here, {"name": "there", "abstains": false}]));
}

#[test]
fn times_are_whole_seconds_as_kubernetes_gives_them_back() {
    let later = at(5).checked_add(SignedDuration::from_millis(700)).expect("a time");
    let of = BTreeMap::from([("here".to_owned(), Heard { last: Some(later), abstains: false })]);
    let lanes = scope(&[(schedule::Lane::Deep, 1, 0, 0)]);
    let (told, _) = told(&plain(), &of, &[lanes], later);
    assert_eq!(told["vantages"][0]["lastVisit"], json!(at(5)));
    assert_eq!(told["lanes"][0]["lastSweep"], json!(at(5)));
}

#[test]
fn visits_are_missed_after_three_intervals_and_no_sooner_than_after_ten_minutes() {
    let said = |reason: &str, status: &str| Some((reason.to_owned(), status.to_owned()));
    let (missed, fine) = (said("NoVisits", "True"), said("VisitsComeIn", "False"));
    for (liveness, most) in [("1h", 3 * 3_600), ("1m", 600)] {
        let campaign = campaign(&json!({"schedule": {"liveness": liveness}}), &json!({}));
        // Of any vantage the latest counts.
        let of = heard([("here", Some(1_000), false), ("there", Some(2_000), false)]);
        assert_eq!(staleness(&campaign, &of, 2_000 + most), fine, "{liveness}");
        assert_eq!(staleness(&campaign, &of, 2_000 + most + 1), missed, "{liveness}");
        // Where nobody was heard of, since it was made.
        let nobody = heard([("here", None, false)]);
        assert_eq!(staleness(&campaign, &nobody, most), fine);
        assert_eq!(staleness(&campaign, &nobody, most + 1), missed);
    }
}

#[test]
fn no_visits_are_missed_where_none_are_to_come() {
    let long = 100 * 86_400;
    let (nobody, unborn) = (BTreeMap::new(), {
        let mut campaign = plain();
        campaign.metadata.creation_timestamp = None;
        campaign
    });
    assert!(staleness(&plain(), &nobody, long).is_some());
    assert_eq!(staleness(&unborn, &nobody, long), None);
    for spec in [
        json!({"suspend": true}),
        json!({"mode": "Once"}),
        // All but one minute a day; 22:13:20 it is at 0.
        json!({"schedule": {"quietHours": [{"from": "00:00", "to": "23:59"}]}}),
    ] {
        assert_eq!(staleness(&campaign(&spec, &json!({})), &nobody, long), None, "{spec}");
    }
}

#[test]
fn a_condition_that_stays_keeps_its_time() {
    let since = json!({"conditions": [{"type": STALE, "status": "True", "reason": "NoVisits", "message": "",
        "lastTransitionTime": at(-500)}]});
    let campaign = campaign(&json!({}), &since);
    let time = |of: &BTreeMap<String, Heard>| {
        told(&campaign, of, &[], at(86_400)).0["conditions"][0]["lastTransitionTime"].clone()
    };
    assert_eq!(time(&BTreeMap::new()), json!(at(-500)));
    assert_eq!(time(&heard([("here", Some(86_399), false)])), json!(at(86_400)), "visits come in again");
}

#[test]
fn a_lane_is_as_late_as_its_latest_vantage_and_swept_when_nobody_waits() {
    use schedule::Lane::{Deep, Discovery, Liveness, Watch};
    let before =
        json!({"lanes": [{"name": "Liveness", "lastSweep": at(7)}, {"name": "Deep", "lastSweep": at(8)}]});
    let campaign = campaign(&json!({}), &before);
    let scopes = [
        scope(&[(Discovery, 1, 1, 9), (Liveness, 20, 3, 40), (Deep, 20, 0, 0), (Watch, 0, 0, 0)]),
        scope(&[(Discovery, 1, 0, 0), (Liveness, 10, 2, 90), (Deep, 0, 5, 5_000), (Watch, 0, 0, 0)]),
    ];
    let (told, _) = told(&campaign, &BTreeMap::new(), &scopes, at(60));
    let expected = json!([
        {"name": "Discovery", "lagSeconds": 9, "due": 1},
        {"name": "Liveness", "lastSweep": at(7), "lagSeconds": 90, "due": 5},
        // A vantage where nobody is in the lane says nothing of it.
        {"name": "Deep", "lastSweep": at(60), "lagSeconds": 0, "due": 0},
    ]);
    assert_eq!(told["lanes"], expected);
}

#[test]
fn numbers_that_do_not_fit_are_as_large_as_can_be() {
    let (told, _) =
        told(&plain(), &BTreeMap::new(), &[scope(&[(schedule::Lane::Deep, 1, u64::MAX, 4)])], at(0));
    assert_eq!(told["lanes"][0]["due"], json!(i32::MAX));
}

#[test]
fn what_is_worth_a_write_is_who_abstains_and_whether_visits_come_in() {
    let gist =
        |of: &BTreeMap<String, Heard>, lanes: &[Status], now: i64| told(&plain(), of, lanes, at(now)).1;
    let of = heard([("here", Some(5), false)]);
    let before = gist(&of, &[], 60);
    let late = [scope(&[(schedule::Lane::Deep, 9, 9, 9)])];
    let later = heard([("here", Some(50), false), ("gone", Some(50), true)]);
    assert_eq!(gist(&later, &late, 90), before, "times, lanes, and who is not listed");
    assert_ne!(gist(&heard([("here", Some(5), true)]), &[], 60), before, "it abstains");
    assert_ne!(gist(&of, &[], 86_400), before, "no visit came in");
}
