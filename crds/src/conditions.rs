//! Conditions of statuses. Pure.

use crate::{CONDITION_MESSAGE, Text};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The condition of a server that nobody visits.
pub const EXCLUDED: &str = "Excluded";

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can say.
    Unknown,
}

impl Holds {
    fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What is to be said of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `Ready`.
    pub of: &'static str,
    /// Whether it holds.
    pub holds: Holds,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in one sentence, and what to do.
    pub message: String,
}

impl Said {
    /// As a status has it. The time stays that of the previous one while that says the same of whether it holds.
    #[must_use]
    pub fn after(self, previous: &[Condition], generation: Option<i64>, now: Timestamp) -> Condition {
        let status = self.holds.name();
        let same = find(previous, self.of).filter(|previous| previous.status == status);
        Condition {
            type_: self.of.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: Text::<CONDITION_MESSAGE>::new(&self.message).to_string(),
            observed_generation: generation,
            last_transition_time: same.map_or_else(|| whole(now), |same| same.last_transition_time.clone()),
        }
    }
}

/// The condition of a type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], of: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == of)
}

/// Whether the condition of a type is there and True.
#[must_use]
pub fn holds(conditions: &[Condition], of: &str) -> bool {
    find(conditions, of).is_some_and(|said| said.status == Holds::True.name())
}

/// Kubernetes keeps seconds: what it gives back must be what was written.
fn whole(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(holds: Holds, reason: &'static str) -> Said {
        Said { of: "Ready", holds, reason, message: "m".repeat(200) }
    }

    #[test]
    fn the_time_is_that_of_the_change() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let first = ready(Holds::False, "Starting").after(&[], Some(1), at(10));
        assert!(first.message.chars().count() <= CONDITION_MESSAGE);
        let second = ready(Holds::False, "Suspended").after(std::slice::from_ref(&first), Some(2), at(20));
        assert_eq!((second.last_transition_time.0, second.reason.as_str()), (at(10), "Suspended"));
        let third = ready(Holds::True, "Running").after(&[second], Some(2), at(30));
        assert_eq!(third.last_transition_time.0, at(30));
    }
}
