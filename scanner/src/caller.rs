//! Who visits: everything of a visit that needs no network. What is asked of a server over a connection, by whoever
//! opened it, is recorded here.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use bitcoin::{
    ScriptBuf, WScriptHash,
    hashes::{Hash as _, sha256},
};
use electrum::{Endpoint, Host, Network};
use jiff::Timestamp;
use model::{Outcome, Seconds, Visit};
use sha2::{Digest as _, Sha256};
use tokio::{sync::SemaphorePermit, time::Instant};

use crate::{
    agenda::Agenda,
    conversation::Conversation,
    course::{self, Course},
    gate::Gate,
    objects::{self, Objects},
    probe::Known,
};

/// Who visits, and what that knows beyond the single server.
#[derive(Debug)]
pub struct Caller {
    /// The network whose servers are visited.
    pub network: Network,
    /// Where we visit from.
    pub vantage: String,
    /// How we name ourselves.
    pub name: ClientName,
    /// What every server is asked about, once it is known.
    pub objects: OnceLock<Arc<Objects>>,
    /// Probes that are not to be made, by name.
    pub disabled: Arc<BTreeSet<String>>,
    /// What makes control scripts unguessable.
    pub secret: [u8; 32],
}

/// How we name ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientName {
    /// To everybody alike.
    Same(String),
    /// With a page whose address is another for each server: whoever opens it has read that server's log (D3).
    Canary {
        /// Our name.
        product: String,
        /// The page, without a query.
        page: String,
    },
}

impl ClientName {
    /// The name for a server.
    fn to(&self, server: &Host, secret: &[u8; 32]) -> String {
        match self {
            Self::Same(name) => name.clone(),
            Self::Canary { product, page } => {
                let own =
                    Sha256::new_with_prefix(secret).chain_update(b"canary").chain_update(server.to_string());
                let own = data_encoding::HEXLOWER.encode(&own.finalize()[..8]);
                format!("{product} (+{page}?canary={own})")
            }
        }
    }
}

/// The place that a visit gives back when it only listens, and the gate that ends it.
pub(crate) struct Listening<'g> {
    pub(crate) place: Option<SemaphorePermit<'g>>,
    pub(crate) gate: &'g Gate,
}

impl Caller {
    /// A visit that begins.
    pub(crate) fn begin(&self, endpoint: Endpoint, agenda: &Agenda, at: Timestamp) -> Visit {
        Visit::begun(self.network, endpoint, self.vantage.clone(), agenda.purpose(), at)
    }

    /// Goes through an agenda, and records what was said. Gives how it went, and the objects where they were looked
    /// for and found.
    pub(crate) async fn converse(
        &self,
        mut conversation: Conversation,
        visit: &mut Visit,
        agenda: &Agenda,
        began: Instant,
        listening: Listening<'_>,
    ) -> (Course, Option<Objects>) {
        let mut known = self.known(&visit.endpoint, agenda, visit.started_at);
        let mut course = course::follow(&mut conversation, agenda, &mut known).await;
        if let (Agenda::Watch(watch), Outcome::Answered, None) = (agenda, course.outcome, &course.detail) {
            // Who only listens needs no place.
            drop(listening.place);
            course = watch.listen(&mut conversation, &mut known, began, listening.gate).await;
        }
        let found = match (agenda, known.tip) {
            (Agenda::Objects, Some(tip)) => objects::find(&mut conversation, self.network, tip).await,
            _ => None,
        };
        visit.timings.first_byte = conversation.time_of("H1").map(Seconds::from);
        let transcript = conversation.close().await;
        visit.exchanges = transcript.exchanges;
        visit.unasked = transcript.unasked;
        visit.cost = transcript.cost;
        (course, found)
    }

    fn known(&self, endpoint: &Endpoint, agenda: &Agenda, now: Timestamp) -> Known {
        Known {
            network: self.network,
            client_name: agenda
                .borrowed_name()
                .map_or_else(|| self.name.to(&endpoint.host, &self.secret), str::to_owned),
            offer: agenda.offer(),
            disabled: Arc::clone(&self.disabled),
            deep: matches!(agenda, Agenda::Deep { .. } | Agenda::Watch(_)),
            control: self.unused(b"control", endpoint, now),
            unseen: self.unused(b"unseen", endpoint, now),
            objects: self.objects.get().cloned().unwrap_or_default(),
            protocol: None,
            tip: None,
            script_answered: false,
            estimates_cached: false,
            fragile: false,
        }
    }

    /// A script that nobody has ever used: its own for each visit and purpose, so that no server can have seen it
    /// before.
    fn unused(&self, purpose: &[u8], endpoint: &Endpoint, now: Timestamp) -> ScriptBuf {
        let hash = Sha256::new_with_prefix(self.secret)
            .chain_update(purpose)
            .chain_update(endpoint.host.to_string())
            .chain_update(now.as_microsecond().to_be_bytes())
            .finalize();
        ScriptBuf::new_p2wsh(&WScriptHash::from_raw_hash(sha256::Hash::from_byte_array(hash.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_another_for_each_server_and_the_same_for_each_visit() {
        let name = ClientName::Canary { product: "x".to_owned(), page: "https://o.example/scan".to_owned() };
        let to = |host: &str| name.to(&host.parse().expect("a host"), &[7; 32]);
        assert!(to("a.example").starts_with("x (+https://o.example/scan?canary="));
        assert_eq!(to("a.example"), to("a.example"));
        assert_ne!(to("a.example"), to("b.example"));
    }
}
