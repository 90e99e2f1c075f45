//! E: how a server takes what is wrong. Every implementation has its own words for it, and they are hard to
//! imitate. None of it can do any harm, and none of it can be mined.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WPubkeyHash, Witness, absolute,
    consensus::encode::serialize_hex,
    hashes::{Hash as _, sha256d},
    transaction,
};
use serde_json::json;

use super::{Call, Form, Known, Needs, Occasion, Pace, Probe, scripts::Verb, server::ping};

pub(super) static PROBES: &[Probe] = &[
    card("E10", "whether a transaction that cannot be valid is refused, and in which words", broadcast),
    Probe {
        id: "E11",
        reveals: "whether an old wallet that can be phished is told the same",
        occasion: Occasion::Disguised,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: broadcast,
    },
    card("E1", "error grammar of an unknown method", |_| vec![Call::new("no.such.method", json!([]), 0.0)]),
    card("E2", "error grammar of a missing parameter", |_| {
        vec![Call::new("blockchain.block.header", json!([]), 0.0)]
    }),
    card("E3", "error grammar of a superfluous parameter, and whether it is one", |_| {
        vec![Call::new("server.banner", json!(["superfluous"]), 0.5)]
    }),
    card("E4", "error grammar of a script hash that is none", |known| vec![Verb::Balance.of_nothing(known)]),
    card("E5", "whether parameters can be named", |_| {
        vec![Call::new("blockchain.block.header", json!({"height": 0}), 0.25)]
    }),
    card("E6", "whether JSON-RPC 1 is understood", |_| vec![Call { form: Form::WithoutVersion, ..ping() }]),
    card("E7", "the grammar of a batch", |_| vec![Call { form: Form::Batch(2), cost: 0.2, ..ping() }]),
    card("E8", "error grammar of an empty batch", |_| {
        vec![Call { form: Form::Batch(0), cost: 0.0, ..ping() }]
    }),
    Probe {
        id: "E9",
        reveals: "error grammar of what is no JSON, and whether it hangs up",
        occasion: Occasion::Last,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call { form: Form::CutOff, cost: 0.0, ..ping() }],
    },
];

const fn card(id: &'static str, reveals: &'static str, calls: fn(&Known) -> Vec<Call>) -> Probe {
    Probe { id, reveals, occasion: Occasion::Card, needs: Needs::Greeting, pace: Pace::Pipelined, calls }
}

fn broadcast(known: &Known) -> Vec<Call> {
    let raw = unminable(known);
    let cost = 0.25 + f64::from(u32::try_from(raw.len()).unwrap_or(u32::MAX)) / 5_000.0;
    vec![Call::new("blockchain.transaction.broadcast", json!([raw]), cost)]
}

/// A well-formed transaction that spends what does not exist and never can: the outpoint's transaction id is the
/// hash of a secret, not of any transaction.
fn unminable(known: &Known) -> String {
    let nobodys = Txid::from_raw_hash(sha256d::Hash::hash(known.control.as_bytes()));
    let transaction = Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(nobodys, 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
        }],
    };
    serialize_hex(&transaction)
}
