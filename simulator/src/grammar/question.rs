//! What a client asks, understood: the same for all implementations. Between a [`Question`] and its
//! [`Reply`](super::reply::Reply) is where a server that lies does so.

use bitcoin::Txid;
use electrum::proof::ScriptHash;
use serde::Deserialize;

use super::{arguments::Argument, json::Json};

/// What methods do, under whatever name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Version,
    Features,
    Banner,
    DonationAddress,
    Ping,
    Pong,
    Peers,
    AddPeer,
    SubscribeHeaders,
    UnsubscribeHeaders,
    Tip,
    NumberedHeader,
    Header,
    Headers,
    EstimateFee,
    RelayFee,
    FeeHistogram,
    MempoolInfo,
    MempoolRecent,
    Balance,
    History,
    Mempool,
    Unspent,
    Subscribe,
    Unsubscribe,
    Status,
    FirstUse,
    OutpointStatus,
    UnsubscribeOutpoint,
    OutputInfo,
    Transaction,
    TransactionHeight,
    ConfirmedBlockhash,
    Merkle,
    TransactionAt,
    Broadcast,
    BroadcastPackage,
    Nothing,
}

/// Where an answer comes from, which decides how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Memory,
    Index,
    Node,
}

impl Method {
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Transaction
            | Self::Broadcast
            | Self::BroadcastPackage
            | Self::EstimateFee
            | Self::RelayFee
            | Self::MempoolInfo
            | Self::OutpointStatus => Source::Node,
            Self::Header
            | Self::Headers
            | Self::NumberedHeader
            | Self::Balance
            | Self::History
            | Self::Unspent
            | Self::Status
            | Self::FirstUse
            | Self::OutputInfo
            | Self::TransactionHeight
            | Self::ConfirmedBlockhash
            | Self::Merkle
            | Self::TransactionAt => Source::Index,
            _ => Source::Memory,
        }
    }
}

/// A question about a server, its chain or its node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// `server.version`: name and protocol, as they came.
    Version {
        client: Json,
        protocol: Json,
    },
    Features,
    Banner,
    DonationAddress,
    /// Answered by nothing.
    Ping,
    /// Answered by so many zeros.
    Pong {
        length: i128,
    },
    Peers,
    AddPeer {
        features: Json,
    },
    SubscribeHeaders,
    UnsubscribeHeaders,
    Tip,
    /// A header with its height.
    NumberedHeader {
        height: i128,
    },
    Header {
        height: i128,
        proof: i128,
    },
    Headers {
        start: i128,
        count: i128,
        proof: i128,
    },
    EstimateFee {
        target: i128,
        mode: Option<String>,
    },
    RelayFee,
    FeeHistogram,
    MempoolInfo,
    MempoolRecent,
    Balance(ScriptHash),
    /// From a height on, up to another; -1 stands for the mempool.
    History(ScriptHash, HistoryRange),
    Mempool(ScriptHash),
    Unspent(ScriptHash),
    Subscribe(ScriptHash),
    Unsubscribe(ScriptHash),
    Status(ScriptHash),
    FirstUse(ScriptHash),
    /// Who spends an output of this script.
    OutpointStatus {
        txid: Txid,
        output: i128,
        script: ScriptHash,
    },
    UnsubscribeOutpoint,
    OutputInfo {
        txid: Txid,
        output: i128,
    },
    Transaction {
        txid: Txid,
        verbose: bool,
    },
    TransactionHeight(Txid),
    ConfirmedBlockhash(Txid),
    Merkle {
        txid: Txid,
        height: Option<i128>,
    },
    TransactionAt {
        height: i128,
        position: i128,
        merkle: bool,
    },
    Broadcast {
        hex: String,
    },
    BroadcastPackage {
        hexes: Vec<String>,
        verbose: bool,
    },
}

/// Which part of a history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRange {
    pub(crate) from: i128,
    /// The first height that is not asked for.
    pub(crate) to: Option<i128>,
}

impl Question {
    /// Puts a method and its parameters together. None where the grammar gives a method parameters that are none of
    /// its: a test goes through all grammars.
    pub(crate) fn new(method: Method, arguments: &[Option<Argument>]) -> Option<Self> {
        let at = Arguments(arguments);
        Some(match method {
            Method::Version => Self::Version { client: at.json(0), protocol: at.json(1) },
            Method::Features => Self::Features,
            Method::Banner => Self::Banner,
            Method::DonationAddress => Self::DonationAddress,
            Method::Ping => Self::Ping,
            Method::Pong => Self::Pong { length: at.number(0).unwrap_or(0) },
            Method::Peers => Self::Peers,
            Method::AddPeer => Self::AddPeer { features: at.json(0) },
            Method::SubscribeHeaders => Self::SubscribeHeaders,
            Method::UnsubscribeHeaders => Self::UnsubscribeHeaders,
            Method::Tip => Self::Tip,
            Method::NumberedHeader => Self::NumberedHeader { height: at.number(0)? },
            Method::Header => Self::Header { height: at.number(0)?, proof: at.number(1).unwrap_or(0) },
            Method::Headers => {
                Self::Headers { start: at.number(0)?, count: at.number(1)?, proof: at.number(2).unwrap_or(0) }
            }
            Method::EstimateFee => Self::EstimateFee { target: at.number(0)?, mode: at.text(1) },
            Method::RelayFee => Self::RelayFee,
            Method::FeeHistogram => Self::FeeHistogram,
            Method::MempoolInfo => Self::MempoolInfo,
            Method::MempoolRecent => Self::MempoolRecent,
            Method::Balance => Self::Balance(at.script(0)?),
            Method::History => {
                let range = HistoryRange { from: at.number(1).unwrap_or(0), to: at.number(2) };
                Self::History(at.script(0)?, range)
            }
            Method::Mempool => Self::Mempool(at.script(0)?),
            Method::Unspent => Self::Unspent(at.script(0)?),
            Method::Subscribe => Self::Subscribe(at.script(0)?),
            Method::Unsubscribe => Self::Unsubscribe(at.script(0)?),
            Method::Status => Self::Status(at.script(0)?),
            Method::FirstUse => Self::FirstUse(at.script(0)?),
            Method::OutpointStatus => {
                Self::OutpointStatus { txid: at.txid(0)?, output: at.number(1)?, script: at.script(2)? }
            }
            Method::UnsubscribeOutpoint => Self::UnsubscribeOutpoint,
            Method::OutputInfo => Self::OutputInfo { txid: at.txid(0)?, output: at.number(1)? },
            Method::Transaction => Self::Transaction { txid: at.txid(0)?, verbose: at.flag(1) },
            Method::TransactionHeight => Self::TransactionHeight(at.txid(0)?),
            Method::ConfirmedBlockhash => Self::ConfirmedBlockhash(at.txid(0)?),
            Method::Merkle => Self::Merkle { txid: at.txid(0)?, height: at.number(1) },
            Method::TransactionAt => {
                Self::TransactionAt { height: at.number(0)?, position: at.number(1)?, merkle: at.flag(2) }
            }
            Method::Broadcast => Self::Broadcast { hex: at.text(0)? },
            Method::BroadcastPackage => Self::BroadcastPackage { hexes: at.texts(0)?, verbose: at.flag(1) },
            Method::Nothing => return None,
        })
    }

    /// The script that it is about.
    pub(crate) fn script(&self) -> Option<ScriptHash> {
        match self {
            Self::Balance(script)
            | Self::History(script, _)
            | Self::Mempool(script)
            | Self::Unspent(script)
            | Self::Subscribe(script)
            | Self::Status(script)
            | Self::FirstUse(script)
            | Self::OutpointStatus { script, .. } => Some(*script),
            _ => None,
        }
    }

    /// How many things are handled, where each of them costs.
    pub(crate) fn things(&self) -> f64 {
        match self {
            Self::Headers { count, .. } => *count as f64,
            Self::Broadcast { hex } => hex.len() as f64,
            Self::BroadcastPackage { hexes, .. } => hexes.iter().map(String::len).sum::<usize>() as f64,
            _ => 0.0,
        }
    }
}

struct Arguments<'a>(&'a [Option<Argument>]);

impl Arguments<'_> {
    fn at(&self, place: usize) -> Option<&Argument> {
        self.0.get(place)?.as_ref()
    }

    fn number(&self, place: usize) -> Option<i128> {
        match self.at(place)? {
            Argument::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn script(&self, place: usize) -> Option<ScriptHash> {
        match self.at(place)? {
            Argument::Script(script) => Some(*script),
            _ => None,
        }
    }

    fn txid(&self, place: usize) -> Option<Txid> {
        match self.at(place)? {
            Argument::Txid(txid) => Some(*txid),
            _ => None,
        }
    }

    fn flag(&self, place: usize) -> bool {
        matches!(self.at(place), Some(Argument::Flag(true)))
    }

    fn text(&self, place: usize) -> Option<String> {
        match self.at(place)? {
            Argument::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn texts(&self, place: usize) -> Option<Vec<String>> {
        match self.at(place)? {
            Argument::Texts(texts) => Some(texts.clone()),
            _ => None,
        }
    }

    fn json(&self, place: usize) -> Json {
        match self.at(place) {
            Some(Argument::Json(json)) => json.clone(),
            Some(Argument::Text(text)) => Json::text(text),
            _ => Json::Null,
        }
    }
}
