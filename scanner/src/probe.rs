//! What is asked of a server. A probe is one entry of a table; the entry says everything about it.
//!
//! To add a probe: add its entry to a table below, a row to the test, and a line to docs/probes.md. What is
//! asked when, and how often, is decided in `agenda`; nothing here sends anything.

mod chain;
mod errors;
mod scripts;
mod server;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::ScriptBuf;
use electrum::Network;

use crate::{
    ledger::{ERROR_COST, PARSE_ERROR_COST},
    objects::Objects,
};

/// One question to a server.
#[derive(Debug)]
pub struct Probe {
    /// Its name in exchanges and in docs/probes.md.
    pub id: &'static str,
    /// What the answer tells.
    pub reveals: &'static str,
    /// In which visits it is asked.
    pub occasion: Occasion,
    /// What must be known before it can be asked.
    pub needs: Needs,
    /// Whether its calls may travel together with others.
    pub pace: Pace,
    /// The calls, made from what is known. None where there is nothing to ask.
    pub calls: fn(&Known) -> Vec<Call>,
}

/// In which visits a probe is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// In every visit.
    Light,
    /// In deep visits.
    Deep,
    /// In deep visits, a few at a time: some or all servers answer with an error, and errors are dear.
    Card,
    /// As the first and only message of a visit of its own.
    Opening,
    /// As the last message of a visit of its own, which greets with the name of an old wallet.
    Disguised,
    /// As the last message of a visit of its own, rarely.
    Last,
    /// In watches, with some of what other visits ask.
    Watch,
}

impl Occasion {
    /// What an error in answer to it costs beside the request; none where no error is expected.
    #[must_use]
    pub fn risk(self) -> Option<f64> {
        match self {
            Self::Light | Self::Deep | Self::Watch => None,
            Self::Card | Self::Opening | Self::Disguised => Some(ERROR_COST),
            Self::Last => Some(PARSE_ERROR_COST),
        }
    }
}

/// What must be known before a probe can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// An open connection: the greeting itself.
    Connection,
    /// The answer to the greeting.
    Greeting,
    /// The height of the server's best block.
    Tip,
    /// An answer about one script: before thirty more are asked about, one has to go well.
    Script,
}

/// Whether calls may travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// In one write with the other probes of its round: one round trip for all.
    Pipelined,
    /// One call at a time, each waiting for its answer: for measuring time.
    OneByOne,
    /// The same, and where the server holds answers back and writes them once a second, each after a rest: it answers
    /// at once whoever was silent for longer.
    Rested,
}

/// One request to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// The parameters, as JSON.
    pub params: serde_json::Value,
    /// What it costs the server without an error, bytes apart, in E: what ElectrumX charges (session.py) where
    /// it has nothing in its caches.
    pub cost: f64,
    /// How it is written.
    pub form: Form,
}

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As JSON-RPC 2.0.
    Plain,
    /// Without the `jsonrpc` member.
    WithoutVersion,
    /// A batch of so many of it.
    Batch(u8),
    /// Cut off in the middle: no JSON.
    CutOff,
}

impl Call {
    fn new(method: &'static str, params: serde_json::Value, cost: f64) -> Self {
        Self { method, params, cost, form: Form::Plain }
    }
}

/// What is known of a server in the course of a visit.
#[derive(Clone, Debug)]
pub struct Known {
    /// The network it should serve.
    pub network: Network,
    /// How we name ourselves.
    pub client_name: String,
    /// The protocol versions we offer.
    pub offer: Offer,
    /// Probes that are not to be made, by name.
    pub disabled: Arc<BTreeSet<String>>,
    /// Whether the long forms of probes are asked.
    pub deep: bool,
    /// A script that nobody has ever used, secret per server and scan.
    pub control: ScriptBuf,
    /// Another one, about which only S13 asks.
    pub unseen: ScriptBuf,
    /// What every server of the scan is asked about.
    pub objects: Arc<Objects>,
    /// The protocol version agreed on.
    pub protocol: Option<Protocol>,
    /// The height of the server's best block.
    pub tip: Option<u32>,
    /// Whether a question about a script was answered without an error.
    pub script_answered: bool,
    /// Whether our own last question put the fee estimates into the server's cache, where ElectrumX leaves them
    /// until the next block.
    pub estimates_cached: bool,
    /// Whether it claims to be software that does not survive what is wrong.
    pub fragile: bool,
}

/// The protocol versions offered in the greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// 1.4 to 1.6: what Electrum 4.8 offers.
    Usual,
    /// 1.4 to 1.7 (H2).
    Newest,
    /// 1.4 and nothing else, not written as a range. Old personal servers do not survive a range.
    Oldest,
}

/// A protocol version, as far as it decides what may be asked: `1.4.2` is `[1, 4, 2]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol([u16; 3]);

impl Protocol {
    /// The first version with `blockchain.scripthash.unsubscribe`.
    pub const UNSUBSCRIBE: Self = Self([1, 4, 2]);
    /// The first version with `mempool.get_info`, and without `blockchain.relayfee`.
    pub const MEMPOOL_INFO: Self = Self([1, 6, 0]);
    /// The first version with `blockchain.scriptpubkey.*`, and without `blockchain.scripthash.*`.
    pub const SCRIPT_PUBKEY: Self = Self([1, 7, 0]);

    /// Reads what a server wrote; what cannot be read counts as 1.4, the oldest.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut numbers = [0; 3];
        for (place, part) in numbers.iter_mut().zip(text.split('.')) {
            let Ok(number) = part.parse() else { return Self([1, 4, 0]) };
            *place = number;
        }
        Self(numbers)
    }
}

impl Known {
    /// Whether a probe can be asked.
    #[must_use]
    pub fn satisfies(&self, needs: Needs) -> bool {
        match needs {
            Needs::Connection => true,
            Needs::Greeting => self.protocol.is_some(),
            Needs::Tip => self.tip.is_some(),
            Needs::Script => self.tip.is_some() && self.script_answered,
        }
    }

    /// Whether a protocol version at least this new was agreed on.
    fn speaks(&self, version: Protocol) -> bool {
        self.protocol.is_some_and(|agreed| agreed >= version)
    }
}

/// The whole catalogue, in the order in which probes are asked where nothing else decides.
pub fn catalogue() -> impl Iterator<Item = &'static Probe> {
    [server::PROBES, chain::PROBES, scripts::PROBES, errors::PROBES].into_iter().flatten()
}

/// A probe by its name.
#[must_use]
pub fn probe(id: &str) -> Option<&'static Probe> {
    catalogue().find(|probe| probe.id == id)
}
