//! What is held against a server, and what that rests on. Which indicators there are, and when one is found, is
//! decided elsewhere.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{Exchange, Recorded, Visit};

/// An indicator by its number, `I1` to `I33` (docs/indicators.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Indicator(u8);

/// The text names no indicator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no indicator: they are I1 to I33")]
pub struct IndicatorError(String);

impl Indicator {
    /// How many there are.
    pub const COUNT: u8 = 33;

    /// The n-th.
    ///
    /// # Panics
    /// For a number that none has: in a constant, when it is compiled.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        assert!(number >= 1 && number <= Self::COUNT);
        Self(number)
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{}", self.0)
    }
}

impl FromStr for Indicator {
    type Err = IndicatorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('I').and_then(|number| number.parse().ok());
        let known = number.filter(|number| (1..=Self::COUNT).contains(number));
        known.map(Self).ok_or_else(|| IndicatorError(text.chars().take(20).collect()))
    }
}

impl TryFrom<String> for Indicator {
    type Error = IndicatorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Indicator> for String {
    fn from(indicator: Indicator) -> Self {
        indicator.to_string()
    }
}

/// How much an indicator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Consistent with much that is innocent. Any number of these never makes a server suspicious.
    Soft,
    /// Hard to explain innocently.
    Medium,
    /// The protocol is falsified, by the bytes themselves or against a quorum.
    Hard,
}

impl Tier {
    /// What it is called, here and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// SHA-256 of what was recorded, by which a stranger finds it in the archive: `observatory verify`. Where nobody reads
/// a file, it is its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// Of one exchange: SHA-256 of the SHA-256 of its request and that of its response, each of the whole where the
    /// record was cut; the latter is missing where nothing came back.
    #[must_use]
    pub fn of_exchange(exchange: &Exchange) -> Self {
        let mut both = Sha256::new().chain_update(exchange.request.sha256());
        if let Some(reply) = &exchange.answer {
            both.update(reply.response.sha256());
        }
        Self(both.finalize().into())
    }

    /// Of a whole visit: SHA-256 of its line in the archive, without the line's end.
    ///
    /// # Errors
    /// None in practice: every visit can be written.
    pub fn of_visit(visit: &Visit) -> Result<Self, serde_json::Error> {
        Ok(Self(Sha256::digest(serde_json::to_vec(visit)?).into()))
    }

    /// Of two: SHA-256 of this one and that one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self(Sha256::new_with_prefix(self.0).chain_update(next.0).finalize().into())
    }

    /// Of a certificate: SHA-256 of its bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a message that nobody asked for: SHA-256 of its bytes.
    #[must_use]
    pub fn of_record(record: &Recorded) -> Self {
        Self(record.sha256())
    }

    /// Whether it begins with these bytes: people copy no more of a digest than they must.
    #[must_use]
    pub fn begins_with(&self, bytes: &[u8]) -> bool {
        self.0.starts_with(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = HEXLOWER.decode(text.to_ascii_lowercase().as_bytes()).map_err(|_| DigestError)?;
        bytes.try_into().map(Self).map_err(|_| DigestError)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => String::deserialize(deserializer)?.parse().map_err(D::Error::custom),
            false => <[u8; 32]>::deserialize(deserializer).map(Self),
        }
    }
}

/// One thing that is held against a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub indicator: Indicator,
    /// How much it says.
    pub tier: Tier,
    /// Points of its tier, from 0 to 30.
    pub weight: u8,
    /// What was seen, in plain words that accuse nobody; printable.
    pub statement: String,
    /// What it rests on.
    pub evidence: Vec<Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::tests::example;

    #[test]
    fn indicators_are_named_by_their_numbers() {
        assert_eq!("I5".parse(), Ok(Indicator::new(5)));
        for text in ["I0", "I34", "5", "I", "I-1", "I256", ""] {
            assert!(text.parse::<Indicator>().is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&Indicator::new(33)).expect("writes"), r#""I33""#);
    }

    #[test]
    fn an_exchange_has_one_digest_whether_it_was_cut_or_not() {
        let exchange = example().exchanges.remove(0);
        let digest = Digest::of_exchange(&exchange);
        let mut cut = exchange.clone();
        cut.request = Recorded::new(exchange.request.bytes(), 1);
        assert_eq!(Digest::of_exchange(&cut), digest);
        cut.answer = None;
        assert_ne!(Digest::of_exchange(&cut), digest);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("ab".parse::<Digest>(), Err(DigestError));
    }

    #[test]
    fn digests_are_text_for_those_who_read_and_else_bytes() {
        let digest = Digest::of_bytes(b"");
        let text = serde_json::to_string(&digest).expect("writes");
        assert_eq!(text, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&text.to_uppercase()).expect("reads"), digest);
        assert!(serde_json::from_str::<Digest>(r#""ab""#).is_err());
        let bytes = postcard::to_allocvec(&digest).expect("writes");
        assert_eq!(bytes, digest.0);
        assert_eq!(postcard::from_bytes(&bytes), Ok(digest));
    }
}
