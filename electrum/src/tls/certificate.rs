//! What a certificate says, in bounded texts.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    objects::{oid_registry, oid2abbrev, oid2sn},
    prelude::FromDer as _,
    time::ASN1Time,
    x509::X509Name,
};

use super::key::Key;
use crate::text::printable;

/// Longest name, in characters.
const MAX_TEXT: usize = 200;

/// DNS names of one certificate that are kept.
const MAX_NAMES: usize = 20;

/// Bytes of a serial number that are kept (RFC 5280 allows 20).
const MAX_SERIAL: usize = 32;

/// What a certificate says of itself. None of it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who is said to have signed it.
    pub issuer: String,
    /// Its number, in hex.
    pub serial: String,
    /// The X.509 version: 1 or 3.
    pub x509_version: u32,
    /// The first second of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// Whether subject and issuer are one name.
    pub self_signed: bool,
    /// SHA-256 of all of it, in hex.
    pub sha256: String,
    /// SHA-256 of its public key (SubjectPublicKeyInfo), in hex. It survives a renewal with the same key.
    pub spki_sha256: String,
    /// The public key: `RSA 2048`, `EC P-256`, `Ed25519`.
    pub key: String,
    /// How it was signed: `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// The DNS names it is for, at most 20.
    pub dns_names: Vec<String>,
}

/// Why a certificate cannot be described.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// It is no X.509.
    #[error("not an X.509 certificate: {0}")]
    Unreadable(String),
}

/// Describes a certificate, however old, broken or mistaken.
///
/// # Errors
/// [`CertificateError`] if it is no X.509 at all.
pub fn describe(der: &[u8]) -> Result<Certificate, CertificateError> {
    let unreadable = |why: &str| CertificateError::Unreadable(printable(why, MAX_TEXT));
    let (_, certificate) = X509Certificate::from_der(der).map_err(|e| unreadable(&e.to_string()))?;
    let key = Key::of(der).ok_or_else(|| unreadable("no public key in it"))?;
    let serial = certificate.raw_serial();
    let algorithm = &certificate.signature_algorithm.algorithm;
    let algorithm = match oid2sn(algorithm, oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => algorithm.to_id_string(),
    };
    Ok(Certificate {
        subject: name(certificate.subject()),
        issuer: name(certificate.issuer()),
        serial: HEXLOWER.encode(serial.get(..MAX_SERIAL).unwrap_or(serial)),
        x509_version: certificate.version().0.saturating_add(1),
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
        self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        sha256: HEXLOWER.encode(&Sha256::digest(der)),
        spki_sha256: HEXLOWER.encode(&Sha256::digest(key.info)),
        key: key.kind().to_string(),
        signature_algorithm: printable(&algorithm, MAX_TEXT),
        dns_names: dns_names(&certificate),
    })
}

/// "No expiry" is written as the last second of the year 9999, which is past the last one jiff knows.
fn time(at: ASN1Time) -> Timestamp {
    let seconds = at.timestamp();
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A name as `C=AU, O=Internet Widgits Pty Ltd`. x509-parser gives up on the whole of a name if it cannot
/// read a part; here a part in an odd alphabet is read as well as can be.
fn name(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for attribute in name.iter_attributes() {
        if text.len() > MAX_TEXT * 4 {
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        match oid2abbrev(attribute.attr_type(), oid_registry()) {
            Ok(short) => text.push_str(short),
            Err(_) => text.push_str(&attribute.attr_type().to_id_string()),
        }
        text.push('=');
        let value = attribute.as_slice();
        text.push_str(&String::from_utf8_lossy(value.get(..MAX_TEXT * 4).unwrap_or(value)));
    }
    printable(&text, MAX_TEXT)
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let dns = names.flatten().filter_map(|name| match name {
        // A DNS name has 253 characters at most.
        GeneralName::DNSName(dns) => Some(printable(dns, 253)),
        _ => None,
    });
    dns.take(MAX_NAMES).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(common_name: &str, names: Vec<String>) -> Vec<u8> {
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn names_are_bounded_and_harmless() {
        let names = (0..50).map(|n| format!("n{n}.example")).collect();
        let described = describe(&certificate(&format!("\u{1b}[2J{}", "x".repeat(5_000)), names));
        let described = described.expect("a certificate");
        assert!(described.subject.contains("CN=\\u{1b}[2Jxxx"), "{}", described.subject);
        assert_eq!(described.subject.chars().count(), MAX_TEXT);
        assert_eq!(described.dns_names.len(), MAX_NAMES);
        assert!(described.self_signed);
        assert_eq!((described.x509_version, described.key.as_str()), (3, "EC P-256"));
    }

    proptest! {
        #[test]
        fn spoilt_certificates_do_no_harm(
            at in any::<prop::sample::Index>(),
            bytes in proptest::collection::vec(any::<u8>(), 1..4),
        ) {
            let mut der = certificate("spoilt", vec!["spoilt.example".to_owned()]);
            let at = at.index(der.len());
            der.splice(at..(at + bytes.len()).min(der.len()), bytes);
            let _ = describe(&der);
            let _ = describe(&der[..at]);
        }

        #[test]
        fn garbage_is_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = describe(&bytes);
        }
    }
}
