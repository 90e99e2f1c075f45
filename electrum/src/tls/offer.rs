//! What a server answers to the old [`hello`](super::hello): version, cipher suite, curve and
//! certificates, read from a bounded number of bytes.

use std::{io, ops::ControlFlow};

use rustls::AlertDescription;
use serde::{Deserialize, Serialize};
use tls_parser::{
    ECParametersContent, NamedGroup, TlsCipherKx, TlsCipherSuite, TlsMessageHandshake, TlsVersion,
    parse_ecdh_params, parse_tls_handshake_msg_certificate, parse_tls_handshake_server_hello,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Take};

use crate::Host;

use super::{Der, error::alert_name, hello::client_hello, verifier::MAX_CHAIN};

/// Bytes read of an answer; honest ones have a few thousand.
const MAX_BYTES: u32 = 64 << 10;

/// The longest record that TLS allows.
const MAX_RECORD: u16 = (16 << 10) + 2048;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;

/// What a server chose out of everything from TLS 1.0 to 1.2. Nothing of it is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// `TLSv1.0`, `TLSv1.1`, `TLSv1.2` or `SSLv3`.
    pub version: String,
    /// The cipher suite by its IANA name, or its number.
    pub cipher: String,
    /// `RSA`, `DHE`, `ECDHE`, where the suite is a known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_exchange: Option<String>,
    /// The curve of the key exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    /// The certificates, the server's own first, at most 16.
    pub chain: Vec<Der>,
}

/// Why a server made no offer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OfferError {
    /// What came is not TLS.
    #[error("not TLS: {0}")]
    NotTls(String),
    /// It broke off and said why.
    #[error("TLS alert {0}")]
    Alert(String),
    /// TLS that does not add up.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// More than an honest server has to say.
    #[error("oversized TLS message")]
    TooLarge,
    /// It closed the connection without a word.
    #[error("connection closed during the TLS handshake")]
    Closed,
    /// The connection broke.
    #[error("connection lost during the TLS handshake: {0}")]
    Broken(io::ErrorKind),
}

impl From<io::Error> for OfferError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            kind => Self::Broken(kind),
        }
    }
}

/// Says the old hello and reads what the server would agree to, without agreeing to it.
///
/// # Errors
/// [`OfferError`] if not even the server's hello came; what comes after it may be incomplete.
pub async fn offer<S: AsyncRead + AsyncWrite + Unpin + Send>(
    host: &Host,
    mut stream: S,
) -> Result<Offer, OfferError> {
    stream.write_all(&client_hello(host)).await?;
    stream.flush().await?;
    read(stream).await
}

async fn read<S: AsyncRead + Unpin>(stream: S) -> Result<Offer, OfferError> {
    let mut stream = stream.take(u64::from(MAX_BYTES));
    let mut answer = Answer::default();
    let end = loop {
        match answer.read_record(&mut stream).await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break OfferError::Malformed("handshake without a hello"),
            Err(OfferError::Closed) if stream.limit() == 0 => break OfferError::TooLarge,
            Err(error) => break error,
        }
    };
    answer.offer.ok_or(end)
}

/// The server's answer as far as it has come.
#[derive(Debug, Default)]
struct Answer {
    offer: Option<Offer>,
    /// Handshake bytes of which no whole message has come.
    pending: Vec<u8>,
}

impl Answer {
    async fn read_record<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut Take<S>,
    ) -> Result<ControlFlow<()>, OfferError> {
        let mut header = [0; 5];
        stream.read_exact(&mut header).await?;
        let [kind, major, _, high, low] = header;
        let length = u16::from_be_bytes([high, low]);
        if !matches!(kind, ALERT | HANDSHAKE) || major != 3 || length > MAX_RECORD {
            return Err(OfferError::NotTls(format!("it begins {}", header.escape_ascii())));
        }
        let mut payload = vec![0; usize::from(length)];
        stream.read_exact(&mut payload).await?;
        match (kind, &payload[..]) {
            // A mere warning, such as that the name is unknown; but to say goodbye is to go.
            (ALERT, [1, code]) if *code != 0 => Ok(ControlFlow::Continue(())),
            (ALERT, [_, code]) => Err(OfferError::Alert(alert_name(AlertDescription::from(*code)))),
            (ALERT, _) => Err(OfferError::Malformed("alert")),
            _ => {
                self.pending.append(&mut payload);
                self.read_messages()
            }
        }
    }

    fn read_messages(&mut self) -> Result<ControlFlow<()>, OfferError> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        while let [kind, a, b, c, after @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]);
            if length > MAX_BYTES {
                return Err(OfferError::TooLarge);
            }
            let Some((body, after)) = usize::try_from(length).ok().and_then(|n| after.split_at_checked(n))
            else {
                break;
            };
            if self.take(*kind, body)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            rest = after;
        }
        self.pending = rest.to_vec();
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, kind: u8, body: &[u8]) -> Result<ControlFlow<()>, OfferError> {
        match (kind, &mut self.offer) {
            (SERVER_HELLO, offer @ None) => {
                let (_, hello) = parse_tls_handshake_server_hello(body)
                    .map_err(|_| OfferError::Malformed("server hello"))?;
                let suite = hello.cipher.get_ciphersuite();
                *offer = Some(Offer {
                    version: version_name(hello.version),
                    cipher: suite.map_or_else(|| format!("{:#06x}", hello.cipher.0), |s| s.name.to_owned()),
                    key_exchange: suite.map(|suite| format!("{:?}", suite.kx).to_uppercase()),
                    curve: None,
                    chain: Vec::new(),
                });
            }
            (SERVER_HELLO, Some(_)) => return Err(OfferError::Malformed("second hello")),
            (CERTIFICATE, Some(offer)) => {
                let Ok((_, TlsMessageHandshake::Certificate(message))) =
                    parse_tls_handshake_msg_certificate(body)
                else {
                    return Err(OfferError::Malformed("certificate message"));
                };
                offer.chain = message.cert_chain.iter().take(MAX_CHAIN).map(|c| Der::from(c.data)).collect();
            }
            (SERVER_KEY_EXCHANGE, Some(offer)) => {
                let suite = TlsCipherSuite::from_name(&offer.cipher);
                if suite.is_some_and(|suite| suite.kx == TlsCipherKx::Ecdhe) {
                    offer.curve = curve(body);
                }
            }
            (SERVER_HELLO_DONE, _) => return Ok(ControlFlow::Break(())),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn version_name(version: TlsVersion) -> String {
    match version {
        TlsVersion::Ssl30 => "SSLv3".to_owned(),
        TlsVersion::Tls10 => "TLSv1.0".to_owned(),
        TlsVersion::Tls11 => "TLSv1.1".to_owned(),
        TlsVersion::Tls12 => "TLSv1.2".to_owned(),
        TlsVersion(other) => format!("{other:#06x}"),
    }
}

/// The curve of an ECDHE key exchange.
fn curve(body: &[u8]) -> Option<String> {
    let (_, parameters) = parse_ecdh_params(body).ok()?;
    let ECParametersContent::NamedGroup(group) = parameters.curve_params.params_content else {
        return Some("explicit".to_owned());
    };
    Some(match group {
        NamedGroup::Secp256r1 => "P-256".to_owned(),
        NamedGroup::Secp384r1 => "P-384".to_owned(),
        NamedGroup::Secp521r1 => "P-521".to_owned(),
        NamedGroup::EcdhX25519 => "X25519".to_owned(),
        NamedGroup::EcdhX448 => "X448".to_owned(),
        other => format!("{other:?}").to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_now(bytes: &[u8]) -> Result<Offer, OfferError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(read(bytes))
    }

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).expect("a short record").to_be_bytes();
        [&[kind, 3, 1], &length[..], payload].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("a short message").to_be_bytes();
        [&[kind], &length[1..], body].concat()
    }

    fn hello(version: u8, cipher: u16) -> Vec<u8> {
        let body = [&[3, version], &[7; 32][..], &[0], &cipher.to_be_bytes(), &[0]].concat();
        message(SERVER_HELLO, &body)
    }

    #[test]
    fn an_answer_is_read_across_records() {
        let certificate = message(CERTIFICATE, &[0, 0, 5, 0, 0, 2, 0x30, 0]);
        let key_exchange = message(SERVER_KEY_EXCHANGE, &[3, 0, 22, 1, 4]);
        let flight = [hello(2, 0xc013), certificate, key_exchange, message(SERVER_HELLO_DONE, &[])].concat();
        let bytes: Vec<u8> = flight.chunks(3).flat_map(|chunk| record(HANDSHAKE, chunk)).collect();
        let offer = read_now(&bytes).expect("an offer");
        assert_eq!((offer.version.as_str(), offer.curve.as_deref()), ("TLSv1.1", Some("secp256k1")));
        assert_eq!(offer.cipher, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
        assert_eq!(offer.key_exchange.as_deref(), Some("ECDHE"));
        assert_eq!(offer.chain, [Der::from(&[0x30, 0][..])]);
    }

    #[test]
    fn what_came_before_the_end_counts() {
        let bytes = [record(HANDSHAKE, &hello(1, 0xfeff)), record(ALERT, &[2, 40])].concat();
        assert_eq!(read_now(&bytes).expect("an offer").cipher, "0xfeff");
        let huge =
            [record(HANDSHAKE, &hello(3, 0x002f)), record(HANDSHAKE, &[CERTIFICATE, 0xf, 0, 0])].concat();
        assert!(read_now(&huge).is_ok_and(|offer| offer.chain.is_empty()));
    }

    #[test]
    fn ends_have_their_names() {
        assert_eq!(read_now(b""), Err(OfferError::Closed));
        assert_eq!(read_now(&record(ALERT, &[2, 70])), Err(OfferError::Alert("protocol_version".to_owned())));
        assert!(matches!(read_now(b"HTTP/1.1 400 Bad Request"), Err(OfferError::NotTls(_))));
        assert_eq!(read_now(&record(HANDSHAKE, &[SERVER_HELLO, 1, 0, 1])), Err(OfferError::TooLarge));
        assert_eq!(read_now(&record(ALERT, &[1, 112]).repeat(20_000)), Err(OfferError::TooLarge));
        let done = record(HANDSHAKE, &message(SERVER_HELLO_DONE, &[]));
        assert!(matches!(read_now(&done), Err(OfferError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn garbage_does_no_harm(
            kind in 20_u8..24,
            pieces in proptest::collection::vec((0_u8..24, proptest::collection::vec(any::<u8>(), 0..60)), 0..6),
        ) {
            let mut bytes = record(HANDSHAKE, &hello(3, 0xc02f));
            for (message_kind, body) in &pieces {
                bytes.extend(record(kind, &message(*message_kind, body)));
            }
            prop_assert!(read_now(&bytes).is_ok());
            let _ = read_now(&bytes[5..]);
            for (_, body) in &pieces {
                let _ = read_now(&record(kind, body));
                let _ = read_now(body);
            }
        }
    }
}
