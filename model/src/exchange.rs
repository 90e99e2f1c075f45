//! One request and its answer, byte for byte.

use std::{borrow::Cow, fmt};

use data_encoding::{BASE64, HEXLOWER};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use sha2::{Digest as _, Sha256};

use crate::seconds::Seconds;

/// Bytes as they travelled. Long ones are cut, and then carry the length and digest of the whole.
///
/// In JSON: a string where the bytes are UTF-8, else `{"base64": …}`; where cut,
/// `{"text" or "base64": …, "length": …, "sha256": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    bytes: Vec<u8>,
    cut: Option<Whole>,
}

/// What the whole was, of which only the beginning is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Bytes.
    pub length: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl Recorded {
    /// Longest record kept in full, in bytes: a list of 600 peers fits.
    pub const LIMIT: usize = 64 << 10;

    /// Records bytes, cut at `limit`.
    #[must_use]
    pub fn new(bytes: &[u8], limit: usize) -> Self {
        if bytes.len() <= limit {
            return Self { bytes: bytes.to_vec(), cut: None };
        }
        let whole = Whole { length: bytes.len() as u64, sha256: Sha256::digest(bytes).into() };
        Self { bytes: bytes[..limit].to_vec(), cut: Some(whole) }
    }

    /// The bytes that were kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts other bytes in the place of those that were kept, and gives those: for whoever keeps them elsewhere for a
    /// while. What the whole was stays as it is.
    #[must_use]
    pub fn swap(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.bytes, bytes)
    }

    /// SHA-256 of the whole.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.cut.as_ref().map_or_else(|| Sha256::digest(&self.bytes).into(), |whole| whole.sha256)
    }

    /// What the whole was, where it was cut.
    #[must_use]
    pub fn cut(&self) -> Option<&Whole> {
        self.cut.as_ref()
    }
}

/// A record that is more than a text.
#[derive(Serialize, Deserialize)]
struct Parts<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(&self.bytes).ok().map(Cow::Borrowed);
        match (text, &self.cut) {
            (Some(text), None) => text.serialize(serializer),
            (text, cut) => {
                let parts = Parts {
                    base64: text.is_none().then(|| BASE64.encode(&self.bytes)),
                    text,
                    length: cut.as_ref().map(|c| c.length),
                    sha256: cut.as_ref().map(|c| HEXLOWER.encode(&c.sha256)),
                };
                parts.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enumeration: serde copies what it reads for those, and nearly all of an archive is records.
        struct TextOrParts;
        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Recorded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or an object with text or base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Recorded, E> {
                Ok(Recorded { bytes: text.into(), cut: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Recorded, A::Error> {
                Parts::deserialize(MapAccessDeserializer::new(map))?.record()
            }
        }
        deserializer.deserialize_any(TextOrParts)
    }
}

impl Parts<'_> {
    fn record<E: Error>(self) -> Result<Recorded, E> {
        let bytes = match (self.text, self.base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(base64)) => BASE64.decode(base64.as_bytes()).map_err(E::custom)?,
            _ => return Err(E::custom("a record has either text or base64")),
        };
        let cut = match (self.length, self.sha256) {
            (None, None) => None,
            (Some(length), Some(sha256)) => {
                let digest = HEXLOWER.decode(sha256.as_bytes()).map_err(E::custom)?;
                let sha256 = digest.try_into().map_err(|_| E::custom("sha256 is not 32 bytes"))?;
                Some(Whole { length, sha256 })
            }
            _ => return Err(E::custom("a cut record has both length and sha256")),
        };
        Ok(Recorded { bytes, cut })
    }
}

/// One request and what came back. Times are seconds since the visit began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat")]
pub struct Exchange {
    /// The probe it belongs to, as named in docs/probes.md: `H1`, `M2`, `C1`.
    pub probe: Cow<'static, str>,
    /// The line sent.
    pub request: Recorded,
    /// When it was handed to the socket.
    pub sent: Seconds,
    /// The line received, where one was.
    #[serde(flatten)]
    pub answer: Option<Reply>,
}

/// The line that answered a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// The bytes.
    pub response: Recorded,
    /// When its first byte was read.
    pub first_byte: Seconds,
    /// When its last byte was read.
    pub last_byte: Seconds,
}

/// An exchange as it is written. Serde copies everything that it reads for a flattened field; here nothing is.
#[derive(Deserialize)]
struct Flat {
    probe: Cow<'static, str>,
    request: Recorded,
    sent: Seconds,
    response: Option<Recorded>,
    first_byte: Option<Seconds>,
    last_byte: Option<Seconds>,
}

impl From<Flat> for Exchange {
    fn from(flat: Flat) -> Self {
        let answer = match (flat.response, flat.first_byte, flat.last_byte) {
            (Some(response), Some(first_byte), Some(last_byte)) => {
                Some(Reply { response, first_byte, last_byte })
            }
            _ => None,
        };
        Self { probe: flat.probe, request: flat.request, sent: flat.sent, answer }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn round_trip<T: Serialize + for<'de> Deserialize<'de>>(value: &T) -> T {
        serde_json::from_str(&serde_json::to_string(value).expect("writes")).expect("reads")
    }

    #[test]
    fn records_read_well_and_keep_the_digest_of_what_was_cut() {
        let json = |recorded: &Recorded| serde_json::to_string(recorded).expect("writes");
        assert_eq!(json(&Recorded::new(b"{}", 10)), r#""{}""#);
        assert_eq!(json(&Recorded::new(b"\xff", 10)), r#"{"base64":"/w=="}"#);
        let cut = Recorded::new(b"abc", 2);
        assert_eq!(
            json(&cut),
            r#"{"text":"ab","length":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#
        );
        assert_eq!(round_trip(&cut), cut);
    }

    #[test]
    fn an_exchange_without_an_answer_stays_without() {
        let seconds = Seconds::from(Duration::from_micros(1_234_567));
        let silent =
            Exchange { probe: "M1".into(), request: Recorded::new(b"q", 9), sent: seconds, answer: None };
        assert_eq!(
            serde_json::to_string(&silent).expect("writes"),
            r#"{"probe":"M1","request":"q","sent":1.234567}"#
        );
        assert_eq!(round_trip(&silent), silent);
        let reply = Reply { response: Recorded::new(b"a", 9), first_byte: seconds, last_byte: seconds };
        let answered = Exchange { answer: Some(reply), ..silent };
        assert_eq!(round_trip(&answered), answered);
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..64), limit in 0_usize..80) {
            let recorded = Recorded::new(&bytes, limit);
            prop_assert_eq!(recorded.cut().is_some(), bytes.len() > limit);
            prop_assert_eq!(round_trip(&recorded), recorded);
        }

        #[test]
        fn any_time_survives(micros in 0..1_u64 << 50) {
            let seconds = Seconds::from(Duration::from_micros(micros));
            prop_assert_eq!(round_trip(&seconds), seconds);
        }
    }
}
