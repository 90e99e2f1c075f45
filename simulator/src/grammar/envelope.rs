//! The form of requests: which JSON is a call, and what is wrong with one that is none. Which flaws a server sees, and
//! in which order, is data.

use super::{
    data::{Failure, Flaw, Grammar},
    json::Json,
};

/// Which version of JSON-RPC a session speaks, where the server lets the first message decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rpc {
    Undecided,
    One,
    Two,
    /// 2.0, but nobody looks at the member `jsonrpc`.
    Loose,
}

/// A call of a method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// None: a notification, which is not answered.
    pub(crate) id: Option<Json>,
    pub(crate) method: String,
    pub(crate) params: Params,
}

/// The parameters of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Params {
    Absent,
    List(Vec<Json>),
    Named(Vec<(String, Json)>),
    /// Neither, and the server does not mind.
    Odd,
}

/// What a piece of JSON is to a server.
#[derive(Debug)]
pub(crate) enum Message<'g> {
    Call(Call),
    Batch(Vec<Message<'g>>),
    Flawed(Flawed<'g>),
}

/// A request whose form is wrong.
#[derive(Debug)]
pub(crate) struct Flawed<'g> {
    /// None: it is passed over in silence.
    pub(crate) failure: Option<&'g Failure>,
    /// The id that the answer carries.
    pub(crate) id: Json,
    /// The request.
    pub(crate) request: Json,
}

impl Rpc {
    /// What the first message decides.
    pub(crate) fn decided_by(message: &Json) -> Self {
        let of = |json: &Json| match (json.get("jsonrpc"), json) {
            (Some(Json::Text(version)), _) if version == "2.0" => Self::Two,
            (Some(Json::Text(version)), _) if version == "1.0" => Self::One,
            (_, Json::Object(_)) if json.get("result").is_some() && json.get("error").is_some() => Self::One,
            _ => Self::Loose,
        };
        let Json::List(items) = message else { return of(message) };
        let mut versions: Vec<Self> = items.iter().map(of).collect();
        versions.dedup();
        match versions.as_slice() {
            [version] => *version,
            versions => {
                [Self::Two, Self::One].into_iter().find(|v| versions.contains(v)).unwrap_or(Self::Loose)
            }
        }
    }
}

impl<'g> Message<'g> {
    /// What a line is.
    pub(crate) fn read(grammar: &'g Grammar, rpc: Rpc, json: Json) -> Self {
        match json {
            Json::List(items) if rpc != Rpc::One => Self::batch(grammar, rpc, items),
            json => Self::single(grammar, rpc, json, true),
        }
    }

    fn batch(grammar: &'g Grammar, rpc: Rpc, items: Vec<Json>) -> Self {
        let flaw = match items.len() {
            0 if grammar.batch.empty_is_fine => None,
            0 => Some(Flaw::EmptyBatch),
            count if grammar.batch.most.is_some_and(|most| count > most) => Some(Flaw::LongBatch),
            _ => None,
        };
        if let Some(flaw) = flaw {
            let rule = grammar.envelope.iter().find(|rule| rule.when == flaw);
            let failure = rule.and_then(|rule| rule.answer.as_ref());
            return Self::Flawed(Flawed { failure, id: Json::Null, request: Json::Null });
        }
        let mut messages: Vec<Self> =
            items.into_iter().map(|item| Self::single(grammar, rpc, item, false)).collect();
        let flawed = messages.iter().position(|message| matches!(message, Self::Flawed(_)));
        match flawed {
            Some(place) if grammar.batch.one_flaw_spoils_all => messages.swap_remove(place),
            _ => Self::Batch(messages),
        }
    }

    fn single(grammar: &'g Grammar, rpc: Rpc, json: Json, alone: bool) -> Self {
        let found = grammar
            .envelope
            .iter()
            .filter(|rule| alone || !rule.alone)
            .find(|rule| rule.when.is_in(&json, rpc));
        if let Some(rule) = found {
            let id = json.get("id").filter(|_| rule.with_id).cloned().unwrap_or(Json::Null);
            return Self::Flawed(Flawed { failure: rule.answer.as_ref(), id, request: json });
        }
        let id = match json.get("id") {
            None if grammar.reading.absent_id_is_notice => None,
            Some(Json::Null) if grammar.reading.null_id_is_notice => None,
            id => Some(id.cloned().unwrap_or(Json::Null)),
        };
        let method = match json.get("method") {
            Some(Json::Text(method)) => method.clone(),
            _ => String::new(),
        };
        let params = match json.get("params") {
            None => Params::Absent,
            Some(Json::List(items)) => Params::List(items.clone()),
            Some(Json::Object(members)) => Params::Named(members.clone()),
            Some(_) => Params::Odd,
        };
        Self::Call(Call { id, method, params })
    }
}

impl Flaw {
    fn is_in(self, json: &Json, rpc: Rpc) -> bool {
        let has = |name: &str| json.get(name).is_some();
        let id = json.get("id");
        match self {
            Self::NotAnObject => !matches!(json, Json::Object(_)),
            // Found before a batch is taken apart.
            Self::EmptyBatch | Self::LongBatch => false,
            Self::NoMethod => !has("method"),
            Self::Response => !has("method") && has("result"),
            Self::ErrorResponse => !has("method") && has("error"),
            Self::ResultToo => has("method") && (has("result") || has("error")),
            Self::UnknownMember => match json {
                Json::Object(members) => members
                    .iter()
                    .any(|(name, _)| !["jsonrpc", "id", "method", "params"].contains(&name.as_str())),
                _ => false,
            },
            Self::NoId => id.is_none(),
            Self::StructuredId => rpc != Rpc::One && matches!(id, Some(Json::List(_) | Json::Object(_))),
            Self::FractionalId => matches!(id, Some(Json::Float(number)) if number.fract() != 0.0),
            Self::BooleanId => matches!(id, Some(Json::Bool(_))),
            Self::IdBeyondI64 => matches!(id, Some(Json::Int(number)) if i64::try_from(*number).is_err()),
            Self::NotVersion2 => {
                matches!(rpc, Rpc::Undecided | Rpc::Two) && json.get("jsonrpc") != Some(&Json::text("2.0"))
            }
            Self::MethodNotText => !matches!(json.get("method"), Some(Json::Text(_))),
            Self::MethodEmpty => json.get("method") == Some(&Json::text("")),
            Self::ParamsNotStructured => match json.get("params") {
                Some(Json::Object(_)) | None => rpc == Rpc::One,
                Some(Json::List(_)) => false,
                Some(_) => true,
            },
            Self::ParamsNotAList => !matches!(json.get("params"), None | Some(Json::List(_))),
        }
    }
}
