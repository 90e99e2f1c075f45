//! What a client wants to be told of, and what it was told last.

use std::collections::BTreeMap;

use electrum::proof::ScriptHash;

use super::{
    answer::{status_of, status_up_to, tip},
    data::{BlockNotice, Grammar, Protocol},
    json::Json,
    reply::Reply,
};
use crate::node::View;

/// Scripts that one session may subscribe to. Servers allow more, and nobody asks for more here.
const MOST: usize = 10_000;

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    headers: bool,
    /// The tip that was last known to the session.
    tip: Option<(u32, [u8; 80])>,
    scripts: BTreeMap<ScriptHash, Script>,
}

#[derive(Debug)]
struct Script {
    /// The method that was called, which notifications name.
    method: String,
    status: Option<[u8; 32]>,
}

/// A notification: a method and its parameters.
pub(crate) type Notice = (String, Json);

impl Subscriptions {
    /// Subscribes to headers; says what the tip is.
    pub(crate) fn headers(&mut self, view: &View) -> Reply {
        self.headers = true;
        self.look_at(view);
        tip(view).unwrap_or(Reply::Nothing)
    }

    /// Unsubscribes from headers; says whether there was anything to unsubscribe from.
    pub(crate) fn no_headers(&mut self) -> bool {
        std::mem::take(&mut self.headers)
    }

    /// Subscribes to a script. None when there are too many.
    pub(crate) fn script(
        &mut self,
        grammar: &Grammar,
        view: &View,
        script: ScriptHash,
        method: &str,
    ) -> Option<Reply> {
        self.look_at(view);
        if self.scripts.len() >= MOST && !self.scripts.contains_key(&script) {
            return None;
        }
        let status = status_of(grammar, view, &script);
        self.scripts.insert(script, Script { method: method.to_owned(), status });
        Some(Reply::Status(status))
    }

    /// Unsubscribes from a script; says whether there was anything to unsubscribe from.
    pub(crate) fn no_script(&mut self, script: &ScriptHash) -> bool {
        self.scripts.remove(script).is_some()
    }

    fn look_at(&mut self, view: &View) {
        let height = view.height();
        if self.tip.is_none() {
            self.tip = view.header(height).map(|header| (height, header));
        }
    }

    /// What the client is told, given what the node knows now.
    pub(crate) fn notices(&mut self, grammar: &Grammar, protocol: &Protocol, view: &View) -> Vec<Notice> {
        let height = view.height();
        let tip = view.header(height).map(|header| (height, header));
        let before = self.tip;
        let has_block = before.is_some() && before != tip;
        self.tip = before.and(tip);
        let mut notices = Vec::new();
        if let (true, BlockNotice::HeaderBetween, Some((known, _))) =
            (has_block, grammar.notices.block, before)
        {
            notices.extend(self.changes(|script| status_up_to(grammar, view, script, known)));
        }
        if let (true, true, Some((height, header))) = (has_block, self.headers, tip) {
            let value = Reply::Tip { height, header }.json(grammar, protocol, None);
            notices.push(("blockchain.headers.subscribe".to_owned(), Json::List(vec![value])));
        }
        notices.extend(self.changes(|script| status_of(grammar, view, script)));
        notices
    }

    fn changes(&mut self, status: impl Fn(&ScriptHash) -> Option<[u8; 32]>) -> Vec<Notice> {
        let change = |(script, known): (&ScriptHash, &mut Script)| {
            let status = status(script);
            if status == known.status {
                return None;
            }
            known.status = status;
            let status =
                status.map_or(Json::Null, |status| Json::Text(data_encoding::HEXLOWER.encode(&status)));
            Some((known.method.clone(), Json::List(vec![Json::text(script.to_string()), status])))
        };
        self.scripts.iter_mut().filter_map(change).collect()
    }
}
