//! Who is on the schedule, and what is kept besides.

use std::collections::BTreeMap;

use fleet::schedule::{Enrolment, Fenced, Lane, MOST_RECORD, MOST_WORDS, Schedule as _, Subject};

use crate::bed::{Bed, claim, enrol, enrolment, names, seconds, server, wanted};

pub(crate) async fn enrolment_said_again_changes_the_listing_only(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 10)]).await;
    let again = Enrolment { listing: b"new".to_vec(), ..enrolment(server("a"), &[(Lane::Liveness, 500)]) };
    assert_eq!(schedule.enrol(&[again]).await.expect("enrols"), 0);
    bed.pass(10);
    let claims = claim(&schedule).await;
    assert_eq!((names(&claims), claims[0].listing.as_slice()), (vec!["a".to_owned()], &b"new"[..]));
    let large = Enrolment { listing: vec![0; MOST_RECORD + 1], ..enrolment(server("b"), &[]) };
    assert!(!schedule.enrol(&[large]).await.expect_err("too large").is_passing());
}

pub(crate) async fn who_is_enrolled_while_claimed_is_not_due(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0)]).await;
    let held = claim(&schedule).await.remove(0);
    schedule.enrol(&[enrolment(server("a"), &[(Lane::Deep, 0)])]).await.expect("enrols");
    bed.pass(1);
    assert!(schedule.claim(&wanted(&Lane::ALL)).await.expect("claims").is_empty());
    schedule.settle(&[(&held, Some(seconds(90)))]).await.expect("settles");
    let next = schedule.claim(&wanted(&Lane::ALL)).await.expect("claims");
    assert_eq!((next.len(), next[0].lane), (1, Lane::Deep));
}

pub(crate) async fn who_retires_is_gone(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    enrol(&schedule, &[("a", 0), ("b", 0)]).await;
    let held = claim(&schedule).await;
    schedule.retire(&[server("a"), server("unknown")]).await.expect("retires");
    assert_eq!(schedule.settle(&[(&held[0], Some(seconds(0)))]).await.expect("settles"), [Fenced::Stale]);
    bed.pass(1_000);
    assert_eq!(names(&claim(&schedule).await), ["b"]);
    enrol(&schedule, &[("a", 0)]).await;
    let back = claim(&schedule).await.remove(0);
    assert!(back.token > held[0].token && back.record.is_empty());
}

pub(crate) async fn all_come_in_pages(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    let mut expected = BTreeMap::from([(Subject::Campaign, b"listing of @campaign".to_vec())]);
    expected.extend(
        (0..2_000).map(|n| server(&format!("s{n}"))).map(|s| (s.clone(), format!("listing of {s}").into())),
    );
    let all: Vec<_> = expected.keys().map(|subject| enrolment(subject.clone(), &[(Lane::Deep, 9)])).collect();
    assert_eq!(schedule.enrol(&all).await.expect("enrols"), 2_001);
    let (mut seen, mut cursor) = (BTreeMap::new(), Some(0));
    while let Some(at) = cursor {
        let (page, next) = schedule.subjects(at).await.expect("a page");
        seen.extend(page);
        cursor = next;
    }
    assert_eq!(seen, expected);
}

pub(crate) async fn words_wait_for_who_claims_the_campaign(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    schedule.enrol(&[enrolment(Subject::Campaign, &[(Lane::Discovery, 0)])]).await.expect("enrols");
    for word in 0..MOST_WORDS {
        assert!(schedule.tell(word.to_string().as_bytes()).await.expect("tells"));
    }
    assert!(!schedule.tell(b"one more").await.expect("is told"), "there is no room");
    let held = schedule.claim(&wanted(&[Lane::Discovery])).await.expect("claims").remove(0);
    assert_eq!(schedule.told(2).await.expect("words"), [b"0", b"1"]);
    assert!(schedule.told(0).await.expect("words").is_empty());
    assert_eq!(schedule.forget(&held, 1).await.expect("forgets"), Fenced::Done);
    assert_eq!(schedule.told(1).await.expect("words"), [b"1"]);
    schedule.settle(&[(&held, Some(seconds(5)))]).await.expect("settles");
    assert_eq!(schedule.forget(&held, 1).await.expect("forgets"), Fenced::Stale);
    assert_eq!(schedule.told(1).await.expect("words"), [b"1"]);
    assert!(bed.schedule("away").told(1).await.expect("words").is_empty());
}

pub(crate) async fn the_first_thing_kept_stays(bed: &impl Bed) {
    let schedule = bed.schedule("home");
    assert_eq!(schedule.kept("objects").await.expect("is asked"), None);
    schedule.keep("objects", b"one\0").await.expect("keeps");
    schedule.keep("objects", b"two").await.expect("keeps");
    let away = bed.schedule("away");
    assert_eq!(
        away.kept("objects").await.expect("is asked").as_deref(),
        Some(&b"one\0"[..]),
        "the campaign's"
    );
}
