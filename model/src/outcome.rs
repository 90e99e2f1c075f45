//! How a visit ended: a closed list, so that it can be a metric's label and a table's column.

use serde::{Deserialize, Serialize};

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The server greeted us and kept to the protocol until we left.
    Answered,
    /// The address must not be dialled: private, reserved, excluded, or an onion without a proxy.
    AddressRefused,
    /// The name has no address.
    NameUnresolved,
    /// The port is closed. An ElectrumX at its session limit looks like this too.
    ConnectionRefused,
    /// No connection in time, or no route.
    Unreachable,
    /// The SOCKS proxy failed, or could not reach the server.
    ProxyFailed,
    /// What listens does not finish a TLS handshake, or does not hold its certificate's key.
    TlsFailed,
    /// TLS that modern software does not speak: TLS 1.1 and older, RSA key exchange, small RSA keys,
    /// secp256k1 keys.
    TlsUnsupported,
    /// The server hung up before the visit was done.
    Closed,
    /// No complete answer in time.
    TimedOut,
    /// The server sent more than a visitor accepts: a line, bytes, nesting, unasked messages.
    LimitExceeded,
    /// What came is not the Electrum protocol.
    NotElectrum,
    /// The server asked to be left alone.
    ToldToStop,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 13] = [
        Self::Answered,
        Self::AddressRefused,
        Self::NameUnresolved,
        Self::ConnectionRefused,
        Self::Unreachable,
        Self::ProxyFailed,
        Self::TlsFailed,
        Self::TlsUnsupported,
        Self::Closed,
        Self::TimedOut,
        Self::LimitExceeded,
        Self::NotElectrum,
        Self::ToldToStop,
    ];

    /// The name in files, tables and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AddressRefused => "address-refused",
            Self::NameUnresolved => "name-unresolved",
            Self::ConnectionRefused => "connection-refused",
            Self::Unreachable => "unreachable",
            Self::ProxyFailed => "proxy-failed",
            Self::TlsFailed => "tls-failed",
            Self::TlsUnsupported => "tls-unsupported",
            Self::Closed => "closed",
            Self::TimedOut => "timed-out",
            Self::LimitExceeded => "limit-exceeded",
            Self::NotElectrum => "not-electrum",
            Self::ToldToStop => "told-to-stop",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).expect("text"), outcome.name());
        }
    }
}
