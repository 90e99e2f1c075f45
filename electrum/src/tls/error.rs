//! Why a TLS handshake failed.

use std::io;

use rustls::{AlertDescription, Error, InvalidMessage};

use crate::meter::TooManyBytes;

use crate::text::printable;

/// Longest detail, in characters.
const MAX_DETAIL: usize = 120;

/// Why there is no encrypted connection.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TlsError {
    /// What came is not TLS.
    #[error("not TLS: {0}")]
    NotTls(String),
    /// The server broke it off and said why, in the words of RFC 8446, section 6.
    #[error("TLS alert {0}")]
    Alert(String),
    /// Nothing in common.
    #[error("no common TLS parameters: {0}")]
    Incompatible(String),
    /// The server speaks TLS, wrongly.
    #[error("TLS spoken wrongly: {0}")]
    Misbehaved(String),
    /// An RSA key of so many bits, too few to check a signature with.
    #[error("RSA key of {0} bits")]
    SmallRsaKey(u32),
    /// A key whose signatures we cannot check.
    #[error("{0} key")]
    KeyUnsupported(String),
    /// The server showed a certificate whose private key it does not have.
    #[error("the server does not own the key of its certificate")]
    KeyNotProven,
    /// A certificate that is none.
    #[error("unreadable certificate: {0}")]
    Certificate(String),
    /// A message larger than any sane handshake has.
    #[error("oversized TLS message")]
    TooLarge,
    /// The server closed the connection without a word.
    #[error("connection closed during the TLS handshake")]
    Closed,
    /// The connection broke.
    #[error("connection lost during the TLS handshake: {0}")]
    Broken(io::ErrorKind),
    /// More bytes than one visit may read.
    #[error(transparent)]
    TooManyBytes(#[from] TooManyBytes),
}

impl TlsError {
    /// Whether the server may well speak TLS, only none that we do. ElectrumX with old versions only hangs
    /// up without an alert, so a bare end counts.
    #[must_use]
    pub fn may_be_unsupported(&self) -> bool {
        match self {
            Self::Alert(name) => matches!(
                name.as_str(),
                "protocol_version"
                    | "handshake_failure"
                    | "insufficient_security"
                    | "illegal_parameter"
                    | "internal_error"
            ),
            Self::Incompatible(_) | Self::SmallRsaKey(_) | Self::KeyUnsupported(_) | Self::Closed => true,
            Self::Broken(kind) => *kind == io::ErrorKind::ConnectionReset,
            Self::NotTls(_)
            | Self::Misbehaved(_)
            | Self::KeyNotProven
            | Self::Certificate(_)
            | Self::TooLarge
            | Self::TooManyBytes(_) => false,
        }
    }
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        if let Some(too_many) = TooManyBytes::within(&error) {
            return too_many.into();
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(tls) => tls.into(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Broken(error.kind()),
        }
    }
}

impl From<&Error> for TlsError {
    fn from(error: &Error) -> Self {
        let detail = |what: &dyn std::fmt::Debug| printable(&format!("{what:?}"), MAX_DETAIL);
        match error {
            Error::AlertReceived(alert) => Self::Alert(alert_name(*alert)),
            Error::PeerIncompatible(why) => Self::Incompatible(detail(why)),
            Error::PeerSentOversizedRecord
            | Error::InvalidMessage(
                InvalidMessage::HandshakePayloadTooLarge
                | InvalidMessage::CertificatePayloadTooLarge
                | InvalidMessage::MessageTooLarge,
            ) => Self::TooLarge,
            Error::InvalidMessage(
                why @ (InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::InvalidEmptyPayload),
            ) => Self::NotTls(detail(why)),
            Error::InvalidMessage(why) => Self::Misbehaved(detail(why)),
            Error::PeerMisbehaved(why) => Self::Misbehaved(detail(why)),
            Error::NoCertificatesPresented => Self::Certificate("none was sent".to_owned()),
            Error::InvalidCertificate(why) => Self::Certificate(detail(why)),
            other => Self::Misbehaved(detail(other)),
        }
    }
}

/// An alert's name as the standard writes it: `HandshakeFailure` is `handshake_failure`.
pub(super) fn alert_name(alert: AlertDescription) -> String {
    if let AlertDescription::Unknown(code) = alert {
        return format!("number {code}");
    }
    let mut name = String::new();
    let mut after_lower = false;
    for c in format!("{alert:?}").chars() {
        if c.is_ascii_uppercase() && after_lower {
            name.push('_');
        }
        after_lower = c.is_ascii_lowercase();
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_as_the_standard_names_them() {
        let name = |code: u8| alert_name(AlertDescription::from(code));
        assert_eq!(name(40), "handshake_failure");
        assert_eq!(name(48), "unknown_ca");
        assert_eq!(name(70), "protocol_version");
        assert_eq!(name(255), "number 255");
    }

    #[test]
    fn only_what_may_be_unsupported_costs_a_second_connection() {
        let alert = |name: &str| TlsError::Alert(name.to_owned()).may_be_unsupported();
        assert!(alert("protocol_version") && alert("handshake_failure") && !alert("unrecognized_name"));
        assert!(TlsError::from(io::Error::from(io::ErrorKind::UnexpectedEof)).may_be_unsupported());
        assert!(TlsError::from(io::Error::from(io::ErrorKind::ConnectionReset)).may_be_unsupported());
        assert!(!TlsError::KeyNotProven.may_be_unsupported());
        let limit = io::Error::other(TooManyBytes { limit: 7 });
        assert_eq!(TlsError::from(limit), TlsError::TooManyBytes(TooManyBytes { limit: 7 }));
    }
}
