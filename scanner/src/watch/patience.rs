//! When to come back to a server whose watch ended. Pure.

use std::time::Duration;

use model::{Outcome, Visit};

/// How long a server has peace that failed once.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// How long at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// A visit that lasted so long was a success, however it ended: servers restart.
const LONG_ENOUGH: Duration = Duration::from_secs(10 * 60);

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// How long to wait after a visit. None where this server is not to be watched again.
    pub(super) fn after(&mut self, visit: &Visit) -> Option<Duration> {
        match visit.outcome {
            // The ledger sees to the spacing.
            Outcome::Answered if visit.detail.is_none() => {
                self.failures = 0;
                return Some(Duration::ZERO);
            }
            Outcome::Answered
            | Outcome::ToldToStop
            | Outcome::AddressRefused
            | Outcome::TlsUnsupported
            | Outcome::NotElectrum => return None,
            _ => {}
        }
        if Duration::from(visit.timings.total) >= LONG_ENOUGH {
            self.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        Some(pause.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A visit that ended so after so long.
    pub(in crate::watch) fn visit(outcome: Outcome, detail: Option<&str>, total: Duration) -> Visit {
        let visit = serde_json::json!({
            "network": "regtest",
            "endpoint": "ssl://a.example:50002",
            "vantage": "local",
            "purpose": { "kind": "watch" },
            "started_at": "2026-11-24T04:00:00Z",
            "outcome": outcome,
            "detail": detail,
            "timings": { "total": total.as_secs_f64() },
            "traffic": { "read": 0, "written": 0 },
            "cost": 5.0,
        });
        serde_json::from_value(visit).expect("a visit")
    }

    #[test]
    fn failures_in_a_row_are_answered_by_pauses_that_double_up_to_an_hour() {
        let mut patience = Patience::default();
        let at_once = visit(Outcome::Closed, Some("the server closed the connection"), Duration::ZERO);
        let pauses: Vec<u64> =
            (0..40).filter_map(|_| patience.after(&at_once).map(|pause| pause.as_secs() / 60)).collect();
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses.len(), 40);
        // It went well for a while: a restart, not a refusal.
        let restarted = visit(Outcome::Closed, None, LONG_ENOUGH);
        assert_eq!(patience.after(&restarted), Some(FIRST_PAUSE));
        let whole = visit(Outcome::Answered, None, Duration::from_secs(3_600));
        assert_eq!(patience.after(&whole), Some(Duration::ZERO));
        assert_eq!(patience.after(&at_once), Some(FIRST_PAUSE));
    }

    #[test]
    fn who_has_enough_of_us_is_not_watched_again() {
        let after = |outcome, detail| Patience::default().after(&visit(outcome, detail, Duration::ZERO));
        assert_eq!(after(Outcome::ToldToStop, Some("excessive resource usage")), None);
        assert_eq!(after(Outcome::Answered, Some("left early: its answers became slow")), None);
        assert!(after(Outcome::LimitExceeded, None).is_some());
    }
}
