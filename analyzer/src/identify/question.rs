//! What a request asks, as far as servers could answer it differently: read from its bytes, never from the
//! name of a probe. Script hashes, heights and texts are replaced by their kind.

use super::json::{Members, elements, string};

/// Methods of the Electrum protocol, of old versions and of extensions too. What is not here is asked as
/// "a method that does not exist". In alphabetical order.
const METHODS: &[&str] = &[
    "blockchain.address.get_balance",
    "blockchain.address.get_first_use",
    "blockchain.address.get_history",
    "blockchain.address.get_mempool",
    "blockchain.address.get_scripthash",
    "blockchain.address.listunspent",
    "blockchain.address.subscribe",
    "blockchain.address.unsubscribe",
    "blockchain.block.get_chunk",
    "blockchain.block.get_header",
    "blockchain.block.header",
    "blockchain.block.headers",
    "blockchain.daemon_passthrough",
    "blockchain.estimatefee",
    "blockchain.header.get",
    "blockchain.headers.get_tip",
    "blockchain.headers.subscribe",
    "blockchain.headers.unsubscribe",
    "blockchain.numblocks.subscribe",
    "blockchain.outpoint.get_status",
    "blockchain.outpoint.subscribe",
    "blockchain.outpoint.unsubscribe",
    "blockchain.relayfee",
    "blockchain.scripthash.get_balance",
    "blockchain.scripthash.get_first_use",
    "blockchain.scripthash.get_history",
    "blockchain.scripthash.get_mempool",
    "blockchain.scripthash.get_status",
    "blockchain.scripthash.listunspent",
    "blockchain.scripthash.subscribe",
    "blockchain.scripthash.unsubscribe",
    "blockchain.scriptpubkey.get_balance",
    "blockchain.scriptpubkey.get_history",
    "blockchain.scriptpubkey.get_mempool",
    "blockchain.scriptpubkey.listunspent",
    "blockchain.scriptpubkey.subscribe",
    "blockchain.scriptpubkey.unsubscribe",
    "blockchain.transaction.broadcast",
    "blockchain.transaction.broadcast_package",
    "blockchain.transaction.dsproof.get",
    "blockchain.transaction.dsproof.list",
    "blockchain.transaction.get",
    "blockchain.transaction.get_confirmed_blockhash",
    "blockchain.transaction.get_height",
    "blockchain.transaction.get_merkle",
    "blockchain.transaction.get_tsc_merkle",
    "blockchain.transaction.get_txid_from_pos",
    "blockchain.transaction.id_from_pos",
    "blockchain.transaction.testmempoolaccept",
    "blockchain.utxo.get_address",
    "blockchain.utxo.get_info",
    "daemon.passthrough",
    "mempool.get_fee_histogram",
    "mempool.get_info",
    "mempool.recent",
    "server.add_peer",
    "server.banner",
    "server.donation_address",
    "server.features",
    "server.peers.subscribe",
    "server.ping",
    "server.version",
];

/// The rules a session follows: they change what the same request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Era {
    /// Before `server.version`.
    Unidentified,
    /// Up to protocol 1.5.
    Classic,
    /// Protocol 1.6: lists of headers, no relay fee.
    Six,
    /// Protocol 1.7 and later: script pubkeys instead of script hashes.
    Seven,
}

impl Era {
    /// The era that the answer to a greeting opens.
    pub(crate) fn agreed(line: &str) -> Option<Self> {
        Self::of(&agreed(Members::read(line.trim())?.get("result")?)?)
    }

    fn of(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or(0));
        Some(match (major, minor) {
            (..1, _) | (1, ..6) => Self::Classic,
            (1, 6) => Self::Six,
            _ => Self::Seven,
        })
    }

    /// Its name in the knowledge base.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unidentified => "first",
            Self::Classic => "1.4",
            Self::Six => "1.6",
            Self::Seven => "1.7",
        }
    }
}

/// A request, understood.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// What is asked, as the knowledge base words it.
    pub(crate) text: String,
    /// How its answer is read.
    pub(crate) kind: Kind,
    /// The request.
    request: &'a str,
    /// The id as we wrote it, where it is a number.
    pub(crate) id: Option<&'a str>,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `server.version` with a name and a range: tells the protocol agreed on.
    Greeting,
    /// `server.version` with more or fewer parameters.
    OddGreeting,
    /// Any other call by position.
    Call,
    /// A call by name: not every server takes those.
    Named,
    /// The result is the node's own object, whose members are the node's choice.
    Node,
    /// Several calls in an array.
    Batch,
    /// No JSON.
    Unreadable,
}

impl<'a> Question<'a> {
    /// Understands a request; `None` for those that no visit would make.
    pub(crate) fn read(request: &'a str) -> Option<Self> {
        let request = request.trim();
        let of = |text: &str, kind| Some(Self { text: text.to_owned(), kind, request, id: None });
        if let Some(calls) = elements(request) {
            return of(if calls.is_empty() { "a batch of none" } else { "a batch" }, Kind::Batch);
        }
        match Members::read(request) {
            Some(members) => Self::call(request, &members),
            // Python reads these as numbers.
            None if ["NaN", "Infinity"].iter().any(|odd| request.contains(odd)) => None,
            None if request.starts_with('{') => of("no JSON", Kind::Unreadable),
            None => None,
        }
    }

    /// Our own words, which an error may repeat.
    pub(crate) fn echoes(&self) -> Vec<String> {
        let call = match self.kind {
            Kind::Batch | Kind::Unreadable => None,
            _ => Members::read(self.request),
        };
        let Some(call) = call else { return vec![self.request.to_owned()] };
        let mut echoes: Vec<String> = call.get("method").and_then(string).into_iter().collect();
        collect_strings(call.get("params").unwrap_or("[]"), &mut echoes, 3);
        echoes
    }

    fn call(request: &'a str, members: &Members<'a>) -> Option<Self> {
        let known = ["jsonrpc", "id", "method", "params"];
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) || names.iter().any(|name| !known.contains(name)) {
            return None;
        }
        // Other ids, parameters and names are other questions, and ones that nobody asks.
        let plain = |id: &&str| id.starts_with(|c: char| c == '"' || c.is_ascii_digit()) && id.len() < 16;
        let id = members.get("id").filter(plain)?;
        let method = string(members.get("method")?)?;
        let params = members.get("params");
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_');
        if method.is_empty() || !method.chars().all(sound) || params.is_none() && names.contains(&"params") {
            return None;
        }
        let (asked, kind) = match METHODS.binary_search(&method.as_str()).is_ok() {
            false => ("a method that does not exist".to_owned(), Kind::Call),
            true => parameters(&method, params)?,
        };
        let text = match members.get("jsonrpc").map(string) {
            Some(version) if version.as_deref() == Some("2.0") => asked,
            None => format!("without jsonrpc: {asked}"),
            Some(_) => return None,
        };
        let id = id.starts_with(|c: char| c.is_ascii_digit()).then_some(id);
        Some(Self { text, kind, request, id })
    }
}

/// A method and its parameters by their kinds.
fn parameters(method: &str, params: Option<&str>) -> Option<(String, Kind)> {
    let params = params.unwrap_or("[]");
    if let Some(named) = Members::read(params) {
        let names: Vec<String> =
            named.iter().map(|(name, value)| format!("{name}: {}", kind_of(value, false))).collect();
        return Some((format!("{method}({{{}}})", names.join(", ")), Kind::Named));
    }
    let values = elements(params)?;
    let kind = match method {
        "server.version" if values.len() == 2 => Kind::Greeting,
        "server.version" => Kind::OddGreeting,
        "blockchain.transaction.get" if values.len() > 1 => Kind::Node,
        "mempool.get_info" => Kind::Node,
        _ => Kind::Call,
    };
    let kinds: Vec<String> = match (kind, values.as_slice()) {
        // The range offered decides what is agreed on.
        (Kind::Greeting, [_, range]) => {
            vec!["name".to_owned(), range.replace(' ', "").chars().take(40).collect()]
        }
        (Kind::OddGreeting, values) => vec![format!("{} parameters", values.len())],
        // No proof, and no headers, are asked for by a zero; elsewhere it is a number like others.
        (_, values) => {
            let zero = |place| place > 0 && method.starts_with("blockchain.block.");
            values.iter().enumerate().map(|(place, value)| kind_of(value, zero(place))).collect()
        }
    };
    Some((format!("{method}({})", kinds.join(", ")), kind))
}

/// The kind of a parameter; where `zero` means something of its own, it is one.
fn kind_of(value: &str, zero: bool) -> String {
    let kind = match value.as_bytes().first() {
        Some(b'"') => match string(value) {
            Some(text) if text.is_empty() => "\"\"",
            Some(text) if !text.bytes().all(|b| b.is_ascii_hexdigit()) => "text",
            Some(text) if text.len() == 64 => "hash",
            _ => "hex",
        },
        Some(b'[') => "list",
        Some(b'{') => "object",
        Some(b'-') => "negative",
        Some(b'0') if zero && value.len() == 1 => "0",
        Some(b'0'..=b'9') if value.bytes().all(|b| b.is_ascii_digit()) && value.len() < 10 => "number",
        Some(b'0'..=b'9') => "odd number",
        _ => value,
    };
    kind.to_owned()
}

fn collect_strings(value: &str, into: &mut Vec<String>, depth: usize) {
    if let Some(text) = string(value) {
        into.push(text);
    } else if depth > 0 {
        let values = match Members::read(value) {
            Some(members) => members.iter().map(|(_, value)| value).collect(),
            None => elements(value).unwrap_or_default(),
        };
        for value in values {
            collect_strings(value, into, depth - 1);
        }
    }
}

/// The protocol version that a greeting agrees on.
pub(super) fn agreed(result: &str) -> Option<String> {
    let (_, version): (String, String) = serde_json::from_str(result).ok()?;
    let sound = version.len() < 12 && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    sound.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found() {
        assert!(METHODS.is_sorted(), "they are searched by halves");
    }

    #[test]
    fn the_question_is_read_from_the_bytes() {
        let hash = "ab".repeat(32);
        let call = |method: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":7e2,"method":"{method}","params":{params}}}"#)
        };
        for (request, expected) in [
            (call("server.ping", "[]"), "server.ping()"),
            (call("blockchain.block.header", "[0]"), "blockchain.block.header(number)"),
            (call("blockchain.block.header", "[0, 0]"), "blockchain.block.header(number, 0)"),
            (call("blockchain.block.header", "[5, 100]"), "blockchain.block.header(number, number)"),
            (
                call("blockchain.scripthash.subscribe", &format!("[\"{hash}\"]")),
                "blockchain.scripthash.subscribe(hash)",
            ),
            (call("blockchain.block.header", r#"{"height":5}"#), "blockchain.block.header({height: number})"),
            (call("server.version", r#"["x", ["1.4", "1.6"]]"#), r#"server.version(name, ["1.4","1.6"])"#),
            (call("server.version", r#"["x", "1.4", "y"]"#), "server.version(3 parameters)"),
            (call("server.nonsense", "[1]"), "a method that does not exist"),
            (r#"{"id":1,"method":"server.ping","params":[]}"#.to_owned(), "without jsonrpc: server.ping()"),
            (format!("[{}]", call("server.ping", "[]")), "a batch"),
            ("[]".to_owned(), "a batch of none"),
            ("{not json}".to_owned(), "no JSON"),
        ] {
            assert_eq!(Question::read(&request).map(|question| question.text).as_deref(), Some(expected));
        }
        for no_question in ["true", "GET / HTTP/1.1", r#"{"id":1,"result":2}"#] {
            assert!(Question::read(no_question).is_none(), "{no_question}");
        }
    }

    #[test]
    fn eras_follow_the_protocol_version() {
        let named = ["1.4", "1.4.3", "1.5.3", "1.6", "1.6.0", "1.7.0", "2.0"].map(Era::of);
        use Era::{Classic, Seven, Six};
        assert_eq!(named, [Classic, Classic, Classic, Six, Six, Seven, Seven].map(Some));
        assert_eq!(Era::of("x"), None);
    }
}
