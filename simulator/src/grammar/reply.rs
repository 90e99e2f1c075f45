//! What a server answers, before it is bytes: the same for all implementations.

use bitcoin::{Transaction, Txid, consensus::encode::serialize_hex};
use data_encoding::HEXLOWER;
use electrum::proof::{HistoryItem, ScriptHash};

use super::{
    data::{Grammar, Protocol},
    json::Json,
    verbose::{self, Block},
};
use crate::node::{MempoolItem, Unspent};

/// An answer that is no error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Nothing,
    Flag(bool),
    Text(String),
    /// A value that the grammar or the operator chose.
    Fixed(Json),
    /// What it calls itself, and the protocol agreed on.
    Greeting {
        agent: String,
        protocol: String,
    },
    /// Zeros.
    Pong(usize),
    Tip {
        height: u32,
        header: [u8; 80],
    },
    NumberedHeader {
        height: u32,
        header: [u8; 80],
    },
    Header {
        header: [u8; 80],
        proof: Option<Proof>,
    },
    Headers {
        headers: Vec<[u8; 80]>,
        proof: Option<Proof>,
    },
    /// In BTC per 1,000 virtual bytes.
    Fee(f64),
    /// Feerates in sat/vB, and virtual bytes that pay at least so.
    FeeHistogram(Vec<(Json, u64)>),
    /// In BTC per 1,000 virtual bytes.
    MempoolInfo {
        least: f64,
        relay: f64,
        increment: f64,
        unbroadcast: u64,
    },
    MempoolRecent(Vec<(Txid, u64, u64)>),
    Balance {
        confirmed: u64,
        unconfirmed: i64,
    },
    History {
        confirmed: Vec<HistoryItem>,
        mempool: Vec<MempoolItem>,
    },
    Unspent(Vec<Unspent>),
    Status(Option<[u8; 32]>),
    FirstUse {
        block: [u8; 32],
        height: u32,
        txid: Txid,
    },
    Outpoint {
        funded: Option<u32>,
        spent: Option<(Txid, i64)>,
    },
    Output {
        height: Option<u32>,
        script: ScriptHash,
        value: u64,
    },
    Transaction(Vec<u8>),
    VerboseTransaction {
        transaction: Box<Transaction>,
        block: Option<Block>,
    },
    Height(u32),
    ConfirmedBlockhash {
        block: [u8; 32],
        height: u32,
    },
    Merkle {
        height: u32,
        position: u32,
        branch: Vec<[u8; 32]>,
    },
    TransactionAt {
        txid: Txid,
        branch: Option<Vec<[u8; 32]>>,
    },
    Txid(Txid),
    /// Transactions that the node refused, with its words.
    Package {
        refused: Vec<(Txid, String)>,
        verbose: bool,
    },
}

/// The branch that leads to a root over headers. Bytes in the order of SHA-256.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proof {
    pub(crate) branch: Vec<[u8; 32]>,
    pub(crate) root: [u8; 32],
}

impl Reply {
    /// The answer as this implementation puts it, under a protocol. `inside` names the member that holds a list.
    pub(crate) fn json(&self, grammar: &Grammar, protocol: &Protocol, inside: Option<&str>) -> Json {
        let value = self.bare(grammar, protocol);
        match inside {
            Some(name) => Json::object([(name, value)]),
            None => value,
        }
    }

    /// How many things each of which costs there are in it.
    pub(crate) fn things(&self) -> f64 {
        let count = match self {
            Self::History { mempool, .. } => mempool.len(),
            Self::Unspent(outputs) => outputs.len(),
            _ => 0,
        };
        count as f64
    }

    fn bare(&self, grammar: &Grammar, protocol: &Protocol) -> Json {
        match self {
            Self::Nothing => Json::Null,
            Self::Flag(flag) => Json::Bool(*flag),
            Self::Text(text) => Json::text(text),
            Self::Fixed(value) => value.clone(),
            Self::Greeting { agent, protocol } => Json::List(vec![Json::text(agent), Json::text(protocol)]),
            Self::Pong(length) => Json::object([("data", Json::Text("0".repeat(*length)))]),
            Self::Tip { height, header } | Self::NumberedHeader { height, header } => {
                Json::object([("hex", hex(header)), ("height", Json::from(*height))])
            }
            Self::Header { header, proof: None } => hex(header),
            Self::Header { header, proof: Some(proof) } => {
                with_proof(vec![member("header", hex(header))], proof)
            }
            Self::Headers { headers, proof } => {
                let as_list = grammar.header_lists_since.as_ref().is_some_and(|since| protocol >= since);
                let count = member("count", Json::from(headers.len() as u64));
                let max = member("max", Json::from(super::answer::MOST_HEADERS as u64));
                let members = match as_list {
                    true => vec![
                        count,
                        max,
                        member("headers", Json::List(headers.iter().map(|h| hex(h)).collect())),
                    ],
                    false => vec![member("hex", hex(headers.as_flattened())), count, max],
                };
                match proof {
                    Some(proof) => with_proof(members, proof),
                    None => Json::Object(members),
                }
            }
            Self::Fee(fee) => Json::Float(*fee),
            Self::FeeHistogram(bins) => {
                let bin = |(rate, size): &(Json, u64)| Json::List(vec![rate.clone(), Json::from(*size)]);
                Json::List(bins.iter().map(bin).collect())
            }
            Self::MempoolInfo { least, relay, increment, unbroadcast } => {
                let value = |name: &String| match name.as_str() {
                    "mempoolminfee" => Json::Float(*least),
                    "minrelaytxfee" => Json::Float(*relay),
                    "incrementalrelayfee" => Json::Float(*increment),
                    "unbroadcastcount" => Json::from(*unbroadcast),
                    _ => Json::Bool(true),
                };
                Json::Object(grammar.fees.info.iter().map(|name| (name.clone(), value(name))).collect())
            }
            Self::MempoolRecent(entries) => {
                let entry = |(txid, fee, vsize): &(Txid, u64, u64)| {
                    Json::object([
                        ("txid", Json::text(txid.to_string())),
                        ("fee", Json::from(*fee)),
                        ("vsize", Json::from(*vsize)),
                    ])
                };
                Json::List(entries.iter().map(entry).collect())
            }
            Self::Balance { confirmed, unconfirmed } => Json::object([
                ("confirmed", Json::from(*confirmed)),
                ("unconfirmed", Json::from(*unconfirmed)),
            ]),
            Self::History { confirmed, mempool } => {
                let confirmed = confirmed.iter().map(|item| {
                    Json::object([
                        ("tx_hash", Json::text(item.txid.to_string())),
                        ("height", Json::from(item.height)),
                    ])
                });
                let mempool = mempool.iter().map(|item| {
                    Json::object([
                        ("tx_hash", Json::text(item.txid.to_string())),
                        ("height", Json::from(item.height)),
                        ("fee", Json::from(item.fee)),
                    ])
                });
                Json::List(confirmed.chain(mempool).collect())
            }
            Self::Unspent(outputs) => {
                let output = |output: &Unspent| {
                    Json::object([
                        ("tx_hash", Json::text(output.txid.to_string())),
                        ("tx_pos", Json::from(output.vout)),
                        ("height", Json::from(output.height)),
                        ("value", Json::from(output.value)),
                    ])
                };
                Json::List(outputs.iter().map(output).collect())
            }
            Self::Status(status) => status.as_ref().map_or(Json::Null, |status| hex(status)),
            Self::FirstUse { block, height, txid } => Json::object([
                ("block_hash", reversed(block)),
                ("block_height", Json::from(*height)),
                ("height", Json::from(*height)),
                ("tx_hash", Json::text(txid.to_string())),
            ]),
            Self::Outpoint { funded, spent } => {
                let funded = funded.map(|height| member("funder_height", Json::from(height)));
                let spent = spent.iter().flat_map(|(txid, height)| {
                    [
                        member("spender_txhash", Json::text(txid.to_string())),
                        member("spender_height", Json::from(*height)),
                    ]
                });
                Json::Object(funded.into_iter().chain(spent).collect())
            }
            Self::Output { height, script, value } => Json::object([
                ("confirmed_height", height.map_or(Json::Null, Json::from)),
                ("scripthash", Json::text(script.to_string())),
                ("value", Json::from(*value)),
            ]),
            Self::Transaction(bytes) => hex(bytes),
            Self::VerboseTransaction { transaction, block } => {
                let hex = serialize_hex(transaction.as_ref());
                let mut description = verbose::json(transaction, &hex, block.as_ref());
                if let (Json::Object(members), true, true) =
                    (&mut description, block.is_some(), grammar.names_active_chain)
                {
                    members.push(member("in_active_chain", Json::Bool(true)));
                }
                description
            }
            Self::Height(height) => Json::from(*height),
            Self::ConfirmedBlockhash { block, height } => {
                Json::object([("block_hash", reversed(block)), ("block_height", Json::from(*height))])
            }
            Self::Merkle { height, position, branch } => Json::object([
                ("block_height", Json::from(*height)),
                ("merkle", hashes(branch)),
                ("pos", Json::from(*position)),
            ]),
            Self::TransactionAt { txid, branch: None } | Self::Txid(txid) => Json::text(txid.to_string()),
            Self::TransactionAt { txid, branch: Some(branch) } => {
                Json::object([("tx_hash", Json::text(txid.to_string())), ("merkle", hashes(branch))])
            }
            Self::Package { refused, verbose: false } => {
                let error = |(txid, error): &(Txid, String)| {
                    Json::object([("txid", Json::text(txid.to_string())), ("error", Json::text(error))])
                };
                let errors = Json::List(refused.iter().map(error).collect());
                Json::object([("success", Json::Bool(false)), ("errors", errors)])
            }
            Self::Package { refused, verbose: true } => {
                let result = |(txid, error): &(Txid, String)| {
                    let txid = txid.to_string();
                    (txid.clone(), Json::object([("txid", Json::Text(txid)), ("error", Json::text(error))]))
                };
                Json::object([
                    ("package_msg", Json::text("transaction failed")),
                    ("tx-results", Json::Object(refused.iter().map(result).collect())),
                    ("replaced-transactions", Json::List(Vec::new())),
                ])
            }
        }
    }
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn with_proof(mut members: Vec<(String, Json)>, proof: &Proof) -> Json {
    members.push(member("branch", hashes(&proof.branch)));
    members.push(member("root", reversed(&proof.root)));
    Json::Object(members)
}

fn hex(bytes: &[u8]) -> Json {
    Json::Text(HEXLOWER.encode(bytes))
}

/// Hashes are shown with their bytes reversed.
fn reversed(hash: &[u8; 32]) -> Json {
    let mut hash = *hash;
    hash.reverse();
    hex(&hash)
}

fn hashes(branch: &[[u8; 32]]) -> Json {
    Json::List(branch.iter().map(reversed).collect())
}
