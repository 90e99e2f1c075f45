//! What a grammar says: the data that make one engine speak as this or that implementation. One file a version in
//! `simulator/grammars/`; a version that is like another names it and says what differs.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    histogram::Rates,
    json::{Dialect, Json},
    question::Method,
    words::Words,
    write::Style,
};

/// How one version of one implementation speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grammar {
    /// The implementation.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What it calls itself in `server.version`.
    pub(crate) agent: String,
    pub(crate) reading: Reading,
    pub(crate) writing: Writing,
    /// What is wrong with a request, in the order in which it is found.
    pub(crate) envelope: Vec<Rule>,
    pub(crate) batch: Batch,
    pub(crate) greeting: Greeting,
    pub(crate) arity: Arity,
    /// What parameters are read as, by name.
    pub(crate) kinds: BTreeMap<String, Kind>,
    /// Methods by name. A name that ends in `*` stands for all that begin so.
    pub(crate) methods: BTreeMap<String, Vec<MethodRule>>,
    pub(crate) failures: BTreeMap<Case, Failure>,
    /// The members of `server.features`, in order.
    pub(crate) features: Vec<Feature>,
    /// The banner of an operator who wrote none.
    pub(crate) banner: Words,
    /// The donation address of an operator who set none.
    pub(crate) donation: Json,
    pub(crate) fees: Fees,
    /// From which protocol on headers come as a list.
    pub(crate) header_lists_since: Option<Protocol>,
    pub(crate) notices: Notices,
    pub(crate) pace: Option<Pace>,
    pub(crate) latency: Latencies,
    pub(crate) limits: Limits,
    pub(crate) costs: Option<Costs>,
    /// Whether verbose transactions of a block say that it is in the active chain: so does bitcoind when it is told the
    /// block.
    #[serde(default)]
    pub(crate) names_active_chain: bool,
    /// Whether `server.add_peer` says true to features that look right.
    pub(crate) welcomes_peers: bool,
    /// Whether `server.peers.subscribe` ever names anybody.
    pub(crate) names_peers: bool,
    /// Whether it serves WebSocket clients itself.
    pub(crate) websocket: bool,
}

impl Grammar {
    /// The implementation's name: `ElectrumX`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version: `1.20.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether this implementation serves WebSocket clients itself; before others stands a proxy, if anything.
    #[must_use]
    pub fn speaks_websocket(&self) -> bool {
        self.websocket
    }

    /// The newest protocol it speaks, as peers are told.
    #[must_use]
    pub fn newest_protocol(&self) -> String {
        self.greeting.max.to_string()
    }

    /// Whether this implementation tells its clients of other servers.
    #[must_use]
    pub fn names_peers(&self) -> bool {
        self.names_peers
    }

    /// After how long a silence the server hangs up.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.limits.idle.map(Duration::from_secs)
    }

    /// What becomes of requests when the client says that it will send no more.
    #[must_use]
    pub fn half_close(&self) -> HalfClose {
        self.limits.half_close
    }

    /// Longest line that is read, in bytes without its end.
    #[must_use]
    pub fn longest_line(&self) -> usize {
        self.limits.line
    }
}

/// How requests are read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    pub(crate) dialect: Dialect,
    pub(crate) not_utf8: Unreadable,
    pub(crate) not_json: Unreadable,
    pub(crate) too_deep: Unreadable,
    /// Whether the first message decides which version of JSON-RPC is spoken, as in aiorpcX.
    #[serde(default)]
    pub(crate) detects_version: bool,
    /// Whether a request without an id is taken for a notification.
    pub(crate) absent_id_is_notice: bool,
    /// Whether a request whose id is null is.
    pub(crate) null_id_is_notice: bool,
}

/// What becomes of a line that cannot be read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unreadable {
    /// It is answered; `{echo}` stands for the line.
    Answered(Failure),
    /// The server hangs up.
    Closes,
    /// The server never reads from this connection again, and leaves it open.
    Deafens,
}

/// How answers are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writing {
    pub(crate) style: Style,
    pub(crate) line_end: String,
    pub(crate) result: Vec<Member>,
    pub(crate) error: Vec<Member>,
    /// Between the answers of a batch.
    pub(crate) batch_join: String,
    /// How a line is repeated in an error.
    pub(crate) echo: Echo,
}

/// A member of an answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Member {
    Jsonrpc,
    Id,
    Result,
    Error,
}

/// How a line is repeated in an error.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Echo {
    /// With its end.
    Whole,
    /// At most 80 bytes, what is no printable ASCII as `?`.
    Printable,
}

/// A flaw of a request that its form alone shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) when: Flaw,
    /// None: it is passed over in silence.
    pub(crate) answer: Option<Failure>,
    /// Whether the answer carries the request's id.
    #[serde(default)]
    pub(crate) with_id: bool,
    /// Whether it counts outside batches only.
    #[serde(default)]
    pub(crate) alone: bool,
}

/// What can be wrong with the form of a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaw {
    NotAnObject,
    EmptyBatch,
    LongBatch,
    NoMethod,
    /// No method, but a result: an answer to a question that was never asked.
    Response,
    /// No method, but an error.
    ErrorResponse,
    /// A method, and a result or an error.
    ResultToo,
    UnknownMember,
    NoId,
    StructuredId,
    FractionalId,
    BooleanId,
    IdBeyondI64,
    NotVersion2,
    MethodNotText,
    MethodEmpty,
    ParamsNotStructured,
    ParamsNotAList,
}

/// How batches are answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// How many requests one may have.
    pub(crate) most: Option<usize>,
    /// Whether one flaw spoils the whole batch.
    pub(crate) one_flaw_spoils_all: bool,
    /// Whether answers come in the order in which they are ready, instead of that of the requests.
    pub(crate) unordered: bool,
    /// Whether an empty batch is answered by an empty list, instead of by a flaw.
    pub(crate) empty_is_fine: bool,
}

/// An error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// None: the error is a bare text.
    pub(crate) code: Option<i64>,
    pub(crate) message: Words,
    /// Whether the server hangs up after it.
    #[serde(default)]
    pub(crate) hangs_up: bool,
    /// Whether it is held against the client where errors are counted.
    #[serde(default)]
    pub(crate) strike: bool,
}

/// How `server.version` is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Greeting {
    pub(crate) negotiation: Negotiation,
    pub(crate) min: Protocol,
    pub(crate) max: Protocol,
    /// Another greeting. None: it is answered like the first.
    pub(crate) again: Option<Failure>,
    /// Anything else before it. None: it is served.
    pub(crate) anything_first: Option<Failure>,
    /// Notifications meant to crash wallets so old that they are phished, and up to which version.
    #[serde(default)]
    pub(crate) crashes: Vec<String>,
    /// Clients up to this version are meant.
    pub(crate) crashes_up_to: Option<Protocol>,
}

/// How a protocol version is agreed on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Negotiation {
    /// Tuples of numbers are compared; what is offered is echoed.
    Tuples { refusal: Failure },
    /// Numbers are understood too, and at most three parts count.
    Lenient { refusal: Failure, reversed: Failure },
    /// There is one version: take it or leave it.
    Single { refusal: Failure, malformed: Failure },
    /// There is one version, and nobody asks.
    Indifferent,
}

/// How numbers of parameters are checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arity {
    /// None: what is missing is found parameter by parameter.
    pub(crate) few: Option<Failure>,
    /// None: what is too much is ignored.
    pub(crate) many: Option<Failure>,
    /// No `params` where some are needed, if that is another error.
    pub(crate) none: Option<Failure>,
    /// Whether methods without parameters take everything.
    pub(crate) nothing_is_anything: bool,
    pub(crate) names: Names,
}

/// Whether parameters may be named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Names {
    Accepted { missing: Failure, excess: Failure },
    Refused(Failure),
}

/// What a parameter is read as.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kind {
    pub(crate) read: Reader,
    pub(crate) failure: Failure,
    /// Where it is not there, and that is found parameter by parameter.
    pub(crate) missing: Option<Failure>,
}

/// How a parameter is read.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reader {
    /// What Python's `int` takes, if not negative.
    PythonNatural,
    /// What Qt's `QVariant` takes, cut to 32 bits.
    QtNatural,
    /// A whole number, written as one, of at most this.
    Natural(u64),
    /// 64 hex digits, names of script hashes.
    ScriptHash,
    /// What Qt's `fromHex` takes for a script hash.
    QtScriptHash,
    /// The hex of a script.
    Script,
    /// 64 hex digits, names of transactions.
    Txid,
    /// What Qt's `fromHex` takes for one.
    QtTxid,
    /// A boolean, 0 or 1.
    ZeroOrOne,
    Boolean,
    /// An estimation mode in capitals, or null.
    Mode,
    /// An estimation mode in letters of any size; what is no text counts as null.
    ModeInAnyCase,
    Text,
    Hex,
    HexOfAnyLength,
    Hexes,
    Texts,
    FullObject,
    Anything,
}

/// A method under some protocols.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MethodRule {
    pub(crate) does: Method,
    #[serde(default)]
    pub(crate) params: Vec<Param>,
    pub(crate) since: Option<Protocol>,
    /// The first protocol that does not have it any more.
    pub(crate) until: Option<Protocol>,
    /// Whether more parameters than these, and others, are ignored.
    #[serde(default)]
    pub(crate) variadic: bool,
    /// The method exists only to fail, and so.
    pub(crate) fails: Option<Failure>,
    /// The last parameter exists only to be refused, and so.
    pub(crate) last_refused: Option<Failure>,
    /// The list is the value of this member.
    pub(crate) inside: Option<String>,
    /// What it costs, and what each thing it handles costs.
    #[serde(default)]
    pub(crate) cost: f64,
    #[serde(default)]
    pub(crate) cost_each: f64,
}

/// A parameter: `height: natural`, or `cp_height?: natural` for one that may be left out.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) optional: bool,
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (name, kind) = text.split_once(": ").ok_or_else(|| D::Error::custom("not `name: kind`"))?;
        let optional = name.ends_with('?');
        Ok(Self { name: name.trim_end_matches('?').to_owned(), kind: kind.to_owned(), optional })
    }
}

/// What can be wrong with a request that is well formed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    UnknownMethod,
    HeaderBeyondTip,
    ProofBelowHeader,
    ProofBeyondTip,
    HeadersProofBelow,
    HeadersProofBeyond,
    TransactionUnknown,
    GenesisTransaction,
    VerboseRefused,
    MerkleWithoutBlock,
    TransactionElsewhere,
    TransactionUnconfirmed,
    PositionWithoutBlock,
    PositionBeyondBlock,
    TargetRefused,
    ModeRefused,
    TransactionNotHex,
    TransactionUndecodable,
    TransactionRefused,
    PackageUndecodable,
    PackageRefused,
    TooLongAnAnswer,
    ExcessiveUse,
    LineTooLong,
}

/// A member of `server.features`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) value: FeatureValue,
    /// The first protocol that does not have it any more.
    pub(crate) until: Option<Protocol>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FeatureValue {
    /// Hosts and ports as the operator announces them.
    AnnouncedHosts,
    /// The address that the server listens on.
    BoundHost,
    Services,
    Agent,
    ProtocolMin,
    ProtocolMax,
    GenesisHash,
    Fixed(Json),
}

/// What is said about fees.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fees {
    /// What is said where the node knows no estimate.
    pub(crate) unknown: Json,
    pub(crate) targets: Targets,
    pub(crate) histogram: Histogram,
    /// The members of `mempool.get_info`.
    pub(crate) info: Vec<String>,
}

/// Which confirmation targets the node is asked about.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Targets {
    /// Those asked for; others than 1 to 1,008 are an error of the node.
    AsAsked,
    /// ElectrumX since 1.20 asks about few targets, and never fails.
    Bucketed,
    /// Others than those of a list are answered like the next of it.
    Clamped,
}

/// How the fee histogram is made.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Histogram {
    /// Bins of at least so many virtual bytes, each `growth` times as large as the one before (ElectrumX, Fulcrum).
    Growing { first: f64, growth: f64, rates: Rates },
    /// Bins with upper ends 2ⁿ−1, always all of them (electrs).
    Powers,
}

/// How clients are told that something changed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notices {
    pub(crate) block: BlockNotice,
    /// How unconfirmed transactions are ordered, which decides about statuses.
    pub(crate) unconfirmed: UnconfirmedOrder,
}

/// What is said, in which order, when a block came.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BlockNotice {
    /// The header, then the script hashes.
    HeaderFirst,
    /// The script hashes as they are between mempool and block, the header, and the script hashes again (electrs).
    HeaderBetween,
}

/// The order of the unconfirmed part of a history.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnconfirmedOrder {
    /// Those with confirmed inputs first, then by name.
    ByName,
    /// By the bytes of the name, which text reverses.
    ByBytes,
    /// That of a hash table.
    Arbitrary,
}

/// How ElectrumX since 1.18 fills its writes and holds them back (electrumx, server/transport.py).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pace {
    /// The least bytes of a write.
    pub(crate) least: usize,
    /// How long a smaller write waits after the one before, in milliseconds.
    pub(crate) wait_ms: u64,
    /// Bytes, unpadded, that are sent at once before writes wait.
    pub(crate) warm_up: u64,
    /// Whether what waits is sent before the server hangs up.
    pub(crate) sent_before_closing: bool,
}

/// How long an answer takes by where it comes from, in milliseconds. Those of pipelined requests overtake each other
/// accordingly.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latencies {
    /// From memory.
    pub(crate) memory: u64,
    /// From the index on disk.
    pub(crate) index: u64,
    /// From the node.
    pub(crate) node: u64,
    /// Whether flaws of form are answered before anything else that came with them.
    pub(crate) flaws_first: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Longest line, in bytes.
    pub(crate) line: usize,
    /// Longest answer, in bytes.
    pub(crate) answer: Option<usize>,
    /// How many errors more than good answers make the server hang up.
    pub(crate) strikes: Option<u32>,
    /// After how many seconds of silence the server hangs up.
    pub(crate) idle: Option<u64>,
    pub(crate) half_close: HalfClose,
}

/// What becomes of requests when the client says that it will send no more.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum HalfClose {
    /// Their answers are lost.
    Drops,
    /// They are answered.
    Answers,
    /// They are answered, and a last line without end too.
    AnswersUnfinished,
}

/// How ElectrumX counts what a session costs (aiorpcx, session.py; electrumx, server/session.py).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Costs {
    pub(crate) connection: f64,
    pub(crate) error: f64,
    /// More for a line that is no JSON.
    pub(crate) not_json: f64,
    pub(crate) bytes_per_unit: f64,
    pub(crate) soft_limit: f64,
    pub(crate) hard_limit: f64,
    pub(crate) decay_per_second: f64,
    /// How long each request is held back at the hard limit, in milliseconds.
    pub(crate) sleep_ms: f64,
}

/// A version of the protocol, compared as Python compares tuples: 1.4 is less than 1.4.0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol(pub(crate) Vec<u64>);

impl Protocol {
    /// Reads `1.4.2`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        text.split('.').map(|part| part.trim().parse().ok()).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| D::Error::custom("not a protocol version"))
    }
}
