//! One JSON-RPC message as bytes: what is asked, and the least that must be understood of an answer.
//!
//! Answers are not turned into trees: a hostile megabyte of `[[],[],…]` would take fifty. Only the
//! members that route a message are read; the rest stays raw until a probe reads it as what it
//! expects. Everything here is pure, so that archived bytes are read by the same code.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Longest result that is made a tree of, in bytes: as much as is kept of one.
const MAX_TREE: usize = 64 << 10;
/// Longest error message that is handed on, in bytes.
const MAX_ERROR_TEXT: usize = 4_096;

/// A request's id. Servers echo ids each in their own grammar (`1e2` comes back as `100.0` or `100`),
/// so ids are compared by value.
#[derive(Clone, Debug, PartialEq)]
pub enum Id {
    /// A number, with the text it is sent as.
    Number {
        /// JSON text of the number.
        text: String,
        /// The number it stands for.
        value: f64,
    },
    /// A string.
    Text(String),
    /// `null`, or no id at all.
    Null,
}

impl Id {
    /// A whole number, sent in plain digits.
    #[must_use]
    pub fn number(value: u32) -> Self {
        Self::Number { text: value.to_string(), value: f64::from(value) }
    }

    /// A whole number sent in exponent form, `7e2`: no server minds, and the form that comes back
    /// tells JSON libraries apart.
    #[must_use]
    pub fn hundreds(value: u32) -> Self {
        Self::Number { text: format!("{value}e2"), value: f64::from(value) * 100.0 }
    }

    fn read(raw: Option<&RawValue>) -> Option<Self> {
        let Some(raw) = raw else { return Some(Self::Null) };
        let text = raw.get();
        if text.starts_with('"') {
            return serde_json::from_str(text).ok().map(Self::Text);
        }
        let value: f64 = serde_json::from_str(text).ok()?;
        Some(Self::Number { text: text.to_owned(), value })
    }

    fn means(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number { value: a, .. }, Self::Number { value: b, .. }) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { text, .. } => f.write_str(text),
            Self::Text(text) => f.write_str(&serde_json::Value::from(text.as_str()).to_string()),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Bytes to send as one line, and the ids their answer will carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    bytes: Vec<u8>,
    ids: Vec<Id>,
}

impl Request {
    /// One call. `params` is JSON text: an array, or an object of named parameters.
    #[must_use]
    pub fn call(id: Id, method: &str, params: &str) -> Self {
        let method = serde_json::Value::from(method);
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#);
        Self { bytes: line.into_bytes(), ids: vec![id] }
    }

    /// One call without the `jsonrpc` member, which JSON-RPC 1 did not have.
    #[must_use]
    pub fn without_version(id: Id, method: &str, params: &str) -> Self {
        let method = serde_json::Value::from(method);
        let line = format!(r#"{{"id":{id},"method":{method},"params":{params}}}"#);
        Self { bytes: line.into_bytes(), ids: vec![id] }
    }

    /// Several calls in one JSON-RPC batch, answered by one array. The empty batch is answered by an empty
    /// array, or by an error that belongs to nobody.
    #[must_use]
    pub fn batch(calls: &[Self]) -> Self {
        let mut bytes = vec![b'['];
        for (index, call) in calls.iter().enumerate() {
            if index > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(&call.bytes);
        }
        bytes.push(b']');
        Self { bytes, ids: calls.iter().flat_map(|call| call.ids.iter().cloned()).collect() }
    }

    /// A line that is no request at all, answered by an error that belongs to nobody.
    #[must_use]
    pub fn unreadable(line: &str) -> Self {
        Self { bytes: line.as_bytes().to_vec(), ids: Vec::new() }
    }

    /// The same request, which some servers answer with an error that belongs to nobody. Only for one that
    /// waits for its answer alone.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        self.ids.push(Id::Null);
        self
    }

    /// The line without its newline.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a message with these ids answers this request.
    pub(crate) fn is_answered_by(&self, ids: &[Id]) -> bool {
        match self.ids.as_slice() {
            [] => ids.iter().all(|id| matches!(id, Id::Null)),
            ours => ids.iter().any(|theirs| ours.iter().any(|ours| ours.means(theirs))),
        }
    }
}

/// Why bytes are not a message.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MessageError {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Nested deeper than the limit.
    #[error("nested deeper than {0}")]
    TooDeep(usize),
    /// Not a JSON-RPC message.
    #[error("not a JSON-RPC message: {0}")]
    NotJsonRpc(String),
}

/// The members of one message that matter; everything borrowed from its bytes.
#[derive(Debug, Default)]
struct Envelope<'a> {
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Member {
            Id,
            Method,
            Params,
            Result,
            Error,
            #[serde(other)]
            Other,
        }
        // Not derived: of a member that is written twice wallets take the last one, and serde takes none.
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut envelope = Envelope::default();
                while let Some(member) = map.next_key()? {
                    match member {
                        Member::Id => envelope.id = map.next_value()?,
                        Member::Method => envelope.method = map.next_value()?,
                        Member::Params => envelope.params = map.next_value()?,
                        Member::Result => envelope.result = map.next_value()?,
                        Member::Error => envelope.error = map.next_value()?,
                        Member::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What a message is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// An answer, or a batch of them, to the requests with these ids.
    Answer(Vec<Id>),
    /// A notification or a request of the server's own.
    Unasked,
}

/// Reads what a line is for, within the depth limit.
pub(crate) fn kind(line: &[u8], max_depth: usize) -> Result<Kind, MessageError> {
    let text = std::str::from_utf8(line).map_err(|_| MessageError::NotUtf8)?;
    check_depth(line, max_depth)?;
    let malformed = |e: serde_json::Error| MessageError::NotJsonRpc(e.to_string());
    if text.trim_ascii_start().starts_with('[') {
        let items: Vec<Envelope<'_>> = serde_json::from_str(text).map_err(malformed)?;
        let ids =
            items.iter().filter(|item| item.method.is_none()).filter_map(|item| Id::read(item.id)).collect();
        return Ok(Kind::Answer(ids));
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(malformed)?;
    match (envelope.method, Id::read(envelope.id)) {
        (None, Some(id)) => Ok(Kind::Answer(vec![id])),
        _ => Ok(Kind::Unasked),
    }
}

fn check_depth(line: &[u8], max_depth: usize) -> Result<(), MessageError> {
    // What opens so few brackets cannot be deep, and is counted many bytes at a time.
    if line.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= max_depth {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in line {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > max_depth {
                    return Err(MessageError::TooDeep(max_depth));
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What an answer says, borrowed from its bytes.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// The JSON text of the `result` member.
    Result(&'a str),
    /// The `error` member in whatever form it came.
    Error(RpcError),
}

/// An error as servers send it: with or without a code, as an object or as a bare string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// The number, where there is one.
    pub code: Option<i64>,
    /// The words, cut to 4 KiB.
    pub message: String,
}

impl RpcError {
    /// Whether the server asks to be left alone: ElectrumX's -101 (excessive resource usage) and
    /// -102 (server busy), and what others say in words.
    #[must_use]
    pub fn says_stop(&self) -> bool {
        let said = self.message.to_ascii_lowercase();
        matches!(self.code, Some(-101 | -102))
            || said.contains("excessive")
            || said.contains("throttle your client")
    }
}

impl<'a> Answer<'a> {
    /// Reads one answer (not a batch). `None` where the bytes are no answer at all.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        // Text, so that each member need not be looked through for whether it is.
        let envelope: Envelope<'a> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        // JSON-RPC 1 answers carry both members, one of them null; null reads as None.
        match (envelope.error, envelope.result) {
            (Some(error), _) => Some(Self::Error(read_error(error.get()))),
            (None, Some(result)) => Some(Self::Result(result.get())),
            (None, None) => envelope.method.is_none().then_some(Self::Result("null")),
        }
    }

    /// The result read as what the caller expects, or `None` where it is something else or an error.
    #[must_use]
    pub fn result<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Result(text) => read_as_wallets_do(text),
            Self::Error(_) => None,
        }
    }
}

/// What a server says without being asked, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Notification<'a> {
    /// What it is about: the method that was subscribed to.
    pub method: Cow<'a, str>,
    params: Option<&'a RawValue>,
}

impl<'a> Notification<'a> {
    /// Reads one notification. `None` where the bytes are none.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Method<'a>(#[serde(borrow)] Cow<'a, str>);
        let Envelope { method, params, .. } = serde_json::from_slice(line).ok()?;
        let Method(method) = serde_json::from_str(method?.get()).ok()?;
        Some(Self { method, params })
    }

    /// What it says, read as what the caller expects, or `None` where it is something else.
    #[must_use]
    pub fn params<T: DeserializeOwned>(&self) -> Option<T> {
        read_as_wallets_do(self.params?.get())
    }
}

/// Of a member that is written twice the last one counts, as in Python, and as in serde's trees, but not in its structures:
/// whoever writes one twice is understood by wallets, and must be by us.
fn read_as_wallets_do<T: DeserializeOwned>(text: &str) -> Option<T> {
    let in_a_tree = || {
        let tree: serde_json::Value =
            (text.len() <= MAX_TREE).then(|| serde_json::from_str(text).ok()).flatten()?;
        serde_json::from_value(tree).ok()
    };
    serde_json::from_str(text).ok().or_else(in_a_tree)
}

fn read_error(text: &str) -> RpcError {
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        code: Option<serde_json::Number>,
        #[serde(default)]
        message: Option<String>,
    }
    let (code, message) = match serde_json::from_str::<Object>(text) {
        Ok(Object { code, message }) => (code.and_then(|c| c.as_i64()), message),
        Err(_) => (None, serde_json::from_str::<String>(text).ok()),
    };
    let mut message = message.unwrap_or_else(|| text.to_owned());
    message.truncate(message.floor_char_boundary(MAX_ERROR_TEXT));
    RpcError { code, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(line: &str) -> Vec<Id> {
        match kind(line.as_bytes(), 64).expect("a message") {
            Kind::Answer(ids) => ids,
            Kind::Unasked => panic!("{line} is not an answer"),
        }
    }

    #[test]
    fn an_id_is_known_in_whatever_grammar_it_comes_back() {
        let request = Request::call(Id::hundreds(7), "server.version", "[]");
        assert_eq!(request.bytes(), br#"{"jsonrpc":"2.0","id":7e2,"method":"server.version","params":[]}"#);
        for echoed in ["700", "700.0", "7e2", "7E+2"] {
            assert!(request.is_answered_by(&ids(&format!(r#"{{"id":{echoed},"result":1}}"#))), "{echoed}");
        }
        for other in ["7", "\"700\"", "null", "701"] {
            assert!(!request.is_answered_by(&ids(&format!(r#"{{"id":{other},"result":1}}"#))), "{other}");
        }
        let text = Request::call(Id::Text("é\"".to_owned()), "x", "[]");
        assert!(text.is_answered_by(&ids(r#"{"id":"\u00e9\"","result":1}"#)));
    }

    #[test]
    fn notifications_are_read_as_what_they_should_be_or_not_at_all() {
        let line = br#"{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[{"height":7}]   }"#;
        let said = Notification::read(line).expect("a notification");
        assert_eq!(said.method, "blockchain.headers.subscribe");
        assert_eq!(said.params::<[serde_json::Value; 1]>().expect("one")[0]["height"], 7);
        assert!(said.params::<[u32; 1]>().is_none());
        let silent = Notification::read(br#"{"method":"\u0061"}"#).expect("a notification");
        assert!(silent.method == "a" && silent.params::<Vec<u32>>().is_none());
        for other in ["", "{", "[]", r#"{"id":1,"result":2}"#, r#"{"method":7}"#] {
            assert!(Notification::read(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_batch_is_answered_by_an_array_in_any_order() {
        let batch = Request::batch(&[
            Request::call(Id::number(1), "a", "[]"),
            Request::call(Id::number(2), "b", "[]"),
        ]);
        assert!(batch.bytes().starts_with(b"[{") && batch.bytes().ends_with(b"}]"));
        assert!(batch.is_answered_by(&ids(r#"[{"id":2,"result":1}, {"id":1,"result":1}]"#)));
        assert!(!batch.is_answered_by(&ids(r#"[{"id":3,"result":1}]"#)));
    }

    #[test]
    fn what_belongs_to_nobody_answers_only_what_waits_for_it() {
        let nobody = ids(r#"{"id":null,"error":{"code":-32700,"message":"invalid JSON"}}"#);
        let call = Request::without_version(Id::number(1), "server.ping", "[]");
        assert_eq!(call.bytes(), br#"{"id":1,"method":"server.ping","params":[]}"#);
        assert!(!call.is_answered_by(&nobody) && call.clone().or_null().is_answered_by(&nobody));
        for request in [Request::batch(&[]), Request::unreadable("{")] {
            assert!(request.is_answered_by(&nobody) && request.is_answered_by(&ids("[]")));
            assert!(!request.is_answered_by(&ids(r#"{"id":1,"result":null}"#)));
        }
    }

    #[test]
    fn padding_notifications_and_the_servers_own_requests_are_told_apart() {
        assert_eq!(ids("{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1          }"), [Id::number(1)]);
        for unasked in [
            r#"{"method":"blockchain.headers.subscribe","params":[{}]}"#,
            r#"{"method":"server.ping","id":1}"#,
        ] {
            assert_eq!(kind(unasked.as_bytes(), 64), Ok(Kind::Unasked));
        }
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        let nested = |n: usize| format!(r#"{{"id":1,"result":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(kind(nested(63).as_bytes(), 64).is_ok());
        assert_eq!(kind(nested(64).as_bytes(), 64), Err(MessageError::TooDeep(64)));
        assert_eq!(kind(nested(100_000).as_bytes(), 64), Err(MessageError::TooDeep(64)));
        let quoted = format!(r#"{{"id":1,"result":"\"{}"}}"#, "[".repeat(1_000));
        assert!(kind(quoted.as_bytes(), 64).is_ok());
    }

    #[test]
    fn errors_are_read_in_every_form_servers_send() {
        let read = |line: &str| match Answer::read(line.as_bytes()) {
            Some(Answer::Error(error)) => (error.code, error.message),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(
            read(r#"{"id":1,"error":{"code":-32601,"message":"unknown"}}"#),
            (Some(-32601), "unknown".into())
        );
        assert_eq!(read(r#"{"id":1,"error":"missing transaction"}"#), (None, "missing transaction".into()));
        assert_eq!(read(r#"{"id":1,"error":{"message":"txid not found"}}"#), (None, "txid not found".into()));
        assert_eq!(read(r#"{"id":1,"result":null,"error":{"code":1.5}}"#), (None, r#"{"code":1.5}"#.into()));
        let result =
            Answer::read(br#"{"result":[1,2],"error":null,"id":0}"#).and_then(|a| a.result::<Vec<u8>>());
        assert_eq!(result, Some(vec![1, 2]));
        let null = Answer::read(br#"{"id":1,"result":null}"#).and_then(|a| a.result::<Option<u8>>());
        assert_eq!(null, Some(None));
    }

    #[test]
    fn of_a_member_that_is_written_twice_the_last_one_counts() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Best {
            height: u32,
        }
        let line = br#"{"id":1,"result":{"height":1,"height":900000}}"#;
        let best = |line: &[u8]| Answer::read(line).and_then(|answer| answer.result::<Best>());
        assert_eq!(best(line), Some(Best { height: 900_000 }));
        let line = br#"{"id":9,"id":1,"result":7,"result":{"height":1},"error":7,"error":null}"#;
        assert_eq!(best(line), Some(Best { height: 1 }));
        assert_eq!(kind(line, 64), Ok(Kind::Answer(vec![Id::number(1)])));
        let line = br#"{"method":"a","method":"b","params":7,"params":[{"height":1,"height":2}]}"#;
        let said = Notification::read(line).expect("a notification");
        assert_eq!((&*said.method, said.params()), ("b", Some([Best { height: 2 }])));
    }

    #[test]
    fn a_server_that_says_stop_is_heard() {
        let error = |code, message: &str| RpcError { code, message: message.to_owned() };
        assert!(error(Some(-101), "excessive resource usage").says_stop());
        assert!(
            error(Some(3), "Excessive flood, please throttle your client implementation to not do this")
                .says_stop()
        );
        assert!(!error(Some(-32601), "unknown method \"x\"").says_stop());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = kind(&bytes, 8);
            let _ = Answer::read(&bytes);
        }

        #[test]
        fn any_string_id_comes_back(text in ".*") {
            let request = Request::call(Id::Text(text.clone()), "m", "[]");
            let id = serde_json::Value::from(text);
            let line = format!("{{\"id\":{id},\"result\":0}}");
            prop_assert!(request.is_answered_by(&ids(&line)));
        }
    }
}
