//! How far the scan is, on standard error, for people. Silent where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Outcome;
use scanner::sweep::Event;

/// The progress line.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    rounds: u32,
    answered: u64,
    failed: u64,
}

impl Progress {
    /// A line for so many rounds.
    pub(crate) fn new(rounds: u32) -> Self {
        // indicatif hides the bar by itself where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix}{wide_bar} {pos}/{len} visits, {msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, rounds, answered: 0, failed: 0 }
    }

    /// Takes in what happened.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Round { number, visits } => {
                if self.rounds > 1 {
                    self.bar.set_prefix(format!("round {number}/{} ", self.rounds));
                }
                self.bar.reset();
                self.bar.set_length(*visits as u64);
            }
            Event::Learnt { visits, .. } => self.bar.inc_length(*visits as u64),
            Event::Visited(visit) => {
                if visit.outcome == Outcome::Answered {
                    self.answered += 1;
                } else {
                    self.failed += 1;
                }
                self.bar.inc(1);
            }
            Event::Skipped(visits) => self.bar.inc(*visits as u64),
            Event::Objects(_) => {}
        }
        self.bar.set_message(format!("{} answered, {} failed", self.answered, self.failed));
    }

    /// Clears the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
