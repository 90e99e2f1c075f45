//! Visits for tests, made by hand: a small chain, and servers that tell the truth about it unless they are told not to.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bitcoin::{
    Amount, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut, Witness,
    absolute::LockTime,
    block::{Header, Version},
    consensus::encode::serialize_hex,
    constants::genesis_block,
    hashes::{Hash as _, sha256d},
    transaction,
};
use electrum::{
    Network,
    proof::{HistoryItem, ScriptHash, status},
};
use jiff::{SignedDuration, Timestamp};
use model::{
    Exchange, Purpose, Recorded, Visit,
    exchange::Reply,
    visit::{Heard, Unasked},
};
use serde_json::{Value, json};

/// The height of the best block.
pub(crate) const TIP: u32 = 20;
/// The height of the block that holds the payment, well buried.
pub(crate) const HEIGHT: u32 = 5;
/// What the payment's output holds, in satoshis.
pub(crate) const VALUE: u64 = 7_000;

/// A call and what came back; no result means silence.
pub(crate) fn exchange(
    probe: &'static str,
    method: &str,
    params: &Value,
    answer: Option<&Value>,
) -> Exchange {
    static IDS: AtomicU32 = AtomicU32::new(1);
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    let request = json!({"id": id, "method": method, "params": params}).to_string();
    let at = Duration::from_millis(20).into();
    let answer = answer.map(|answer| {
        let mut answer = answer.clone();
        answer["id"] = id.into();
        let response = Recorded::new(answer.to_string().as_bytes(), Recorded::LIMIT);
        Reply { response, first_byte: at, last_byte: at }
    });
    Exchange {
        probe: probe.into(),
        request: Recorded::new(request.as_bytes(), Recorded::LIMIT),
        sent: at,
        answer,
    }
}

/// A call that was answered well.
pub(crate) fn told(probe: &'static str, method: &str, params: &Value, result: &Value) -> Exchange {
    exchange(probe, method, params, Some(&json!({"result": result})))
}

/// A call that was answered by an error.
pub(crate) fn refused(probe: &'static str, method: &str, params: &Value, message: &str) -> Exchange {
    exchange(probe, method, params, Some(&json!({"error": {"code": 1, "message": message}})))
}

/// A visit to `ssl://HOST:50002`, so many minutes after the first one.
pub(crate) fn visit(host: &str, minutes: i64, purpose: Purpose, exchanges: Vec<Exchange>) -> Visit {
    let first: Timestamp = "2026-11-24T04:00:00Z".parse().expect("a time");
    let endpoint = format!("ssl://{host}:50002").parse().expect("an endpoint");
    let at = first + SignedDuration::from_mins(minutes);
    let begun = Visit::begun(Network::Regtest, endpoint, "local".to_owned(), purpose, at);
    let peer = format!("{host}:50002").parse().ok();
    Visit { peer, exchanges, ..begun }
}

/// The same visit, in which this was said without being asked.
pub(crate) fn hearing(visit: Visit, line: &Value) -> Visit {
    let line = Recorded::new(line.to_string().as_bytes(), Unasked::LIMIT);
    let heard = Heard { at: Duration::from_secs(1).into(), line };
    Visit { unasked: Unasked { count: 1, first: vec![heard] }, ..visit }
}

/// A transaction with one output.
pub(crate) fn paying(script: &ScriptBuf, value: u64, vout: u32) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint { vout, ..OutPoint::null() },
        script_sig: ScriptBuf::from_bytes(vec![0x51; 9]),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let output = TxOut { value: Amount::from_sat(value), script_pubkey: script.clone() };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    }
}

/// A small chain with one payment that everybody asks about.
pub(crate) struct World {
    pub(crate) headers: Vec<Header>,
    pub(crate) payment: Transaction,
    pub(crate) neighbour: Transaction,
    pub(crate) script: ScriptBuf,
    pub(crate) control: ScriptBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let script = ScriptBuf::from_hex(&format!("0014{}", "11".repeat(20))).expect("hex");
        let control = ScriptBuf::from_hex(&format!("0020{}", "5a".repeat(32))).expect("hex");
        let (neighbour, payment) = (paying(&control, 1, 0), paying(&script, VALUE, 1));
        let pair =
            [neighbour.compute_txid().to_byte_array(), payment.compute_txid().to_byte_array()].concat();
        let root = sha256d::Hash::hash(&pair).to_byte_array();
        let mut headers = vec![genesis_block(bitcoin::Network::Regtest).header];
        for height in 1..=TIP {
            let parent = headers[headers.len() - 1];
            let root = if height == HEIGHT { root } else { [7; 32] };
            headers.push(mine(&parent, root));
        }
        Self { headers, payment, neighbour, script, control }
    }

    pub(crate) fn hash(&self) -> ScriptHash {
        ScriptHash::of(&self.script)
    }

    /// What an honest server tells: the payment is proved, its script is known, the control script is not.
    pub(crate) fn honest(&self) -> Vec<Exchange> {
        let header = |height: u32| json!(serialize_hex(&self.headers[height as usize]));
        let txid = self.payment.compute_txid();
        let item = HistoryItem { txid, height: HEIGHT.into() };
        let status = data_encoding::HEXLOWER.encode(&status(&[item]).expect("a history"));
        let (about, nobodys) = (json!([self.hash()]), json!([ScriptHash::of(&self.control)]));
        let of = |probe, verb: &str, about: &Value, result: Value| {
            told(probe, &format!("blockchain.scripthash.{verb}"), about, &result)
        };
        let branch = json!([self.neighbour.compute_txid()]);
        let run: String = self.headers[..3].iter().map(serialize_hex).collect();
        let merkle = "blockchain.transaction.get_merkle";
        let get = "blockchain.transaction.get";
        let block = "blockchain.block.header";
        vec![
            told("H1", "server.version", &json!(["observatory", "1.4"]), &json!(["ElectrumX 1.20.0", "1.4"])),
            told(
                "M1",
                "server.features",
                &json!([]),
                &json!({"genesis_hash": Network::Regtest.genesis_hash()}),
            ),
            told("M2", "server.banner", &json!([]), &json!("welcome")),
            told(
                "C1",
                "blockchain.headers.subscribe",
                &json!([]),
                &json!({"height": TIP, "hex": header(TIP)}),
            ),
            told("C2", block, &json!([0]), &header(0)),
            told("C2", block, &json!([1]), &header(1)),
            told(
                "C4",
                "blockchain.block.headers",
                &json!([0, 3]),
                &json!({"hex": run, "count": 3, "max": 2016}),
            ),
            told(
                "C6",
                "blockchain.transaction.id_from_pos",
                &json!([HEIGHT, 1, true]),
                &json!({"tx_hash": txid, "merkle": branch}),
            ),
            told("C7", get, &json!([txid]), &json!(serialize_hex(&self.payment))),
            told(
                "C10",
                merkle,
                &json!([txid, HEIGHT]),
                &json!({"block_height": HEIGHT, "merkle": branch, "pos": 1}),
            ),
            told("C10", block, &json!([HEIGHT]), &header(HEIGHT)),
            of("S1", "subscribe", &nobodys, Value::Null),
            of("S1", "get_balance", &nobodys, json!({"confirmed": 0, "unconfirmed": 0})),
            of("S1", "get_history", &nobodys, json!([])),
            of("S4", "subscribe", &about, json!(status)),
            of("S4", "get_history", &about, json!([{"tx_hash": txid, "height": HEIGHT}])),
            of("S4", "get_balance", &about, json!({"confirmed": VALUE, "unconfirmed": 0})),
            of(
                "S4",
                "listunspent",
                &about,
                json!([{"tx_hash": txid, "tx_pos": 0, "height": HEIGHT, "value": VALUE}]),
            ),
        ]
    }

    /// The same, but for the n-th answer to a probe.
    pub(crate) fn lying(&self, probe: &str, nth: usize, result: &Value) -> Vec<Exchange> {
        let lie = |exchange: &Exchange| {
            let call: Value = serde_json::from_slice(exchange.request.bytes()).expect("a call");
            told("", call["method"].as_str().expect("a method"), &call["params"], result)
        };
        replaced(self.honest(), probe, nth, lie)
    }
}

/// The same exchanges, but for the n-th of a probe.
pub(crate) fn replaced(
    mut exchanges: Vec<Exchange>,
    probe: &str,
    nth: usize,
    by: impl Fn(&Exchange) -> Exchange,
) -> Vec<Exchange> {
    let found =
        exchanges.iter_mut().filter(|exchange| exchange.probe == probe).nth(nth).expect("such an exchange");
    *found = Exchange { probe: found.probe.clone(), ..by(found) };
    exchanges
}

/// Works for a header on regtest, where every second nonce does.
pub(crate) fn mine(parent: &Header, root: [u8; 32]) -> Header {
    let nonces = (0..).map(|nonce| Header {
        version: Version::TWO,
        prev_blockhash: parent.block_hash(),
        merkle_root: TxMerkleNode::from_byte_array(root),
        time: parent.time + 600,
        bits: CompactTarget::from_consensus(0x207f_ffff),
        nonce,
    });
    let worked = |header: &Header| header.target().is_met_by(header.block_hash());
    nonces.into_iter().find(worked).expect("a nonce")
}
