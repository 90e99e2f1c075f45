//! Addresses of pages that the host alone was told, as part of our name: whoever opens one has read the host's log (D3).

use std::collections::BTreeMap;

use model::finding::Digest;
use serde::{Deserialize, Serialize};

use crate::reading::Reading;

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// What a page's address ends in, before what is the host's own.
pub const MARK: &str = "?canary=";
/// Hexadecimal digits that are the host's own.
pub const LENGTH: usize = 16;
/// Most that are remembered of one host, the first ones. A scan tells a host one.
const MOST: usize = 4;

/// What the host alone was told.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    /// The digits, and the exchange in which they were told.
    pub told: BTreeMap<Box<str>, Digest>,
}

/// What the host was told in one visit: the digits, and the exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note(Vec<(Box<str>, Digest)>);

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let mut told: Vec<(Box<str>, Digest)> = Vec::new();
        for turn in reading.of_probe("H1") {
            let text = String::from_utf8_lossy(turn.exchange.request.bytes());
            if let Some(canary) = canaries(&text).next()
                && told.iter().all(|(known, _)| **known != *canary)
            {
                told.push((canary.into(), turn.digest()));
            }
        }
        Self(told)
    }
}

impl Canaries {
    /// Takes in what a visit shows.
    pub fn take(&mut self, note: &Note) {
        for (canary, digest) in &note.0 {
            if self.told.len() < MOST && !self.told.contains_key(canary) {
                self.told.insert(canary.clone(), *digest);
            }
        }
    }
}

/// The digits in a text: our own request, or the log of the page's server.
pub fn canaries(text: &str) -> impl Iterator<Item = &str> {
    let after = text.match_indices(MARK).map(|(at, _)| &text[at + MARK.len()..]);
    let digits = after.filter_map(|rest| rest.get(..LENGTH));
    digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canaries_are_found_in_requests_and_in_logs() {
        let log = "192.0.2.1 - - [25/Nov/2026] \"GET /scan?canary=00112233445566ff HTTP/1.1\" 200\n/scan?canary=short /?canary=zz112233445566ff";
        assert_eq!(canaries(log).collect::<Vec<_>>(), ["00112233445566ff"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*", more in ".{0,20}") {
            let text = [&text, MARK, &more].concat();
            prop_assert!(canaries(&text).all(|digits| digits.len() == LENGTH));
        }
    }
}
