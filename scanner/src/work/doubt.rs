//! Whether what fails fails over there or here. A scanner whose own network is broken sees everybody down; it must not
//! say so. Pure.

/// Servers in a row that answered before and do not now, without one that does, that make us doubt ourselves.
const SUSPICIOUS: u32 = 10;

/// What speaks for and against our own network.
#[derive(Debug, Default)]
pub struct Doubt {
    failures: u32,
    canaries_failed: bool,
}

impl Doubt {
    /// Takes in a visit to a server: whether it answered before, and whether it does now.
    pub fn visited(&mut self, was_up: bool, is_up: bool) {
        match (was_up, is_up) {
            (_, true) => self.failures = 0,
            (true, false) => self.failures = self.failures.saturating_add(1),
            // Who never answered says nothing about us.
            (false, false) => {}
        }
    }

    /// Takes in how many of our canaries, which are known to be good, answered.
    pub fn canaries(&mut self, answered: usize, of: usize) {
        self.canaries_failed = of > 0 && answered == 0;
        if answered > 0 {
            self.failures = 0;
        }
    }

    /// Whether what fails now may be our own fault.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.canaries_failed || self.failures >= SUSPICIOUS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_doubt_ourselves_when_everybody_who_answered_falls_silent_until_one_answers() {
        let mut doubt = Doubt::default();
        for _ in 0..100 {
            doubt.visited(false, false);
        }
        assert!(!doubt.is_in_order(), "they never answered");
        for _ in 1..SUSPICIOUS {
            doubt.visited(true, false);
        }
        assert!(!doubt.is_in_order());
        doubt.visited(true, false);
        assert!(doubt.is_in_order());
        doubt.visited(false, true);
        assert!(!doubt.is_in_order());
    }

    #[test]
    fn canaries_decide_where_there_are_any() {
        let mut doubt = Doubt::default();
        doubt.canaries(0, 0);
        assert!(!doubt.is_in_order(), "there are none");
        doubt.canaries(0, 2);
        assert!(doubt.is_in_order());
        doubt.visited(true, true);
        assert!(doubt.is_in_order(), "one server may be in our own network");
        doubt.canaries(1, 2);
        assert!(!doubt.is_in_order());
        for _ in 0..SUSPICIOUS {
            doubt.visited(true, false);
        }
        assert!(doubt.is_in_order());
        doubt.canaries(1, 2);
        assert!(!doubt.is_in_order(), "it is them after all");
    }
}
