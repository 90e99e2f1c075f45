//! The side of a ledger that it shares with other processes. Whoever cannot ask gets no permit. What is to be told, of
//! connections that were closed and E that were spent, waits in a bounded queue until Redis is there to hear it; what
//! finds no room there, or is never told, counts as set aside, and the connection as open, until the permit expires.

use std::{sync::Arc, time::Duration};

use fleet::{
    FleetError,
    permits::{Answer, Ask, Bounds, PermitId, Permits},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{Denied, FIRST_QUIET, LONGEST_QUIET, accounts::Sought};

/// Longest queue of what is to be told.
const MOST_UNTOLD: usize = 8_192;
/// How long a connection counts as open when whoever opened it died; whoever lives says thrice as often that it is.
const LASTING: Duration = Duration::from_secs(30);
/// A permit that took longer to come is not used.
const FRESH: Duration = Duration::from_secs(1);
/// How long to wait for Redis to be there.
const AWAY: Duration = Duration::from_secs(1);

/// What there is to tell.
#[derive(Debug)]
enum News {
    Spent(Arc<Ask>, f64),
    Closed(Arc<Ask>, f64),
    SaidStop(Arc<Ask>),
    /// Somebody wants to know when all before it was told.
    Heard(oneshot::Sender<()>),
}

/// What is shared with other processes.
#[derive(Debug)]
pub(super) struct Shared {
    permits: Permits,
    news: mpsc::Sender<News>,
}

/// The shared side of a permit. Dropped, it says that the connection is closed.
#[derive(Debug)]
pub(super) struct Side {
    ask: Arc<Ask>,
    spent: f64,
    news: Option<mpsc::Sender<News>>,
    /// Says that the connection is open, for as long as it is.
    renewing: Option<AbortHandle>,
}

impl Shared {
    /// Must be made within a runtime, in which what is to be told is told.
    pub(super) fn new(permits: Permits) -> Self {
        let (news, heard) = mpsc::channel(MOST_UNTOLD);
        tokio::spawn(tell(permits.clone(), heard));
        Self { permits, news }
    }

    /// Asks for a permit. Where nobody answers there is none.
    pub(super) async fn ask(&self, sought: &Sought, bounds: Bounds) -> Result<Side, Denied> {
        let ask = Ask {
            id: PermitId::random(),
            server: sought.server.clone(),
            address: sought.address,
            system: sought.system,
            class: sought.class.name(),
            class_spacing: sought.class.spacing(),
            set_aside: sought.class.set_aside(),
            lasting: LASTING,
            bounds: apart(bounds),
        };
        // It may be granted though the answer is lost, or nobody waits for it any more: then it is closed.
        let mut side = Side { ask: Arc::new(ask), spent: 0.0, news: Some(self.news.clone()), renewing: None };
        let asked = Instant::now();
        let answer = self.permits.ask(&side.ask).await;
        let now = Instant::now();
        if now.duration_since(asked) > FRESH {
            // We would connect later than whoever comes next allows for.
            return Err(Denied::NotBefore(now + side.ask.bounds.server_spacing));
        }
        let denied = match answer {
            Ok(Answer::Granted) => {
                side.renewing =
                    Some(tokio::spawn(renew(self.permits.clone(), Arc::clone(&side.ask))).abort_handle());
                return Ok(side);
            }
            Ok(Answer::NotBefore(after)) => Denied::NotBefore(now + after),
            Ok(Answer::NotDue(after)) => Denied::NotDue(now + after),
            Ok(Answer::LeftAlone(after)) => Denied::LeftAlone(now + after),
            Err(error) => {
                tracing::warn!(%error, "no permit can be asked for");
                return Err(Denied::NotBefore(now + AWAY));
            }
        };
        side.was_never();
        Err(denied)
    }

    /// Waits until all that there was to tell is told.
    pub(super) async fn told(&self) {
        let (heard, hearing) = oneshot::channel();
        if self.news.send(News::Heard(heard)).await.is_ok() {
            // An error says that nobody tells anything any more.
            let _ = hearing.await;
        }
    }
}

/// Spacing is counted from when a permit was granted, and its holder connects up to [`FRESH`] later: whoever comes next waits
/// so much longer. Not so into an AS, where many may come in a second.
fn apart(mut bounds: Bounds) -> Bounds {
    for spacing in [&mut bounds.server_spacing, &mut bounds.subnet_spacing] {
        if !spacing.is_zero() {
            *spacing += FRESH;
        }
    }
    bounds
}

impl Side {
    /// What was spent by now, in all.
    pub(super) fn settle(&mut self, spent: f64) {
        self.spent = spent;
        self.tell(News::Spent(Arc::clone(&self.ask), spent));
    }

    /// What was spent in the end, in all; it is told when the connection is closed.
    pub(super) fn end(&mut self, spent: f64) {
        self.spent = spent;
    }

    pub(super) fn leave_alone(&self) {
        self.tell(News::SaidStop(Arc::clone(&self.ask)));
    }

    /// There is nothing to close.
    fn was_never(mut self) {
        self.news = None;
    }

    fn tell(&self, news: News) {
        if let Some(Err(error)) = self.news.as_ref().map(|queue| queue.try_send(news)) {
            tracing::warn!(%error, "what was spent cannot be told: it counts as it was set aside");
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        self.tell(News::Closed(Arc::clone(&self.ask), self.spent));
    }
}

async fn renew(permits: Permits, ask: Arc<Ask>) {
    loop {
        sleep(LASTING / 3).await;
        // Where Redis is away nobody else is given a permit either.
        let _ = permits.renew(&ask).await;
    }
}

/// Tells in order, each until it is heard. Ends with the ledger; what Redis is not there to hear then expires.
async fn tell(permits: Permits, mut queue: mpsc::Receiver<News>) {
    while let Some(news) = queue.recv().await {
        loop {
            match say(&permits, &news).await {
                Err(error) if error.is_passing() && !queue.is_closed() => sleep(AWAY).await,
                Err(error) => {
                    tracing::warn!(%error, "what was spent cannot be told: it counts as it was set aside");
                    break;
                }
                Ok(()) => break,
            }
        }
        if let News::Heard(heard) = news {
            let _ = heard.send(());
        }
    }
}

async fn say(permits: &Permits, news: &News) -> Result<(), FleetError> {
    match news {
        News::Spent(ask, spent) => permits.settle(ask, *spent).await,
        News::Closed(ask, spent) => permits.close(ask, *spent).await,
        News::SaidStop(ask) => permits.leave_alone(ask, FIRST_QUIET, LONGEST_QUIET).await,
        News::Heard(_) => Ok(()),
    }
}
