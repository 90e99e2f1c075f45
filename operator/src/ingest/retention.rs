//! Which servers are forgotten: those that nobody reaches for long. Pure.

use std::time::Duration;

use crds::{
    ElectrumServer, Span,
    conditions::{Holds, Said, find},
    server::State,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

use super::server::silent_since;
use crate::names::{self, is_ours};

/// The condition of a server that will be forgotten.
pub const STALE: &str = "Stale";

/// What is to be done about a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Its condition Stale is to be this, or none.
    Mark(Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>),
    /// It is to be deleted.
    Delete,
}

/// What is to be done about a server, if anything, where servers are kept for so long that nobody reaches. One that a
/// person made or named stays.
#[must_use]
pub fn fate(server: &ElectrumServer, unseen: Span, now: Timestamp) -> Option<Fate> {
    let status = server.status.as_ref()?;
    let kept = SignedDuration::try_from(Duration::from(unseen)).unwrap_or(SignedDuration::MAX);
    let silent = silent_since(status).map(|since| now.duration_since(since));
    let stays = !is_ours(server) || server.labels().get(names::NAMED).is_some_and(|named| named == "true");
    let down = status.reachability.as_ref().is_some_and(|reach| reach.state == State::Unreachable);
    let is_stale = down && silent.is_some_and(|silent| silent >= kept / 2);
    if is_stale && !stays && silent.is_some_and(|silent| silent >= kept) {
        return Some(Fate::Delete);
    }
    let wanted = is_stale.then(|| {
        let message = if stays {
            "nobody reaches it; it stays, since a person named it".to_owned()
        } else {
            format!("nobody reaches it; it is forgotten after {unseen} of that")
        };
        Said { of: STALE, holds: Holds::True, reason: "Unseen", message }.after(
            &status.conditions,
            server.metadata.generation,
            now,
        )
    });
    (wanted.as_ref() != find(&status.conditions, STALE)).then_some(Fate::Mark(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_silent_is_marked_and_then_forgotten_but_for_whom_people_named() {
        let kept = Span::from_days(20);
        let server = |ours: bool, named: bool, state: &str| -> ElectrumServer {
            serde_json::from_value(json!({
                "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
                "metadata": {"name": "s", "generation": 1, "labels": {
                    "app.kubernetes.io/managed-by": if ours { names::OPERATOR } else { "somebody" }, names::NAMED: named.to_string()}},
                "spec": {"network": "testnet4", "host": "s.example", "ports": [{"port": 1, "transport": "tcp"}]},
                "status": {"reachability": {"state": state}, "conditions": [{
                    "type": "Reachable", "status": if state == "Unreachable" { "False" } else { "True" }, "reason": "Silent",
                    "message": "", "lastTransitionTime": "1970-01-01T00:00:00Z"}]},
            }))
            .expect("a server")
        };
        let after = |days: i64| Timestamp::from_second(days * 86_400).expect("a time");
        let marked = |fate: Option<Fate>| matches!(fate, Some(Fate::Mark(Some(_))));
        assert_eq!(fate(&server(true, false, "Unreachable"), kept, after(9)), None);
        let Some(Fate::Mark(Some(stale))) = fate(&server(true, false, "Unreachable"), kept, after(11)) else {
            panic!("half of it is over");
        };
        assert_eq!(stale.message, "nobody reaches it; it is forgotten after 20d of that");
        assert_eq!(fate(&server(true, false, "Unreachable"), kept, after(21)), Some(Fate::Delete));
        assert!(marked(fate(&server(true, true, "Unreachable"), kept, after(21))), "a person named it");
        assert!(marked(fate(&server(false, false, "Unreachable"), kept, after(21))), "a person made it");
        assert_eq!(fate(&server(true, false, "Reachable"), kept, after(21)), None);
    }
}
