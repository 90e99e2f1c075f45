//! How long a server that said stop is left alone: an hour, and twice as long each time it says so again.

use std::time::Duration;

use tokio::time::Instant;

/// How long the first time.
pub const FIRST_QUIET: Duration = Duration::from_secs(60 * 60);
/// How long at the most.
pub const LONGEST_QUIET: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Until when somebody is left alone, if somebody is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quiet(Option<Kept>);

#[derive(Clone, Copy, Debug)]
struct Kept {
    until: Instant,
    length: Duration,
}

impl Quiet {
    /// It said stop.
    pub(super) fn begin(&mut self, now: Instant) {
        let length = match self.0 {
            // Visits that were under way together hear one stop, not several.
            Some(kept) if now < kept.until => return,
            // Asked again before as much time had passed in peace as we had kept away.
            Some(kept) if now < kept.until + kept.length => (kept.length * 2).min(LONGEST_QUIET),
            _ => FIRST_QUIET,
        };
        self.0 = Some(Kept { until: now + length, length });
    }

    /// It said stop before this scan began.
    pub(super) fn keep_until(&mut self, until: Instant) {
        self.0 = Some(Kept { until, length: FIRST_QUIET });
    }

    /// Whether it counts no more, not even if it says stop again.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.0.is_none_or(|kept| kept.until + kept.length <= now)
    }

    /// Until when to stay away.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.map(|kept| kept.until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_stop_again_is_left_alone_for_twice_as_long() {
        let mut quiet = Quiet::default();
        let mut now = Instant::now();
        assert_eq!(quiet.until(now), None);
        for hours in [1, 2, 4, 8, 16, 32, 64, 128, 168, 168] {
            quiet.begin(now);
            quiet.begin(now + Duration::from_secs(1));
            let until = now + Duration::from_secs(hours * 3_600);
            assert_eq!(quiet.until(now), Some(until), "{hours} hours");
            assert_eq!(quiet.until(until), None);
            now = until + Duration::from_secs(60);
        }
        // A week in peace: all is forgiven.
        now += LONGEST_QUIET;
        quiet.begin(now);
        assert_eq!(quiet.until(now), Some(now + FIRST_QUIET));
    }
}
