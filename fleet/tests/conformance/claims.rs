//! Who is claimed when, and by whom.

use fleet::schedule::{Fenced, Lane, Schedule as _, Wanted};

use crate::bed::{Bed, claim, enrol, enrolment, names, seconds, server, wanted};

pub(crate) async fn the_longest_due_comes_first(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("c", 3), ("a", 1), ("b", 2), ("d", 100)]).await;
    assert!(claim(&schedule).await.is_empty(), "nobody is due yet");
    bed.pass(10);
    let two = schedule.claim(&Wanted { most: 2, ..wanted(&[Lane::Liveness]) }).await.expect("claims");
    assert_eq!(names(&two), ["a", "b"]);
    assert!(two[0].token < two[1].token);
    assert_eq!(two[0].due.as_millisecond() + 1_000, two[1].due.as_millisecond());
    assert_eq!(two[0].listing, b"listing of a.example.org");
    assert!(two[0].record.is_empty());
    assert_eq!(names(&claim(&schedule).await), ["c"]);
}

pub(crate) async fn lanes_are_asked_in_their_order(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let both = [enrolment(server("a"), &[(Lane::Liveness, 0)]), enrolment(server("b"), &[(Lane::Deep, 0)])];
    schedule.enrol(&both).await.expect("enrols");
    let claims = schedule.claim(&wanted(&[Lane::Deep, Lane::Liveness])).await.expect("claims");
    assert_eq!(names(&claims), ["b", "a"]);
    assert_eq!((claims[0].lane, claims[1].lane), (Lane::Deep, Lane::Liveness));
}

pub(crate) async fn a_subject_has_one_claim_over_all_lanes(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let lanes = [(Lane::Liveness, 0), (Lane::Deep, 0), (Lane::Watch, 30)];
    schedule.enrol(&[enrolment(server("a"), &lanes)]).await.expect("enrols");
    let first = schedule.claim(&wanted(&Lane::ALL)).await.expect("claims");
    assert_eq!(first.len(), 1);
    bed.pass(40);
    assert!(schedule.claim(&wanted(&Lane::ALL)).await.expect("claims").is_empty());
    schedule.settle(&[(&first[0], Some(seconds(1_000)))]).await.expect("settles");
    let second = schedule.claim(&wanted(&[Lane::Deep])).await.expect("claims");
    assert_eq!(second[0].due, first[0].due, "when it was due in the other lane is not forgotten");
}

pub(crate) async fn a_lease_ends_and_the_old_token_is_stale(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let old = claim(&schedule).await.remove(0);
    bed.pass(59);
    assert!(claim(&schedule).await.is_empty());
    bed.pass(1);
    let new = claim(&schedule).await.remove(0);
    assert!(new.token > old.token);
    assert_eq!(schedule.settle(&[(&old, None)]).await.expect("settles"), [Fenced::Stale]);
    assert_eq!(schedule.extend(&[&old], seconds(600)).await.expect("extends"), [Fenced::Stale]);
    assert_eq!(schedule.status().await.expect("a status").stale, 2);
    assert_eq!(schedule.settle(&[(&new, Some(seconds(5)))]).await.expect("settles"), [Fenced::Done]);
    bed.pass(5);
    assert_eq!(names(&claim(&schedule).await), ["a"]);
}

pub(crate) async fn extended_is_kept(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let lanes = [(Lane::Liveness, 0), (Lane::Deep, 70)];
    schedule.enrol(&[enrolment(server("a"), &lanes)]).await.expect("enrols");
    let held = claim(&schedule).await.remove(0);
    bed.pass(50);
    assert_eq!(schedule.extend(&[&held], seconds(60)).await.expect("extends"), [Fenced::Done]);
    assert_eq!(
        schedule.extend(&[&held], seconds(1)).await.expect("extends"),
        [Fenced::Done],
        "never shortens"
    );
    bed.pass(59);
    assert!(schedule.claim(&wanted(&Lane::ALL)).await.expect("claims").is_empty(), "in no lane");
    bed.pass(1);
    assert_eq!(schedule.claim(&wanted(&Lane::ALL)).await.expect("claims").len(), 1);
}

pub(crate) async fn however_often_extended_other_lanes_keep_their_time(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let lanes = [(Lane::Liveness, 0), (Lane::Deep, 30)];
    schedule.enrol(&[enrolment(server("a"), &lanes)]).await.expect("enrols");
    let held = claim(&schedule).await.remove(0);
    for _ in 0..3 {
        bed.pass(20);
        assert_eq!(schedule.extend(&[&held], seconds(60)).await.expect("extends"), [Fenced::Done]);
    }
    schedule.settle(&[(&held, Some(seconds(0)))]).await.expect("settles");
    let deep = schedule.claim(&wanted(&[Lane::Deep])).await.expect("claims").remove(0);
    assert_eq!(deep.due.as_millisecond(), held.due.as_millisecond() + 30_000);
}

pub(crate) async fn a_settlement_said_again_is_done(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let held = claim(&schedule).await.remove(0);
    let done = [Fenced::Done];
    assert_eq!(schedule.settle(&[(&held, Some(seconds(0)))]).await.expect("settles"), done);
    assert_eq!(schedule.settle(&[(&held, Some(seconds(500)))]).await.expect("settles"), done);
    assert_eq!(schedule.extend(&[&held], seconds(9)).await.expect("extends"), [Fenced::Stale]);
    assert_eq!(
        schedule.status().await.expect("a status").stale,
        0,
        "an extension that crossed the settlement"
    );
    let again = claim(&schedule).await.remove(0);
    assert_eq!(schedule.settle(&[(&held, None)]).await.expect("settles"), [Fenced::Stale]);
    assert_eq!(schedule.settle(&[(&again, None)]).await.expect("settles"), done);
}

pub(crate) async fn who_leaves_the_lane_is_not_due_in_it(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    schedule.enrol(&[enrolment(server("a"), &[(Lane::Liveness, 0), (Lane::Deep, 0)])]).await.expect("enrols");
    let held = claim(&schedule).await.remove(0);
    schedule.settle(&[(&held, None)]).await.expect("settles");
    bed.pass(100_000);
    assert!(claim(&schedule).await.is_empty());
    assert_eq!(schedule.claim(&wanted(&[Lane::Deep])).await.expect("claims").len(), 1);
}

async fn of(schedule: &impl fleet::schedule::Schedule, worker: &str) -> Vec<String> {
    let wanted = Wanted { worker, patience: seconds(20), most: 50, ..wanted(&[Lane::Liveness]) };
    let mut names = names(&schedule.claim(&wanted).await.expect("claims"));
    names.sort();
    names
}

pub(crate) async fn others_wait_for_their_patience(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let letters: Vec<String> = ('a'..='p').map(String::from).collect();
    enrol(&schedule, &letters.iter().map(|name| (name.as_str(), 0)).collect::<Vec<_>>()).await;
    assert!(of(&schedule, "nobody").await.is_empty(), "who is not present has none of its own");
    assert_eq!(schedule.attend("x", seconds(300)).await.expect("attends"), ["x"]);
    assert_eq!(schedule.attend("w", seconds(300)).await.expect("attends"), ["w", "x"]);
    let own = of(&schedule, "w").await;
    assert!(!own.is_empty() && own.len() < letters.len(), "{own:?}");
    assert!(of(&schedule, "w").await.is_empty());
    bed.pass(20);
    assert_eq!(own.len() + of(&schedule, "w").await.len(), letters.len(), "x did not come");
}

pub(crate) async fn when_a_worker_goes_its_subjects_move(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let letters: Vec<String> = ('a'..='p').map(String::from).collect();
    enrol(&schedule, &letters.iter().map(|name| (name.as_str(), 0)).collect::<Vec<_>>()).await;
    schedule.attend("x", seconds(5)).await.expect("attends");
    schedule.attend("y", seconds(300)).await.expect("attends");
    schedule.attend("w", seconds(300)).await.expect("attends");
    let own = of(&schedule, "w").await;
    schedule.leave("y").await.expect("leaves");
    let from_y = of(&schedule, "w").await;
    bed.pass(5);
    let from_x = of(&schedule, "w").await;
    assert!(!own.is_empty() && !from_y.is_empty() && !from_x.is_empty());
    assert_eq!(own.len() + from_y.len() + from_x.len(), letters.len());
}

pub(crate) async fn vantages_know_nothing_of_each_other(bed: &impl Bed) {
    let (home, away) = (bed.schedule("home"), bed.schedule("away"));
    enrol(&home, &[("a", 0)]).await;
    assert!(claim(&away).await.is_empty());
    enrol(&away, &[("a", 0)]).await;
    home.attend("w", seconds(10)).await.expect("attends");
    assert!(away.status().await.expect("a status").workers.is_empty());
    let (here, there) = (claim(&home).await.remove(0), claim(&away).await.remove(0));
    assert!(here.token < there.token, "tokens are the campaign's");
    assert_eq!(away.settle(&[(&here, None)]).await.expect("settles"), [Fenced::Stale]);
}
