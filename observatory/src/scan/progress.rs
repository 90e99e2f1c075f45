//! How far the scan is, on standard error, for people. Silent where standard error is no terminal.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use model::{Outcome, Purpose};
use scanner::{sweep::Event, watch::Watch};
use tokio::time::Instant;

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
            // Watching is shown by its own line.
            Event::Visited(visit) if visit.purpose == Purpose::Watch => return,
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
            Event::Watching(servers, watch) => return self.watching(*servers, watch.clone()),
        }
        self.bar.set_message(format!("{} answered, {} failed", self.answered, self.failed));
    }

    /// From now on the line tells of the watch.
    fn watching(&self, servers: usize, watch: Watch) {
        let style = ProgressStyle::with_template("{spinner} watching {watch}");
        let key = move |_: &ProgressState, line: &mut dyn std::fmt::Write| {
            let left = watch.until.saturating_duration_since(Instant::now());
            let tips = watch.tips();
            // A line that cannot be written is not shown: there is nobody to tell.
            let _ =
                write!(line, "{servers} servers, told of blocks {tips} times, {} left", HumanDuration(left));
        };
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("watch", key));
    }

    /// Clears the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
