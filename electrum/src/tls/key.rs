//! The public key of a certificate: what it is, and whether our cryptography can check its signatures.

use std::fmt;

use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::Oid;

use super::der::{Element, public_key_info, tag};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];

const CURVES: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "P-256"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "P-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x21], "P-224"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01], "P-192"),
    (&[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07], "brainpoolP256r1"),
    (&[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b], "brainpoolP384r1"),
    (&[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d], "brainpoolP512r1"),
];

/// Sizes of RSA keys, in bits, whose signatures *ring* checks.
const RSA_SIZES: std::ops::RangeInclusive<u32> = 2048..=8192;

/// Exponents of RSA keys that *ring* accepts.
const RSA_EXPONENTS: std::ops::Range<u64> = 3..1 << 33;

/// A public key as it stands in a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    /// The SubjectPublicKeyInfo.
    pub(super) info: &'a [u8],
    /// What is inside the AlgorithmIdentifier.
    algorithm: &'a [u8],
    /// The object identifier at the head of that, tag and length included.
    oid: Element<'a>,
    /// The key itself.
    bits: &'a [u8],
}

/// What sort of key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RSA of so many bits.
    Rsa(u32),
    /// RSA for PSS signatures only.
    RsaPss(u32),
    /// On this elliptic curve.
    Ec(String),
    /// Anything else, by its name.
    Other(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::RsaPss(bits) => write!(f, "RSA-PSS {bits}"),
            Self::Ec(curve) => write!(f, "EC {curve}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl<'a> Key<'a> {
    /// The key of a certificate, if there is one to be found.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let info = public_key_info(certificate)?;
        let (algorithm, rest) = Element::expect(info.value, tag::SEQUENCE)?;
        let (bits, _) = Element::expect(rest, tag::BIT_STRING)?;
        let (oid, _) = Element::expect(algorithm.value, tag::OID)?;
        // A bit string begins with the number of unused bits.
        let (_, bits) = bits.value.split_first()?;
        Some(Self { info: info.whole, algorithm: algorithm.value, oid, bits })
    }

    /// What sort of key it is.
    pub(super) fn kind(&self) -> Kind {
        match self.oid.value {
            RSA => Kind::Rsa(self.rsa().map_or(0, |(modulus, _)| bits(modulus))),
            RSA_PSS => Kind::RsaPss(self.rsa().map_or(0, |(modulus, _)| bits(modulus))),
            EC => Kind::Ec(self.curve()),
            ED25519 => Kind::Other("Ed25519".to_owned()),
            ED448 => Kind::Other("Ed448".to_owned()),
            DSA => Kind::Other("DSA".to_owned()),
            other => Kind::Other(dotted(other)),
        }
    }

    /// The size of an RSA key too small for us.
    pub(super) fn small_rsa(&self) -> Option<u32> {
        match self.kind() {
            // As ring does, count whole bytes: some keys of 2048 bits have a few less.
            Kind::Rsa(bits) if bits > 0 && bits.div_ceil(8) < RSA_SIZES.start() / 8 => Some(bits),
            _ => None,
        }
    }

    /// Whether an algorithm can check this key's signatures. Where it says yes and the check fails, the
    /// server does not have the private key; so no key that *ring* refuses for its form may pass.
    pub(super) fn fits(&self, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
        let wanted = algorithm.public_key_alg_id();
        match self.oid.value {
            // The parameters should be NULL. Some leave them out; they mean nothing.
            RSA => wanted.as_ref().starts_with(self.oid.whole) && self.rsa_is_sound(),
            EC => wanted.as_ref() == self.algorithm && self.bits.first() == Some(&4),
            _ => wanted.as_ref() == self.algorithm,
        }
    }

    /// The key in the form in which signatures are checked against it.
    pub(super) fn bits(&self) -> &'a [u8] {
        self.bits
    }

    fn rsa_is_sound(&self) -> bool {
        let Some((modulus, exponent)) = self.rsa() else { return false };
        let Ok(size) = u32::try_from(modulus.len() * 8) else { return false };
        let exponent = (exponent.len() <= 8)
            .then(|| exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)));
        RSA_SIZES.contains(&size)
            && modulus.last().is_some_and(|last| last % 2 == 1)
            && exponent.is_some_and(|e| RSA_EXPONENTS.contains(&e) && e % 2 == 1)
    }

    /// Modulus and exponent without leading zeros.
    fn rsa(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (numbers, _) = Element::expect(self.bits, tag::SEQUENCE)?;
        let (modulus, rest) = Element::expect(numbers.value, tag::INTEGER)?;
        let (exponent, _) = Element::expect(rest, tag::INTEGER)?;
        Some((positive(modulus.value)?, positive(exponent.value)?))
    }

    fn curve(&self) -> String {
        let parameters = self.algorithm.get(self.oid.whole.len()..).unwrap_or_default();
        let Some((curve, _)) = Element::expect(parameters, tag::OID) else {
            return "with explicit parameters".to_owned();
        };
        let known = CURVES.iter().find(|(oid, _)| *oid == curve.value);
        known.map_or_else(|| dotted(curve.value), |(_, name)| (*name).to_owned())
    }
}

fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [first, ..] if first & 0x80 != 0 => None,
        _ => {
            let zeros = integer.iter().take_while(|byte| **byte == 0).count();
            integer.get(zeros..).filter(|digits| !digits.is_empty())
        }
    }
}

fn bits(number: &[u8]) -> u32 {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(number.len() * 8).map_or(u32::MAX, |all| all - leading)
}

/// An object identifier in figures; no real one comes near the bound.
fn dotted(oid: &[u8]) -> String {
    match oid.get(..32) {
        Some(_) => "an oversized object identifier".to_owned(),
        None => Oid::new(oid.into()).to_id_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_measured_in_bits() {
        assert_eq!(positive(&[0, 0x80, 1]).map(bits), Some(16));
        assert_eq!(positive(&[1]).map(bits), Some(1));
        assert_eq!(positive(&[0]), None);
        assert_eq!(positive(&[0x80]), None);
    }

    #[test]
    fn object_identifiers_are_written_in_figures() {
        assert_eq!(dotted(RSA), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(&[0x81; 100]), "an oversized object identifier");
    }
}
