//! What is reported, and how all of it stands.

use fleet::{
    FleetError,
    schedule::{Claim, Fenced, Lane, Report, Schedule},
};
use model::{Purpose, Visit};

use crate::bed::{BACKLOG, Bed, claim, enrol, enrolment, seconds, server, visit, wanted};

fn report(visit: &Visit, number: u32) -> Report<'_> {
    Report { number, visit, doubtful: false, up: Some(true), record: b"learnt" }
}

async fn put(schedule: &impl Schedule, claim: &Claim, number: u32) -> Result<Fenced, FleetError> {
    schedule.report(claim, report(&visit(Purpose::Light), number)).await
}

pub(crate) async fn a_report_said_again_is_put_once(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let held = claim(&schedule).await.remove(0);
    for number in [1, 1, 2, 1, 2] {
        assert_eq!(put(&schedule, &held, number).await.expect("reports"), Fenced::Done);
    }
    assert_eq!(bed.read().await, 2);
    schedule.settle(&[(&held, Some(seconds(0)))]).await.expect("settles");
    assert_eq!(put(&schedule, &held, 2).await.expect("reports"), Fenced::Done, "said before it was settled");
    assert_eq!(put(&schedule, &held, 3).await.expect("reports"), Fenced::Stale);
    let next = claim(&schedule).await.remove(0);
    assert_eq!(next.record, b"learnt");
    assert_eq!(put(&schedule, &next, 1).await.expect("reports"), Fenced::Done, "another claim counts anew");
    assert_eq!(bed.read().await, 1);
}

pub(crate) async fn stale_reports_are_refused_and_counted(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let old = claim(&schedule).await.remove(0);
    bed.pass(60);
    assert_eq!(put(&schedule, &old, 1).await.expect("reports"), Fenced::Done, "nobody else came");
    claim(&schedule).await;
    assert_eq!(put(&schedule, &old, 2).await.expect("reports"), Fenced::Stale);
    assert_eq!(schedule.status().await.expect("a status").stale, 1);
    assert_eq!(bed.read().await, 1);
}

pub(crate) async fn a_full_stream_stops_reports_and_claims(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0), ("b", 70)]).await;
    let held = claim(&schedule).await.remove(0);
    for number in 1..=5 {
        put(&schedule, &held, number).await.expect("reports");
    }
    let full = put(&schedule, &held, 6).await.expect_err("no room");
    assert!(matches!(full, FleetError::Backlog(BACKLOG)), "{full}");
    assert_eq!(put(&schedule, &held, 5).await.expect("was put"), Fenced::Done);
    let none = schedule.claim(&wanted(&Lane::ALL)).await.expect_err("what is seen could not be reported");
    assert!(matches!(none, FleetError::Backlog(BACKLOG)), "{none}");
    assert_eq!(schedule.settle(&[(&held, None)]).await.expect("settles"), [Fenced::Done]);
    assert_eq!(bed.read().await, 5);
    bed.pass(70);
    assert_eq!(claim(&schedule).await.len(), 1);
}

pub(crate) async fn uptime_is_what_was_reported_without_doubt(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let seen = visit(Purpose::Light);
    let told = [
        (0, Some(false), false),
        (30, Some(true), false),
        (0, Some(false), true),
        (1, Some(true), false),
        (0, Some(false), false),
        (0, None, false),
    ];
    for (hours, up, doubtful) in told {
        bed.pass(hours * 3_600);
        let held = claim(&schedule).await.remove(0);
        schedule.report(&held, Report { up, doubtful, ..report(&seen, 1) }).await.expect("reports");
        schedule.settle(&[(&held, Some(seconds(0)))]).await.expect("settles");
        bed.read().await;
    }
    let known = schedule.uptime(&[server("a"), server("b")]).await.expect("uptimes");
    assert_eq!((known[0].day, known[0].week, known[0].month), (Some(75.0), Some(50.0), Some(50.0)));
    assert_eq!(known[1], fleet::Uptime::default());
}

pub(crate) async fn the_last_deep_visit_is_kept(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let held = claim(&schedule).await.remove(0);
    put(&schedule, &held, 1).await.expect("reports");
    assert_eq!(schedule.deep(&server("a")).await.expect("is asked"), None);
    let deep = visit(Purpose::Deep);
    schedule.report(&held, report(&deep, 2)).await.expect("reports");
    put(&schedule, &held, 3).await.expect("reports");
    assert_eq!(bed.schedule("away").deep(&server("a")).await.expect("is asked"), Some(deep));
    schedule.retire(&[server("a")]).await.expect("retires");
    assert_eq!(schedule.deep(&server("a")).await.expect("is asked"), None);
}

pub(crate) async fn numbers_add_up(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0), ("b", 5), ("c", 6), ("d", 500)]).await;
    schedule.enrol(&[enrolment(server("a"), &[(Lane::Deep, 0)])]).await.expect("enrols");
    schedule.attend("w", seconds(300)).await.expect("attends");
    schedule.attend("v", seconds(300)).await.expect("attends");
    let held = claim(&schedule).await;
    put(&schedule, &held[0], 1).await.expect("reports");
    bed.pass(9);
    let status = schedule.status().await.expect("a status");
    let lane = |wanted| status.lanes.iter().find(|status| status.lane == wanted).expect("each lane");
    let liveness = lane(Lane::Liveness);
    assert_eq!((liveness.subjects, liveness.due, liveness.claimed, liveness.lag), (4, 2, 1, seconds(4)));
    let deep = lane(Lane::Deep);
    assert_eq!((deep.subjects, deep.due, deep.claimed, deep.lag), (1, 0, 0, seconds(0)), "claimed elsewhere");
    assert_eq!(status.workers, [("v".to_owned(), 0), ("w".to_owned(), 1)]);
    assert_eq!((status.backlog, status.stale), ((1, BACKLOG), 0));
}
