//! S: what a server says of scripts: of one that nobody ever used, of an output of each type, and of those of a
//! published wallet. From protocol 1.7 on scripts are asked about by themselves, before by their hashes.

use bitcoin::{Script, hex::DisplayHex as _};
use electrum::proof::ScriptHash;
use serde_json::json;

use super::{Call, Known, Needs, Occasion, Pace, Probe, Protocol};
use crate::objects::{ScriptKind, gap_scan};

pub(super) static PROBES: &[Probe] = &[
    Probe {
        id: "S1",
        reveals: "what it says of a script that nobody ever used: nothing, if it is honest",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |known| nothing_known(known, &known.control),
    },
    of_type("S2", Needs::Tip, |known| everything(known, ScriptKind::P2pkh)),
    of_type("S3", Needs::Script, |known| everything(known, ScriptKind::P2sh)),
    of_type("S4", Needs::Script, |known| everything(known, ScriptKind::P2wpkh)),
    of_type("S5", Needs::Script, |known| everything(known, ScriptKind::P2wsh)),
    of_type("S6", Needs::Script, |known| everything(known, ScriptKind::P2tr)),
    of_type("S7", Needs::Script, |known| everything(known, ScriptKind::P2pk)),
    of_type("S8", Needs::Script, |known| everything(known, ScriptKind::Multisig)),
    Probe {
        id: "S10",
        reveals: "whether long histories are refused",
        occasion: Occasion::Deep,
        needs: Needs::Script,
        pace: Pace::Pipelined,
        calls: |known| {
            let busy = known.objects.busy.as_ref();
            busy.map(|busy| Verb::History.of(known, &busy.script, busy.history)).into_iter().collect()
        },
    },
    Probe {
        id: "S11",
        reveals: "whether a subscription can be ended",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            let may = known.speaks(Protocol::UNSUBSCRIBE);
            may.then(|| Verb::Unsubscribe.of(known, &known.control, 0)).into_iter().collect()
        },
    },
    Probe {
        id: "S12",
        reveals: "whether a wallet's search for its own addresses is slowed down",
        occasion: Occasion::Deep,
        needs: Needs::Script,
        pace: Pace::Pipelined,
        calls: |known| {
            let scripts = gap_scan(known.network).iter();
            scripts.map(|script| Verb::Subscribe.of(known, script, 0)).collect()
        },
    },
    Probe {
        id: "S13",
        reveals: "whether the first question about a script that nobody ever used takes longer than the next ones",
        occasion: Occasion::Deep,
        needs: Needs::Script,
        pace: Pace::Rested,
        calls: |known| nothing_known(known, &known.unseen),
    },
    Probe {
        id: "L6",
        reveals: "whether it notifies of a script that nobody ever used: never, if it is honest",
        occasion: Occasion::Watch,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |known| vec![Verb::Subscribe.of(known, &known.control, 0)],
    },
    Probe {
        id: "S9",
        reveals: "whether the mempool of a script is told",
        occasion: Occasion::Card,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| vec![Verb::Mempool.of(known, &known.control, 0)],
    },
];

const fn of_type(id: &'static str, needs: Needs, calls: fn(&Known) -> Vec<Call>) -> Probe {
    Probe {
        id,
        reveals: "whether status, history, balance and outputs of this script type agree with each other and with the chain",
        occasion: Occasion::Deep,
        needs,
        pace: Pace::Pipelined,
        calls,
    }
}

/// What can be asked about a script.
#[derive(Clone, Copy)]
pub(super) enum Verb {
    Subscribe,
    Balance,
    History,
    Unspent,
    Mempool,
    Unsubscribe,
}

impl Verb {
    /// The method by script hash, the one by script, and what it costs with so many transactions in the
    /// history, none of it in the server's cache.
    fn facts(self, history: u32) -> (&'static str, &'static str, f64) {
        let n = f64::from(history);
        match self {
            Self::Subscribe => {
                ("blockchain.scripthash.subscribe", "blockchain.scriptpubkey.subscribe", 0.3 + n * 0.002_5)
            }
            Self::Balance => {
                ("blockchain.scripthash.get_balance", "blockchain.scriptpubkey.get_balance", 1.0)
            }
            Self::History => {
                ("blockchain.scripthash.get_history", "blockchain.scriptpubkey.get_history", 0.45 + n * 0.001)
            }
            Self::Unspent => {
                ("blockchain.scripthash.listunspent", "blockchain.scriptpubkey.listunspent", 1.0)
            }
            Self::Mempool => {
                ("blockchain.scripthash.get_mempool", "blockchain.scriptpubkey.get_mempool", 0.25)
            }
            Self::Unsubscribe => {
                ("blockchain.scripthash.unsubscribe", "blockchain.scriptpubkey.unsubscribe", 0.1)
            }
        }
    }

    /// The call about a script that has so many transactions in its history.
    fn of(self, known: &Known, script: &Script, history: u32) -> Call {
        let (by_hash, by_script, cost) = self.facts(history);
        match known.speaks(Protocol::SCRIPT_PUBKEY) {
            true => Call::new(by_script, json!([script.as_bytes().to_lower_hex_string()]), cost),
            false => Call::new(by_hash, json!([ScriptHash::of(script).to_string()]), cost),
        }
    }

    /// The call about what is no script at all.
    pub(super) fn of_nothing(self, known: &Known) -> Call {
        let (by_hash, by_script, _) = self.facts(0);
        let method = if known.speaks(Protocol::SCRIPT_PUBKEY) { by_script } else { by_hash };
        Call::new(method, json!(["abcd"]), 0.0)
    }
}

/// Questions about a script of which nothing can be known.
fn nothing_known(known: &Known, script: &Script) -> Vec<Call> {
    let verbs = [Verb::Subscribe, Verb::Balance, Verb::History];
    verbs.map(|verb| verb.of(known, script, 0)).to_vec()
}

/// All questions about the object of one type, where there is one.
fn everything(known: &Known, kind: ScriptKind) -> Vec<Call> {
    let verbs = [Verb::Subscribe, Verb::History, Verb::Balance, Verb::Unspent];
    let output = known.objects.outputs.iter().find(|output| output.kind == kind);
    let calls = |output: &crate::objects::Output| {
        verbs.map(|verb| verb.of(known, &output.script, output.history)).to_vec()
    };
    output.map(calls).unwrap_or_default()
}
