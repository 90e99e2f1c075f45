//! Values that are only ever compared, each as 64 bits of its SHA-256: equal values have equal marks, and what a
//! server writes costs eight bytes however long it is.
//!
//! Two values with one mark can be made by who tries four billion of his own. He then links his own servers.

use std::fmt;

use electrum::Host;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// 64 bits of a value's SHA-256, in files as eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[u8; 8]", into = "[u8; 8]")]
pub struct Mark(u64);

impl Mark {
    /// Of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts([bytes])
    }

    /// Of several values, of which the number matters as well as the order.
    #[must_use]
    pub fn of_parts<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        [a, b, c, d, e, f, g, h].into()
    }

    /// Of a host, in whatever form it was written.
    #[must_use]
    pub fn of_host(host: &Host) -> Self {
        Self::of(host.to_string().as_bytes())
    }

    /// The bytes, to make another mark of.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl From<[u8; 8]> for Mark {
    fn from(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

impl From<Mark> for [u8; 8] {
    fn from(mark: Mark) -> Self {
        mark.to_bytes()
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
