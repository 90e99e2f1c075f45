//! Certificates as bytes: kept as they came, and read just far enough to check a signature by their key.
//!
//! The reader is deliberately lenient. A certificate with an absurd date, a broken extension or a negative
//! serial still has a key, and the key is all that a handshake needs.

use std::{borrow::Cow, fmt};

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A certificate as the server sent it; base64 in JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Der(Box<[u8]>);

impl Der {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Der {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Der {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Der {
    /// Without the bytes: nobody reads them in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Der({} bytes)", self.0.len())
    }
}

impl Serialize for Der {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// ASN.1 tags that occur here.
pub(super) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const VERSION: u8 = 0xa0;
}

/// One tag, length and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) value: &'a [u8],
    /// Tag and length included.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element of some bytes, and what follows it.
    pub(super) fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&short, rest) = rest.split_first()?;
        let (length, rest) = match short {
            0..=0x7f => (usize::from(short), rest),
            // Four bytes of length are more than any handshake message can hold.
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
                (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        let whole = bytes.get(..bytes.len() - rest.len())?;
        Some((Self { tag, value, whole }, rest))
    }

    /// The first element, if it has that tag.
    pub(super) fn expect(bytes: &'a [u8], tag: u8) -> Option<(Self, &'a [u8])> {
        Self::first(bytes).filter(|(element, _)| element.tag == tag)
    }
}

/// The SubjectPublicKeyInfo of a certificate of any version (RFC 5280, section 4.1).
pub(super) fn public_key_info(certificate: &[u8]) -> Option<Element<'_>> {
    let (certificate, _) = Element::expect(certificate, tag::SEQUENCE)?;
    let (signed, _) = Element::expect(certificate.value, tag::SEQUENCE)?;
    let mut rest = signed.value;
    if let Some((_, after)) = Element::expect(rest, tag::VERSION) {
        rest = after;
    }
    // Serial, signature algorithm, issuer, validity, subject.
    for _ in 0..5 {
        (_, rest) = Element::first(rest)?;
    }
    Some(Element::expect(rest, tag::SEQUENCE)?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn certificates_survive_json() {
        let der = Der::from(&b"\x30\x00"[..]);
        let text = serde_json::to_string(&der).expect("JSON");
        assert_eq!(text, "\"MAA=\"");
        assert_eq!(serde_json::from_str::<Der>(&text).expect("a certificate"), der);
        assert!(serde_json::from_str::<Der>("\"?\"").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some((element, rest)) = Element::first(&bytes) {
                prop_assert_eq!(element.whole.len() + rest.len(), bytes.len());
            }
            let _ = public_key_info(&bytes);
        }
    }
}
