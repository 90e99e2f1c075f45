//! One step of a proof, as a reader follows it: what is looked at, what it must be, what it is. And what it rests on.

use std::{borrow::Cow, fmt};

use bitcoin::hashes::sha256d;
use data_encoding::HEXLOWER;
use electrum::text::printable;
use model::{Exchange, Recorded, finding::Digest};
use serde::{Deserialize, Serialize};

/// Longest text taken from a server, in characters.
const MAX_TEXT: usize = 200;

/// What a proof rests on. Its digest is reckoned where somebody asks for it: mostly proofs hold, and nobody does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Witness<'v> {
    /// An exchange.
    Exchange(&'v Exchange),
    /// A message that nobody asked for.
    Message(&'v Recorded),
    /// An exchange of another visit.
    Known(Digest),
}

impl Witness<'_> {
    /// By what it is found in the archive.
    #[must_use]
    pub fn digest(self) -> Digest {
        match self {
            Self::Exchange(exchange) => Digest::of_exchange(exchange),
            Self::Message(record) => Digest::of_record(record),
            Self::Known(digest) => digest,
        }
    }
}

/// One step of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is looked at.
    #[serde(deserialize_with = "crate::text::words")]
    pub what: Cow<'static, str>,
    /// What it must be.
    pub expected: Shown,
    /// What it is.
    pub found: Shown,
    /// Whether that is enough.
    pub holds: bool,
}

impl Step {
    /// Two things must be the same.
    #[must_use]
    pub fn equal(what: &'static str, expected: Shown, found: Shown) -> Self {
        let holds = expected == found;
        Self { what: what.into(), expected, found, holds }
    }

    /// Something must succeed; where it does not, the failure is shown.
    pub(crate) fn succeeds<T, E: fmt::Display>(
        what: &'static str,
        expected: impl Into<Shown>,
        result: &Result<T, E>,
    ) -> Self {
        let expected = expected.into();
        let found =
            result.as_ref().err().map_or_else(|| expected.clone(), |error| Shown::said(&error.to_string()));
        Self { what: what.into(), expected, found, holds: result.is_ok() }
    }
}

/// A value as it is shown; written out only when somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// Words; printable.
    Words(#[serde(deserialize_with = "crate::text::words")] Cow<'static, str>),
    /// A hash that is written reversed.
    Hash(sha256d::Hash),
    /// A digest that is not; none is `null`.
    Digest(Option<[u8; 32]>),
    /// An amount.
    Satoshis(i128),
}

impl Shown {
    /// What a server said, made fit to be shown.
    #[must_use]
    pub fn said(text: &str) -> Self {
        Self::Words(printable(text, MAX_TEXT).into())
    }
}

impl From<&'static str> for Shown {
    fn from(words: &'static str) -> Self {
        Self::Words(words.into())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Hash(hash) => fmt::Display::fmt(hash, f),
            Self::Digest(None) => f.write_str("null"),
            Self::Digest(Some(digest)) => f.write_str(&HEXLOWER.encode(digest)),
            Self::Satoshis(amount) => write!(f, "{amount} sat"),
        }
    }
}
