//! A visit as the features read it: an exchange is parsed when it is first looked at, and once, into what was asked and
//! what was answered.
//!
//! Nothing is concluded here, and nothing is refused: what cannot be read is absent.

use std::{borrow::Cow, cell::OnceCell, time::Duration};

use bitcoin::{ScriptBuf, block::Header};
use electrum::{
    message::{Answer, RpcError},
    proof::ScriptHash,
};
use model::{Exchange, Visit, finding::Digest};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{identify::is_padded, proof::Witness};

/// A visit, read.
#[derive(Debug)]
pub struct Reading<'v> {
    /// The visit.
    pub visit: &'v Visit,
    /// Its exchanges, in the order of the requests.
    pub turns: Vec<Turn<'v>>,
}

/// One exchange, read.
#[derive(Debug)]
pub struct Turn<'v> {
    /// The exchange.
    pub exchange: &'v Exchange,
    /// The call, where the request is one.
    call: OnceCell<Option<Call<'v>>>,
    /// The answer, where one came that is one and was kept whole.
    answer: OnceCell<Option<Answer<'v>>>,
    /// The block, where one was asked for.
    block: OnceCell<Option<(u32, Header)>>,
    /// By what it is found.
    digest: OnceCell<Digest>,
}

#[derive(Debug, Deserialize)]
struct Call<'v> {
    #[serde(borrow)]
    method: Cow<'v, str>,
    #[serde(borrow, default)]
    params: Option<&'v RawValue>,
}

impl<'v> Reading<'v> {
    /// Reads a visit.
    #[must_use]
    pub fn of(visit: &'v Visit) -> Self {
        Self { visit, turns: visit.exchanges.iter().map(Turn::of).collect() }
    }

    /// What a probe asked, in the order in which it did.
    pub fn of_probe<'r>(&'r self, probe: &'r str) -> impl Iterator<Item = &'r Turn<'v>> {
        self.turns.iter().filter(move |turn| turn.exchange.probe == probe)
    }

    /// The first result that a probe got, as JSON, and the turn in which it did.
    #[must_use]
    pub fn said<'r>(&'r self, probe: &'r str) -> Option<(&'v str, &'r Turn<'v>)> {
        self.of_probe(probe).find_map(|turn| match turn.answer()? {
            Answer::Result(text) => Some((*text, turn)),
            Answer::Error(_) => None,
        })
    }

    /// Whether answers were filled with spaces. Who does that collects answers and writes about once a second.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        let replies = self.turns.iter().filter_map(|turn| turn.exchange.answer.as_ref());
        let mut whole = replies.filter(|reply| reply.response.cut().is_none());
        whole.any(|reply| is_padded(reply.response.bytes()))
    }

    /// The first result that a probe got, where it has this form.
    #[must_use]
    pub fn result_of<T: DeserializeOwned>(&self, probe: &str) -> Option<T> {
        self.of_probe(probe).find_map(Turn::result)
    }
}

impl<'v> Turn<'v> {
    fn of(exchange: &'v Exchange) -> Self {
        Self {
            exchange,
            call: OnceCell::new(),
            answer: OnceCell::new(),
            block: OnceCell::new(),
            digest: OnceCell::new(),
        }
    }

    fn call(&self) -> Option<&Call<'v>> {
        let request = &self.exchange.request;
        let read = || request.cut().is_none().then(|| serde_json::from_slice(request.bytes()).ok()).flatten();
        self.call.get_or_init(read).as_ref()
    }

    /// The method that was called; empty where the request is no call.
    #[must_use]
    pub fn method(&self) -> &str {
        self.call().map_or("", |call| &call.method)
    }

    /// The parameters, where they have this form.
    #[must_use]
    pub fn params<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.call()?.params?.get()).ok()
    }

    /// The script that was asked about, by its hash, whether the protocol names scripts or hashes of them.
    #[must_use]
    pub fn script(&self) -> Option<ScriptHash> {
        let is_hash = self.method().starts_with("blockchain.scripthash.");
        if !is_hash && !self.method().starts_with("blockchain.scriptpubkey.") {
            return None;
        }
        let [text]: [String; 1] = self.params()?;
        if is_hash { text.parse().ok() } else { Some(ScriptHash::of(&ScriptBuf::from_hex(&text).ok()?)) }
    }

    /// Whether this is asked about a script: `get_history`, `listunspent`, whatever the protocol calls scripts.
    #[must_use]
    pub fn asks_script(&self, verb: &str) -> bool {
        let rest = self.method().strip_prefix("blockchain.scripthash.");
        rest.or_else(|| self.method().strip_prefix("blockchain.scriptpubkey.")) == Some(verb)
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer<'v>> {
        let read = || {
            let reply = self.exchange.answer.as_ref().filter(|reply| reply.response.cut().is_none())?;
            Answer::read(reply.response.bytes())
        };
        self.answer.get_or_init(read).as_ref()
    }

    /// The result, where it has this form.
    #[must_use]
    pub fn result<T: DeserializeOwned>(&self) -> Option<T> {
        self.answer()?.result()
    }

    /// The result as text, where it is one.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'v, str>> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        match self.answer()? {
            Answer::Result(text) => serde_json::from_str(text).ok().map(|Text(text)| text),
            Answer::Error(_) => None,
        }
    }

    /// The header of a block with its height, where this is how one was asked for: several look at it.
    pub(crate) fn block(&self, read: impl FnOnce() -> Option<(u32, Header)>) -> Option<(u32, Header)> {
        *self.block.get_or_init(read)
    }

    /// The error, where it was one.
    #[must_use]
    pub fn error(&self) -> Option<&RpcError> {
        match self.answer()? {
            Answer::Error(error) => Some(error),
            Answer::Result(_) => None,
        }
    }

    /// From the request sent to the first byte of the answer.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        let reply = self.exchange.answer.as_ref()?;
        Some(Duration::from(reply.first_byte).saturating_sub(self.exchange.sent.into()))
    }

    /// It as that on which a proof rests.
    #[must_use]
    pub fn witness(&self) -> Witness<'v> {
        Witness::Exchange(self.exchange)
    }

    /// By what it is found in the archive.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of_exchange(self.exchange))
    }
}
