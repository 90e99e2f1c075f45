//! The right to open one connection, and what is spent on it. Only the ledger makes one.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Ledger, MOST_ERRORS, accounts::Sought, shared::Side};

/// Bytes, of requests and answers, that cost one E.
const BYTES_PER_E: f64 = 5_000.0;

/// The right to open one connection and to spend a budget on it. The connection counts as open until
/// the permit is dropped.
#[derive(Debug)]
pub struct Permit {
    ledger: Arc<Ledger>,
    sought: Sought,
    /// Where the ledger is shared: what the others know of the permit.
    side: Option<Side>,
    opened: Instant,
    spent: f64,
    /// How much of it the accounts of the server and its neighbourhood know of, or were told of beforehand.
    counted: f64,
    /// What risky requests that wait for an answer may cost yet.
    reserved: f64,
    errors: u32,
    risks: u32,
}

impl Permit {
    /// A permit whose connection was counted by the ledger already.
    pub(super) fn new(ledger: Arc<Ledger>, sought: Sought, opened: Instant, side: Option<Side>) -> Self {
        let counted = sought.class.set_aside();
        Self { ledger, sought, side, opened, spent: 0.0, counted, reserved: 0.0, errors: 0, risks: 0 }
    }

    /// Whether a cost fits into the budget.
    #[must_use]
    pub fn affords(&self, cost: f64) -> bool {
        self.spent + self.reserved + cost <= self.sought.class.budget()
    }

    /// Takes a cost out of the budget, or says that it does not fit any more.
    #[must_use]
    pub fn charge(&mut self, cost: f64) -> bool {
        let fits = self.affords(cost);
        if fits {
            self.spent += cost;
        }
        fits
    }

    /// Takes the cost of a request that may be answered by an error out of the budget, and sets the cost of
    /// the error aside; or says that it does not fit, or that there were errors enough.
    #[must_use]
    pub fn risk(&mut self, cost: f64, error_cost: f64) -> bool {
        let affordable = self.affords_risk(cost, error_cost);
        if affordable {
            self.spent += cost;
            self.reserved += error_cost;
            self.risks += 1;
        }
        affordable
    }

    /// Whether [`Permit::risk`] would say yes.
    #[must_use]
    pub fn affords_risk(&self, cost: f64, error_cost: f64) -> bool {
        self.affords(cost + error_cost) && self.errors + self.risks < MOST_ERRORS
    }

    /// The risky request was answered, or will not be any more.
    pub fn risk_over(&mut self, error_cost: f64) {
        self.reserved -= error_cost;
        self.risks = self.risks.saturating_sub(1);
    }

    /// Charges an error. It happened: there is nothing to refuse.
    pub fn charge_error(&mut self, cost: f64) {
        self.spent += cost;
        self.errors += 1;
    }

    /// Whether the session has had all the errors it may have.
    #[must_use]
    pub fn has_erred_enough(&self) -> bool {
        self.errors >= MOST_ERRORS
    }

    /// Charges what an answer shows that it cost beyond what was charged for it.
    pub fn charge_more(&mut self, cost: f64) {
        self.spent += cost.max(0.0);
    }

    /// Charges bytes that travelled, in either direction.
    #[expect(clippy::cast_precision_loss, reason = "lines are shorter than 2^52 bytes")]
    pub fn charge_bytes(&mut self, bytes: usize) {
        self.spent += bytes as f64 / BYTES_PER_E;
    }

    /// What was spent so far, in E.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// Has what was spent by now counted, and what was set aside and not spent given back.
    pub fn settle(&mut self, now: Instant) {
        self.count(now);
        if let Some(side) = &mut self.side {
            side.settle(self.spent);
        }
    }

    fn count(&mut self, now: Instant) {
        let uncounted = self.spent - std::mem::replace(&mut self.counted, self.spent);
        self.ledger.accounts().add(&self.sought, uncounted, now);
    }

    /// The server showed that it wants to be left alone: no permits for it, nor for its address, for a while.
    pub fn leave_alone(&self, now: Instant) {
        self.ledger.accounts().leave_alone(&self.sought, now);
        if let Some(side) = &self.side {
            side.leave_alone();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A plan walks ahead of the clock; nothing closes before it was opened.
        let now = Instant::now().max(self.opened);
        self.count(now);
        self.ledger.accounts().close(&self.sought, now);
        if let Some(side) = &mut self.side {
            side.end(self.spent);
        }
    }
}
