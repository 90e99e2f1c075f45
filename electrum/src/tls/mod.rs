//! TLS in which certificates are recorded and never trusted.
//!
//! The Electrum world has no certificate authority worth the name, so a certificate says nothing about
//! whom we talk to; but it is a fact about a server, and two servers with one key are consistent with one
//! operator. So [`Connector`] accepts every chain and keeps it, [`describe`] reads it, and what rustls
//! cannot speak (TLS 1.1 and older, RSA key exchange, small or odd keys) is found out by [`offer`] and
//! named by [`classify`]. What is under the server shows in its answers to each [`Hello`], and whether two
//! servers share a secret, in whether one takes the [`Ticket`] of the other.

mod certificate;
mod der;
mod error;
mod flight;
mod hello;
mod key;
mod offer;
mod server_hello;
mod stack;
mod ticket;
mod unsupported;
mod verifier;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::Host;

pub use certificate::{Certificate, CertificateError, describe};
pub use der::Der;
pub use error::TlsError;
pub use flight::OfferError;
pub use offer::{Offer, offer};
pub use stack::{Chosen, Hello, Parting, SessionId, StackAnswer, fingerprint, stack};
pub use ticket::{Redemption, Ticket};
pub use unsupported::{Unsupported, classify};

use crate::text::printable;
use verifier::{Record, Recorder};

/// What a handshake showed. Where it failed after the certificate came, what was seen until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `TLSv1.3` or `TLSv1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The cipher suite by its IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// The group of the key exchange: `X25519`, `secp256r1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The application protocol; none is offered, so it takes an odd server to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The certificates, the server's own first, at most 16.
    pub chain: Vec<Der>,
    /// Whether the server proved that it owns the key of the first.
    pub key_proven: bool,
}

/// Opens TLS connections. Each is as the first: no sessions, no application protocol, and no tickets but
/// where a [`Ticket`] is what is wanted.
#[derive(Clone, Debug)]
pub struct Connector {
    provider: Arc<CryptoProvider>,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// A connector with *ring*'s cryptography.
    #[must_use]
    pub fn new() -> Self {
        Self { provider: Arc::new(ring::default_provider()) }
    }

    /// Shakes hands over a stream. Whatever the server showed of itself is returned even where the
    /// handshake failed.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        host: &Host,
        stream: S,
    ) -> (Option<Facts>, Result<TlsStream<S>, TlsError>) {
        let record = Record::default();
        let config = match self.config(record.clone()) {
            Ok(config) => config,
            Err(error) => return (None, Err((&error).into())),
        };
        let connected = TlsConnector::from(Arc::new(config)).connect(server_name(host), stream).await;
        let mut recorded = std::mem::take(&mut *record.lock());
        let mut facts = Facts {
            version: recorded.version.map(str::to_owned),
            cipher: None,
            group: None,
            alpn: None,
            chain: recorded.chain,
            key_proven: recorded.key_proven,
        };
        match connected {
            Ok(stream) => {
                facts.add(stream.get_ref().1);
                (Some(facts), Ok(stream))
            }
            Err(error) => {
                let error = recorded.refusal.take().unwrap_or_else(|| error.into());
                ((!facts.chain.is_empty()).then_some(facts), Err(error))
            }
        }
    }

    /// A configuration for one connection, whose certificates go into the record.
    fn config(&self, record: Record) -> Result<ClientConfig, rustls::Error> {
        let verifier = Recorder::new(self.provider.signature_verification_algorithms, record);
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl Facts {
    fn add(&mut self, connection: &ClientConnection) {
        self.version = connection.protocol_version().map(|version| format!("{version:?}").replace('_', "."));
        // rustls names the suites of TLS 1.3 in its own way.
        self.cipher = connection
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1));
        self.group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
        self.alpn = connection.alpn_protocol().map(|name| printable(&String::from_utf8_lossy(name), 32));
    }
}

/// The name in the handshake: a DNS name only. rustls sends none for an address, so a host without a
/// name is given one.
fn server_name(host: &Host) -> ServerName<'static> {
    let name = match host {
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
        Host::Address(_) | Host::Onion(_) => None,
    };
    name.unwrap_or_else(nameless)
}

/// What makes rustls send no name.
fn nameless() -> ServerName<'static> {
    ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
