//! What a person would want to know of what was done for a campaign. Pure.

use crds::ScanCampaignStatus;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};

use super::{
    apply::{Change, Deed},
    status::READY,
};
use crds::conditions::find;

use crate::writer::Note;

/// What is to be told of a reconciliation.
#[must_use]
pub fn notes(changes: &[Change], before: &ScanCampaignStatus, after: &ScanCampaignStatus) -> Vec<Note> {
    let mut notes: Vec<_> = changes.iter().map(change).collect();
    let reason =
        |status: &ScanCampaignStatus| find(&status.conditions, READY).map(|ready| ready.reason.clone());
    let (was, is) = (reason(before), reason(after));
    let mut turn = |reason, text: &str| {
        notes.push(Note { warns: false, reason, action: "Reconcile", text: text.to_owned(), of: None });
    };
    match (was.as_deref(), is.as_deref()) {
        (Some("Suspended"), Some("Suspended")) => {}
        (_, Some("Suspended")) => {
            turn("Suspended", "nobody is visited and nothing is analysed until spec.suspend is unset");
        }
        (Some("Suspended"), _) => turn("Resumed", "scanners and analysis go on"),
        (was, Some("Finished")) if was != Some("Finished") => {
            turn("Finished", "every server was visited once, and what was seen is analysed");
        }
        _ => {}
    }
    notes.extend(warning(before, after));
    notes
}

fn change(change: &Change) -> Note {
    let (reason, text) = match change.deed {
        Deed::Created => ("Created", format!("{} {} was made", change.kind, change.name)),
        Deed::Updated => ("Updated", format!("{} {} was changed", change.kind, change.name)),
        Deed::Deleted => {
            ("Deleted", format!("{} {} was deleted: nothing needs it any more", change.kind, change.name))
        }
    };
    let of = ObjectReference {
        kind: Some(change.kind.clone()),
        name: Some(change.name.clone()),
        ..ObjectReference::default()
    };
    Note { warns: false, reason, action: "Apply", text, of: Some(of) }
}

fn warning(before: &ScanCampaignStatus, after: &ScanCampaignStatus) -> Option<Note> {
    const REASONS: [&str; 9] = [
        "InvalidSpec",
        "TooLarge",
        "SeedsMissing",
        "VantageFailing",
        "AnalysisFailed",
        "Forbidden",
        "Refused",
        "NameTaken",
        "Internal",
    ];
    let degraded = |status: &ScanCampaignStatus| -> Option<Condition> {
        find(&status.conditions, "Degraded").filter(|condition| condition.status == "True").cloned()
    };
    let (was, is) = (degraded(before), degraded(after)?);
    let news = was.is_none_or(|was| (was.reason, was.message) != (is.reason.clone(), is.message.clone()));
    let reason = REASONS.into_iter().find(|reason| *reason == is.reason).filter(|_| news)?;
    Some(Note { warns: true, reason, action: "Reconcile", text: is.message, of: None })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crds::conditions::{Holds, Said};

    fn status(ready: &'static str, degraded: Option<&'static str>) -> ScanCampaignStatus {
        let say = |of, holds, reason| Said { of, holds, reason, message: reason.to_owned() };
        let said = [
            say(READY, Holds::Unknown, ready),
            say("Degraded", degraded.is_some().into(), degraded.unwrap_or("AsExpected")),
        ];
        let conditions = said.map(|said| said.after(&[], None, Timestamp::UNIX_EPOCH)).into();
        ScanCampaignStatus { conditions, ..ScanCampaignStatus::default() }
    }

    fn reasons(before: &ScanCampaignStatus, after: &ScanCampaignStatus) -> Vec<&'static str> {
        notes(&[], before, after).into_iter().map(|note| note.reason).collect()
    }

    #[test]
    fn each_turn_is_told_once() {
        let (running, rests) = (status("Running", None), status("Suspended", None));
        assert_eq!(reasons(&running, &rests), ["Suspended"]);
        assert!(reasons(&rests, &rests).is_empty());
        assert_eq!(reasons(&rests, &running), ["Resumed"]);
        assert_eq!(reasons(&running, &status("Finished", None)), ["Finished"]);
        let missing = status("Running", Some("SeedsMissing"));
        assert_eq!(reasons(&running, &missing), ["SeedsMissing"]);
        assert!(reasons(&missing, &missing).is_empty());
    }

    #[test]
    fn each_deed_is_told() {
        let change = |deed| Change { deed, kind: "Deployment".to_owned(), name: "main-here".to_owned() };
        let changes = [Deed::Created, Deed::Updated, Deed::Deleted].map(change);
        let nothing = ScanCampaignStatus::default();
        let told: Vec<_> = notes(&changes, &nothing, &nothing).into_iter().map(|note| note.text).collect();
        assert_eq!(
            told,
            [
                "Deployment main-here was made",
                "Deployment main-here was changed",
                "Deployment main-here was deleted: nothing needs it any more"
            ]
        );
    }
}
