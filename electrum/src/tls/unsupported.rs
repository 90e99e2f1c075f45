//! Names for servers that speak TLS, only none that we do.

use rustls::crypto::ring::default_provider;

use super::{
    Offer, OfferError, TlsError,
    key::{Key, Kind},
};

/// What keeps us from a server that speaks TLS.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unsupported {
    /// TLS 1.1 or older.
    #[error("{0} only")]
    OldVersion(String),
    /// The client encrypts a secret for the certificate's key, which is gone from TLS 1.3.
    #[error("RSA key exchange only: {0}")]
    RsaKeyExchange(String),
    /// A cipher suite that rustls leaves out, such as those with DHE or CBC.
    #[error("old cipher suites only: {0}")]
    OldCipher(String),
    /// An RSA key of so many bits.
    #[error("RSA key of {0} bits")]
    SmallRsaKey(u32),
    /// A certificate or key exchange on this elliptic curve.
    #[error("elliptic curve {0}")]
    Curve(String),
    /// Another sort of key.
    #[error("{0} key")]
    Key(String),
}

/// Says why a server is out of reach, from how the handshake failed and what it offered afterwards. None
/// where neither explains it.
#[must_use]
pub fn classify(first: &TlsError, offer: &Result<Offer, OfferError>) -> Option<Unsupported> {
    if let TlsError::SmallRsaKey(bits) = first {
        return Some(Unsupported::SmallRsaKey(*bits));
    }
    let explained = offer.as_ref().ok().and_then(explain);
    explained.or_else(|| match first {
        TlsError::KeyUnsupported(key) => Some(unsupported_key(key)),
        _ => None,
    })
}

fn explain(offer: &Offer) -> Option<Unsupported> {
    if offer.version != "TLSv1.2" {
        return Some(Unsupported::OldVersion(offer.version.clone()));
    }
    if offer.key_exchange.as_deref() == Some("RSA") {
        return Some(Unsupported::RsaKeyExchange(offer.cipher.clone()));
    }
    let provider = default_provider();
    let known = provider.cipher_suites.iter().any(|s| format!("{:?}", s.suite()) == offer.cipher);
    if !known {
        return Some(Unsupported::OldCipher(offer.cipher.clone()));
    }
    if let Some(key) = offer.chain.first().and_then(|leaf| Key::of(leaf.as_bytes())) {
        if let Some(bits) = key.small_rsa() {
            return Some(Unsupported::SmallRsaKey(bits));
        }
        let algorithms = provider.signature_verification_algorithms.all;
        if !algorithms.iter().any(|algorithm| key.fits(*algorithm)) {
            return Some(match key.kind() {
                Kind::Ec(curve) => Unsupported::Curve(curve),
                other => Unsupported::Key(other.to_string()),
            });
        }
    }
    let curve = offer.curve.as_deref()?;
    (!matches!(curve, "X25519" | "P-256" | "P-384")).then(|| Unsupported::Curve(curve.to_owned()))
}

fn unsupported_key(key: &str) -> Unsupported {
    match key.strip_prefix("EC ") {
        Some(curve) => Unsupported::Curve(curve.to_owned()),
        None => Unsupported::Key(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(
        version: &str,
        cipher: &str,
        key_exchange: &str,
        curve: Option<&str>,
    ) -> Result<Offer, OfferError> {
        Ok(Offer {
            version: version.to_owned(),
            cipher: cipher.to_owned(),
            key_exchange: Some(key_exchange.to_owned()),
            curve: curve.map(str::to_owned),
            chain: Vec::new(),
        })
    }

    #[test]
    fn every_reason_has_its_words() {
        const GCM: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let said = |offer: Result<Offer, OfferError>| {
            classify(&TlsError::Closed, &offer).map(|unsupported| unsupported.to_string())
        };
        let cases = [
            (offer("TLSv1.0", "x", "RSA", None), Some("TLSv1.0 only")),
            (
                offer("TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", None),
                Some("RSA key exchange only: TLS_RSA_WITH_AES_128_CBC_SHA"),
            ),
            (offer("TLSv1.2", "0xfeff", "x", None), Some("old cipher suites only: 0xfeff")),
            (offer("TLSv1.2", GCM, "ECDHE", Some("P-521")), Some("elliptic curve P-521")),
            (offer("TLSv1.2", GCM, "ECDHE", Some("P-256")), None),
            (Err(OfferError::Closed), None),
        ];
        for (offer, expected) in cases {
            assert_eq!(said(offer).as_deref(), expected);
        }
        let small = classify(&TlsError::SmallRsaKey(1024), &Err(OfferError::Closed));
        assert_eq!(small, Some(Unsupported::SmallRsaKey(1024)));
        let odd = classify(&TlsError::KeyUnsupported("EC P-521".to_owned()), &Err(OfferError::Closed));
        assert_eq!(odd, Some(Unsupported::Curve("P-521".to_owned())));
    }
}
