//! Whether what fails fails over there or here. A scanner whose own network is broken sees everybody down; it must not
//! say so. Pure.

use std::collections::BTreeSet;

use electrum::Host;

/// Servers in a row that answered before and do not now, without one that does, that make us doubt ourselves.
const SUSPICIOUS: usize = 10;

/// What speaks for and against our own network.
#[derive(Debug, Default)]
pub struct Doubt {
    /// One server may have many endpoints, and counts once. No more than make us doubt.
    failing: BTreeSet<Host>,
    canaries_failed: bool,
}

impl Doubt {
    /// Takes in a visit to a server: whether it answered before, and whether it does now.
    pub fn visited(&mut self, server: &Host, was_up: bool, is_up: bool) {
        match (was_up, is_up) {
            (_, true) => self.failing.clear(),
            (true, false) if self.failing.len() < SUSPICIOUS => {
                self.failing.insert(server.clone());
            }
            // Who never answered says nothing about us.
            (_, false) => {}
        }
    }

    /// Takes in how many of our canaries, which are known to be good, answered.
    pub fn canaries(&mut self, answered: usize, of: usize) {
        self.canaries_failed = of > 0 && answered == 0;
        if answered > 0 {
            self.failing.clear();
        }
    }

    /// Whether what fails now may be our own fault.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.canaries_failed || self.failing.len() >= SUSPICIOUS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: usize) -> Host {
        format!("s{n}.example").parse().expect("a host")
    }

    #[test]
    fn we_doubt_ourselves_when_everybody_who_answered_falls_silent_until_one_answers() {
        let mut doubt = Doubt::default();
        for n in 0..100 {
            doubt.visited(&host(n), false, false);
        }
        assert!(!doubt.is_in_order(), "they never answered");
        for n in 1..SUSPICIOUS {
            doubt.visited(&host(n), true, false);
            doubt.visited(&host(n), true, false);
        }
        assert!(!doubt.is_in_order(), "each has two endpoints");
        doubt.visited(&host(SUSPICIOUS), true, false);
        assert!(doubt.is_in_order());
        doubt.visited(&host(0), false, true);
        assert!(!doubt.is_in_order());
    }

    #[test]
    fn canaries_decide_where_there_are_any() {
        let mut doubt = Doubt::default();
        doubt.canaries(0, 0);
        assert!(!doubt.is_in_order(), "there are none");
        doubt.canaries(0, 2);
        assert!(doubt.is_in_order());
        doubt.visited(&host(0), true, true);
        assert!(doubt.is_in_order(), "one server may be in our own network");
        doubt.canaries(1, 2);
        assert!(!doubt.is_in_order());
        for n in 0..SUSPICIOUS {
            doubt.visited(&host(n), true, false);
        }
        assert!(doubt.is_in_order());
        doubt.canaries(1, 2);
        assert!(!doubt.is_in_order(), "it is them after all");
    }
}
