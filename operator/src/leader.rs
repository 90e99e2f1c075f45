//! Who writes: one replica at a time, by a Lease. Talks to the API server; what it decides is in [`lease`].
//!
//! By hand, because what there is takes the clocks of two machines for one, and renews and releases without saying
//! which version it saw: a replica that slept would take its lease back from whoever has it now. Here another's lease
//! is over when it has not changed for its duration by **our** clock, every write names the version it replaces, and a
//! [`Fence`] closes before anybody else may take over.

pub mod lease;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, stream};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::lease::{Seen, Step};
use crate::{Error, health::Pulse, metrics::Metrics, names};

/// For how long a lease is given. Others wait this long before they take over.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long its holder writes after it last began to renew it. Less than [`DURATION`] by as much as clocks may drift.
pub const WRITES: Duration = Duration::from_secs(12);
/// How often it is renewed, and how often others look.
const TURN: Duration = Duration::from_secs(2);
/// How long one call may take.
const CALL: Duration = Duration::from_secs(4);

/// Until when this replica may write, and for the how manieth time in a row of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Term {
    number: u64,
    until: Option<Instant>,
}

impl Term {
    fn lasts(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

/// Until when this replica may write.
#[derive(Clone, Debug)]
pub struct Fence(Arc<watch::Sender<Term>>);

impl Default for Fence {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Term::default())))
    }
}

impl Fence {
    /// Until when this replica may write.
    ///
    /// # Errors
    /// [`Error::NotLeader`] where it may not.
    pub fn until(&self) -> Result<Instant, Error> {
        let term = *self.0.borrow();
        term.until.filter(|_| term.lasts(Instant::now())).ok_or(Error::NotLeader)
    }

    /// Each time that this replica becomes the one that writes: also again, after a while in which it was not, since
    /// what it left undone then is done by nobody else.
    pub fn elections(&self) -> impl Stream<Item = ()> + Send + Unpin + use<> {
        let begun = |term: &Term| term.until.map(|_| term.number);
        let terms = stream::unfold((self.0.subscribe(), None), move |(mut terms, last)| async move {
            let elected = |term: &Term| begun(term).is_some_and(|number| Some(number) != last);
            let number = terms.wait_for(elected).await.ok()?.number;
            Some(((), (terms, Some(number))))
        });
        Box::pin(terms)
    }

    pub(crate) fn set(&self, until: Option<Instant>) {
        self.0.send_modify(|term| {
            if until.is_some() && !term.lasts(Instant::now()) {
                term.number += 1;
            }
            term.until = until;
        });
    }
}

/// Takes part in who writes.
pub struct Candidate {
    /// Talks to the API server.
    pub client: Client,
    /// Where the Lease is.
    pub namespace: String,
    /// Who this replica is.
    pub identity: String,
    /// What it opens.
    pub fence: Fence,
    /// Where it is counted.
    pub metrics: Metrics,
    /// Where it shows that it goes on.
    pub pulse: Pulse,
}

impl Candidate {
    /// Takes part until told to stop, and then gives the lease to whoever is next.
    pub async fn run(self, stop: CancellationToken) {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut seen = Seen::default();
        let mut leads = false;
        while !stop.is_cancelled() {
            self.pulse.beat();
            match timeout(CALL, self.turn(&leases, &mut seen)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the lease could not be read or written"),
                Err(_) => warn!("the lease could not be read or written in time"),
            }
            let now_leads = self.fence.until().is_ok();
            if now_leads != leads {
                info!(identity = self.identity, leads = now_leads, "who writes has changed");
                leads = now_leads;
            }
            self.metrics.leads(leads);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TURN) => {}
            }
        }
        self.fence.set(None);
        self.metrics.leads(false);
        if leads {
            match timeout(CALL, self.release(&leases)).await {
                Ok(Ok(())) => info!("the lease is given back"),
                _ => warn!("the lease could not be given back: others wait until it is over"),
            }
        }
    }

    async fn turn(&self, leases: &Api<Lease>, seen: &mut Seen) -> kube::Result<()> {
        // Before the call: what is granted begins no later than others can see it.
        let now = Instant::now();
        let found = leases.get_opt(names::OPERATOR).await?;
        let step = lease::decide(seen, found.as_ref(), &self.identity, now);
        if step == Step::Wait {
            self.fence.set(None);
            return Ok(());
        }
        let mut wanted = found.unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(names::OPERATOR.to_owned()), ..ObjectMeta::default() },
            ..Lease::default()
        });
        lease::grant(&mut wanted, &self.identity, step, Timestamp::now(), DURATION);
        let written = if wanted.metadata.resource_version.is_some() {
            leases.replace(names::OPERATOR, &PostParams::default(), &wanted).await
        } else {
            leases.create(&PostParams::default(), &wanted).await
        };
        match written {
            Ok(_) => self.fence.set(Some(now + WRITES)),
            // Somebody was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => self.fence.set(None),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn release(&self, leases: &Api<Lease>) -> kube::Result<()> {
        let Some(mut found) = leases.get_opt(names::OPERATOR).await? else { return Ok(()) };
        if lease::holder(&found) == Some(&self.identity) {
            lease::release(&mut found);
            leases.replace(names::OPERATOR, &PostParams::default(), &found).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    #[test]
    fn a_fence_closes_by_itself() {
        let fence = Fence::default();
        assert!(fence.until().is_err());
        fence.set(Some(Instant::now() + WRITES));
        assert!(fence.until().is_ok());
        fence.set(Some(Instant::now()));
        assert!(matches!(fence.until(), Err(Error::NotLeader)));
    }

    #[test]
    fn a_lapse_that_nobody_saw_is_an_election_all_the_same() {
        let fence = Fence::default();
        let mut elections = fence.elections();
        let mut elected = || elections.next().now_or_never().is_some();
        assert!(!elected());
        fence.set(Some(Instant::now() + WRITES));
        assert!(elected());
        fence.set(Some(Instant::now() + WRITES));
        assert!(!elected(), "renewed");
        fence.set(Some(Instant::now()));
        fence.set(Some(Instant::now() + WRITES));
        assert!(elected(), "it had run out in between");
        fence.set(None);
        assert!(!elected());
    }
}
