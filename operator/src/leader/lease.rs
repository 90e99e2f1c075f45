//! What a replica does about a Lease that it sees. Pure.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is ours: say again that it is.
    Renew,
    /// It is nobody's, or over: take it.
    Take,
    /// It is another's.
    Wait,
}

/// The version last seen, and when it was seen first, by our own clock.
#[derive(Debug, Default)]
pub struct Seen(Option<(String, Instant)>);

/// Who holds a lease.
#[must_use]
pub fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref();
    holder.filter(|holder| !holder.is_empty())
}

/// What to do about a lease, now.
pub fn decide(seen: &mut Seen, lease: Option<&Lease>, me: &str, now: Instant) -> Step {
    let Some(lease) = lease else { return Step::Take };
    let version = lease.metadata.resource_version.clone().unwrap_or_default();
    let since = match &seen.0 {
        Some((known, since)) if *known == version => *since,
        _ => now,
    };
    seen.0 = Some((version, since));
    let given = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let given = Duration::from_secs(given.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0));
    match holder(lease) {
        None => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) if now.duration_since(since) >= given => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// Makes it ours from now on.
pub fn grant(lease: &mut Lease, me: &str, step: Step, now: Timestamp, duration: Duration) {
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    if step == Step::Take {
        spec.acquire_time = Some(MicroTime(now));
        spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |before| before.saturating_add(1)));
        spec.holder_identity = Some(me.to_owned());
    }
    spec.renew_time = Some(MicroTime(now));
    spec.lease_duration_seconds = i32::try_from(duration.as_secs()).ok();
}

/// Makes it nobody's. How often it changed hands stays known.
pub fn release(lease: &mut Lease) {
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = None;
        spec.acquire_time = None;
        spec.renew_time = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR: Duration = Duration::from_secs(15);

    fn held(by: &str, version: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.resource_version = Some(version.to_owned());
        grant(&mut lease, by, Step::Take, Timestamp::UNIX_EPOCH, FOR);
        lease
    }

    #[test]
    fn what_is_not_there_or_nobodys_is_taken_and_ours_renewed() {
        let now = Instant::now();
        assert_eq!(decide(&mut Seen::default(), None, "me", now), Step::Take);
        assert_eq!(decide(&mut Seen::default(), Some(&held("me", "1")), "me", now), Step::Renew);
        let mut free = held("other", "1");
        release(&mut free);
        assert_eq!(decide(&mut Seen::default(), Some(&free), "me", now), Step::Take);
    }

    #[test]
    fn anothers_is_over_when_it_has_not_changed_for_its_duration_whatever_it_says_of_the_time() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let mut look =
            |version: &str, after| decide(&mut seen, Some(&held("other", version)), "me", start + after);
        // It speaks of 1970 throughout.
        assert_eq!(look("1", Duration::ZERO), Step::Wait);
        assert_eq!(look("1", FOR - Duration::from_secs(1)), Step::Wait);
        assert_eq!(look("2", FOR), Step::Wait, "it was renewed");
        assert_eq!(look("2", FOR + FOR - Duration::from_secs(1)), Step::Wait);
        assert_eq!(look("2", FOR + FOR), Step::Take);
    }

    #[test]
    fn hands_are_counted() {
        let mut lease = held("other", "1");
        let of = |lease: &Lease| lease.spec.clone().expect("a spec").lease_transitions;
        assert_eq!(of(&lease), Some(0));
        grant(&mut lease, "me", Step::Take, Timestamp::UNIX_EPOCH, FOR);
        grant(&mut lease, "me", Step::Renew, Timestamp::UNIX_EPOCH, FOR);
        assert_eq!((of(&lease), holder(&lease)), (Some(1), Some("me")));
    }

    #[test]
    fn writing_ends_before_others_take_over() {
        assert!(super::super::WRITES < super::super::DURATION);
    }
}
