//! Whether what servers say is true: by itself, beside what others say, and whoever asks.
//!
//! What is found names the indicator, says in plain words what was seen, and rests on exchanges that anybody can
//! look up. Nothing is weighed here.

mod chain;
mod differential;
mod disguise;
mod fees;
mod omission;
mod outputs;
#[cfg(test)]
pub(crate) mod tests;
mod tips;
pub mod verify;
mod voices;

use std::collections::BTreeMap;

use bitcoin::Txid;
use model::finding::{Digest, Indicator};
use rayon::prelude::*;

use crate::{
    dossier::Dossier,
    features::claims::{Claims, Failure, Proven},
    proof::{Step, Subject},
    server::Server,
};

/// Rises when the same dossiers contradict each other otherwise.
pub(crate) const VERSION: u32 = 4;

/// Something that a server said and that is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// What it is.
    pub indicator: Indicator,
    /// What was seen; printable.
    pub statement: String,
    /// The exchanges that show it, not empty.
    pub evidence: Vec<Digest>,
}

/// What is not so of what one server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// All of it.
    pub contradictions: Vec<Contradiction>,
}

/// Transactions that proved themselves, whoever handed them out.
#[derive(Debug, Default)]
pub struct Pool<'d>(BTreeMap<Txid, &'d Proven>);

impl<'d> Pool<'d> {
    /// What these hosts handed out.
    fn of(hosts: &[&'d Claims]) -> Self {
        let all = hosts.iter().flat_map(|claims| &claims.transactions);
        Self(all.map(|(txid, proven)| (*txid, proven)).collect())
    }
}

/// Judges servers side by side, in their order.
#[must_use]
pub fn judge(servers: &[Server<'_>]) -> Vec<Truth> {
    let hosts: Vec<&Claims> =
        servers.iter().flat_map(Server::dossiers).map(|dossier| &dossier.claims).collect();
    let together = Together {
        pool: Pool::of(&hosts),
        chain: chain::Chain::of(&hosts),
        histories: omission::Histories::of(&hosts),
        tips: tips::Heights::of(&hosts),
        fees: fees::Estimates::of(&hosts),
    };
    let of_server = |server: &Server<'_>| {
        let of_hosts = server.dossiers().flat_map(|dossier| together.judge(dossier));
        Truth { contradictions: of_hosts.chain(differential::apart_by_address(server)).collect() }
    };
    servers.par_iter().map(of_server).collect()
}

/// What all servers say together.
struct Together<'d> {
    pool: Pool<'d>,
    chain: chain::Chain,
    histories: omission::Histories,
    tips: tips::Heights,
    fees: fees::Estimates,
}

impl Together<'_> {
    fn judge(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let other = self.chain.other(dossier);
        let elsewhere = dossier.claims.chains.are_apart();
        let lasting = || {
            let lasting = dossier.claims.contradictions.lasting();
            lasting.filter(move |(subject, _)| !(elsewhere && *subject == Subject::Genesis))
        };
        // Who follows another chain differs in all that belongs to one.
        let strays = !other.is_empty() || lasting().any(|(subject, _)| subject == Subject::Genesis);
        let beside = if strays {
            other
        } else {
            [self.histories.omitted(dossier), self.tips.behind(dossier), self.fees.implausible(dossier)]
                .concat()
        };
        let by_itself = lasting().filter(|(subject, _)| !(strays && subject.is_of_a_chain())).map(
            |(subject, failure)| Contradiction {
                indicator: subject.indicator(),
                statement: statement(subject, failure),
                evidence: failure.evidence.clone(),
            },
        );
        let inflated = outputs::inflated(dossier, &self.pool);
        let by_name = differential::apart(dossier).chain(disguise::apart(dossier));
        by_itself.chain(inflated).chain(beside).chain(by_name).collect()
    }
}

fn statement(subject: Subject, failure: &Failure) -> String {
    let Failure { step, visits, .. } = failure;
    let times = if *visits == 1 { "one visit".to_owned() } else { format!("{visits} visits") };
    let Step { what, expected, found, .. } = step;
    format!("In {times} it did not hold that {what} ({subject}): {expected} was due, {found} was told.")
}
