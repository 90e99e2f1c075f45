//! What a visit is expected to cost: its probes' calls, charged to a permit like those of a conversation in which
//! everything is answered, and each card with an error.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use bitcoin::{ScriptBuf, Txid, hashes::Hash as _};
use electrum::{Host, Network};
use tokio::time::Instant;

use crate::{
    agenda::Agenda,
    conversation::Question,
    ledger::{CONNECTION_COST, Class, Ledger, Permit, Politeness},
    objects::{self, Objects, Output, ScriptKind},
    probe::{Known, Offer, Protocol, probe},
};

/// Bytes of a request and its answer, as a guess: most are far smaller, a banner and a list of peers far larger.
const BYTES_PER_EXCHANGE: usize = 400;

/// Costs of visits, each worked out once.
pub(super) struct Costs {
    network: Network,
    objects: Arc<Objects>,
    known: HashMap<(Class, Offer, Vec<&'static str>), f64>,
}

impl Costs {
    /// Costs where everybody is asked about these objects; about one of each type as long as none are known.
    pub(super) fn new(network: Network, objects: Option<Arc<Objects>>) -> Self {
        Self { network, objects: objects.unwrap_or_else(|| Arc::new(one_of_each())), known: HashMap::new() }
    }

    /// What a visit is expected to cost, in E.
    pub(super) fn of(&mut self, agenda: &Agenda) -> f64 {
        let key = (agenda.class(), agenda.offer(), agenda.asked());
        if let Some(cost) = self.known.get(&key) {
            return *cost;
        }
        let cost = self.rehearse(agenda);
        self.known.insert(key, cost);
        cost
    }

    fn rehearse(&self, agenda: &Agenda) -> f64 {
        let nobody = Host::Address(Ipv4Addr::UNSPECIFIED.into());
        let ledger = Ledger::new(Politeness::default());
        let Ok(mut permit) = ledger.permit(&nobody, None, agenda.class(), Instant::now()) else {
            return agenda.class().budget();
        };
        let known = self.known(agenda);
        let _ = permit.charge(CONNECTION_COST);
        for probe in agenda.probes() {
            Question::of(probe, &known).for_each(|question| ask(&mut permit, &question));
        }
        if let Agenda::Objects = agenda {
            let _ = permit.charge(objects::SEARCH_COST);
        }
        for card in agenda.cards() {
            // As in a visit: a good request before each bad one.
            let good = probe("M5").and_then(|ping| Question::of(ping, &known).next());
            good.into_iter().chain(Question::of(card, &known)).for_each(|q| ask(&mut permit, &q));
        }
        permit.spent()
    }

    /// A server that answers everything.
    fn known(&self, agenda: &Agenda) -> Known {
        Known {
            network: self.network,
            client_name: String::new(),
            offer: agenda.offer(),
            disabled: Arc::default(),
            deep: matches!(agenda, Agenda::Deep { .. }),
            control: ScriptBuf::new(),
            unseen: ScriptBuf::new(),
            objects: Arc::clone(&self.objects),
            protocol: Some(Protocol::MEMPOOL_INFO),
            tip: Some(u32::MAX),
            script_answered: true,
            estimates_cached: false,
            fragile: false,
        }
    }
}

fn ask(permit: &mut Permit, question: &Question) {
    match question.risk {
        None if permit.charge(question.call.cost) => {}
        Some(error_cost) if permit.risk(question.call.cost, error_cost) => {
            permit.risk_over(error_cost);
            permit.charge_error(error_cost);
        }
        _ => return,
    }
    permit.charge_bytes(BYTES_PER_EXCHANGE);
}

/// What a search for objects finds at best.
fn one_of_each() -> Objects {
    let output = |kind| Output {
        kind,
        script: ScriptBuf::new(),
        txid: Txid::all_zeros(),
        height: 1,
        position: 0,
        levels: 1,
        history: 1,
    };
    Objects { outputs: ScriptKind::ALL.map(output).to_vec(), busy: None }
}
