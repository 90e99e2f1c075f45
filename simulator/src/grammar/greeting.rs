//! How a protocol version is agreed on. Everybody has rules of their own for what is offered, and for what is none.

use super::{
    data::{Failure, Greeting, Negotiation, Protocol},
    json::Json,
    write,
};

/// What the offer of a client comes to.
#[derive(Debug)]
pub(crate) enum Agreement<'g> {
    On(Protocol),
    /// Refused, with what the error calls the offer.
    Not(&'g Failure, Json),
}

impl Greeting {
    /// Looks at an offer. `None` stands for no offer at all.
    pub(crate) fn negotiate(&self, offer: Option<&Json>) -> Agreement<'_> {
        match &self.negotiation {
            Negotiation::Tuples { refusal } => self.tuples(refusal, offer),
            Negotiation::Lenient { refusal, reversed } => self.lenient(refusal, reversed, offer),
            Negotiation::Single { refusal, malformed } => self.single(refusal, malformed, offer),
            Negotiation::Indifferent => Agreement::On(self.max.clone()),
        }
    }

    /// Whether a client is old enough to be crashed on purpose: its name is a version, and its protocol of that age.
    pub(crate) fn crashes(&self, client: &Json, agreed: Option<&Protocol>) -> bool {
        let Json::Text(name) = client else { return false };
        let is_old_protocol = agreed.is_none_or(|protocol| *protocol <= Protocol(vec![1, 2]));
        let is_old_client = Protocol::read(name)
            .is_some_and(|version| self.crashes_up_to.as_ref().is_some_and(|newest| version <= *newest));
        is_old_protocol && is_old_client
    }

    /// Python's way (electrumx, lib/util.py).
    fn tuples<'g>(&'g self, refusal: &'g Failure, offer: Option<&Json>) -> Agreement<'g> {
        let shown = offer.cloned().unwrap_or(Json::Null);
        let [low, high] = match &shown {
            Json::Null => return Agreement::On(self.min.clone()),
            Json::List(range) if range.len() == 2 => [&range[0], &range[1]],
            single => [single; 2],
        }
        .map(|json| match json {
            Json::Text(text) => Protocol::read(text),
            _ => None,
        });
        let Some(high) = high else { return Agreement::Not(refusal, shown) };
        let agreed = high.min(self.max.clone());
        let least = low.map_or_else(|| self.min.clone(), |low| low.max(self.min.clone()));
        if agreed < least { Agreement::Not(refusal, shown) } else { Agreement::On(agreed) }
    }

    /// Fulcrum's: numbers are versions too, and three parts count.
    fn lenient<'g>(
        &'g self,
        refusal: &'g Failure,
        reversed: &'g Failure,
        offer: Option<&Json>,
    ) -> Agreement<'g> {
        let read = |json: &Json| {
            let text = match json {
                Json::Text(text) => text.clone(),
                Json::Int(number) => number.to_string(),
                Json::Float(number) => write::python(*number),
                _ => return None,
            };
            let mut parts = Protocol::read(&text)?.0;
            parts.truncate(3);
            while parts.len() > 2 && parts.last() == Some(&0) {
                parts.pop();
            }
            Some(Protocol(parts))
        };
        let range = match offer {
            None => return Agreement::On(self.min.clone()),
            Some(Json::List(range)) if range.len() == 2 => (read(&range[0]), read(&range[1])),
            Some(single) => (read(single), read(single)),
        };
        match range {
            (Some(low), Some(high)) if low > high => {
                Agreement::Not(reversed, Json::Text(format!("{low}, {high}")))
            }
            (Some(low), Some(high)) if low <= self.max && high >= self.min => {
                Agreement::On(high.min(self.max.clone()))
            }
            _ => Agreement::Not(refusal, Json::Null),
        }
    }

    /// electrs': one version is spoken, and must be among those offered.
    fn single<'g>(
        &'g self,
        refusal: &'g Failure,
        malformed: &'g Failure,
        offer: Option<&Json>,
    ) -> Agreement<'g> {
        let (low, high, shown) = match offer {
            Some(Json::Text(single)) => (single, single, format!("Single({single:?})")),
            Some(Json::List(range)) => match range.as_slice() {
                [Json::Text(low), Json::Text(high)] => (low, high, format!("MinMax({low:?}, {high:?})")),
                _ => return Agreement::Not(malformed, Json::Null),
            },
            _ => return Agreement::Not(malformed, Json::Null),
        };
        let read = |text: &str| Protocol::read(text).filter(|_| !text.contains(char::is_whitespace));
        match (read(low), read(high)) {
            (Some(low), Some(high)) if low <= self.max && self.max <= high => Agreement::On(self.max.clone()),
            _ => Agreement::Not(refusal, Json::Text(shown)),
        }
    }
}
