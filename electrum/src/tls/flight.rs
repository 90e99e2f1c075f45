//! The first flight of a server: what it answers to a hello before anything is encrypted, read from a
//! bounded number of bytes. What was said until the flight broke off counts, whatever broke it.

use std::{io, ops::ControlFlow};

use rustls::AlertDescription;
use tls_parser::{
    ECParametersContent, TlsCipherKx, TlsMessageHandshake, TlsVersion, parse_dh_params, parse_ecdh_params,
    parse_tls_handshake_msg_certificate,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, Take};

use super::{
    Der,
    error::alert_name,
    server_hello::{ServerHello, group_name},
    verifier::MAX_CHAIN,
};

/// Bytes read of an answer; honest ones have a few thousand.
pub(super) const MAX_BYTES: u32 = 64 << 10;

/// The longest record that TLS allows.
const MAX_RECORD: u16 = (16 << 10) + 2048;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;

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

/// What a server said up to the end of its flight. Nothing of it is proven.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) hello: ServerHello,
    /// The certificates, the server's own first, at most 16.
    pub(super) chain: Vec<Der>,
    /// Half of a key exchange.
    pub(super) key_exchange: Option<KeyExchange>,
}

/// What TLS 1.2 and older say of a key exchange.
#[derive(Debug)]
pub(super) struct KeyExchange {
    /// The curve, or `DH 2048`.
    pub(super) group: String,
    /// How it is signed, as TLS 1.2 numbers it.
    pub(super) signature: Option<u16>,
}

/// Reads a server's flight until it ends or breaks off.
///
/// # Errors
/// [`OfferError`] if not even the hello came; what comes after it may be incomplete.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: S) -> Result<Flight, OfferError> {
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
    answer.flight.ok_or(end)
}

/// The server's answer as far as it has come.
#[derive(Debug, Default)]
struct Answer {
    flight: Option<Flight>,
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
        match (kind, &mut self.flight) {
            (SERVER_HELLO, flight @ None) => {
                let hello = ServerHello::read(body).ok_or(OfferError::Malformed("server hello"))?;
                let last = hello.is_last_word();
                *flight = Some(Flight { hello, chain: Vec::new(), key_exchange: None });
                if last {
                    return Ok(ControlFlow::Break(()));
                }
            }
            (SERVER_HELLO, Some(_)) => return Err(OfferError::Malformed("second hello")),
            (CERTIFICATE, Some(flight)) => {
                let Ok((_, TlsMessageHandshake::Certificate(message))) =
                    parse_tls_handshake_msg_certificate(body)
                else {
                    return Err(OfferError::Malformed("certificate message"));
                };
                flight.chain = message.cert_chain.iter().take(MAX_CHAIN).map(|c| Der::from(c.data)).collect();
            }
            (SERVER_KEY_EXCHANGE, Some(flight)) => flight.key_exchange = key_exchange(&flight.hello, body),
            (SERVER_HELLO_DONE, _) => return Ok(ControlFlow::Break(())),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn key_exchange(hello: &ServerHello, body: &[u8]) -> Option<KeyExchange> {
    let (rest, group) = match hello.key_exchange()? {
        TlsCipherKx::Ecdhe => {
            let (rest, parameters) = parse_ecdh_params(body).ok()?;
            let group = match parameters.curve_params.params_content {
                ECParametersContent::NamedGroup(group) => group_name(group),
                _ => "explicit".to_owned(),
            };
            (rest, group)
        }
        TlsCipherKx::Dhe => {
            let (rest, parameters) = parse_dh_params(body).ok()?;
            (rest, format!("DH {}", 8 * parameters.dh_p.len()))
        }
        _ => return None,
    };
    let signature = match rest {
        [high, low, ..] if hello.version == TlsVersion::Tls12 => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    };
    Some(KeyExchange { group, signature })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tls::server_hello::{MAX_EXTENSIONS, RETRY};

    fn read_now(bytes: &[u8]) -> Result<Flight, OfferError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(read(bytes))
    }

    fn end(bytes: &[u8]) -> OfferError {
        read_now(bytes).map(drop).expect_err("no flight")
    }

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).expect("a short record").to_be_bytes();
        [&[kind, 3, 1], &length[..], payload].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("a short message").to_be_bytes();
        [&[kind], &length[1..], body].concat()
    }

    fn hello_with(version: u8, random: &[u8; 32], cipher: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = [&[3, version], &random[..], &[2, 8, 9], &cipher.to_be_bytes(), &[0]].concat();
        if !extensions.is_empty() {
            body.extend(u16::try_from(extensions.len()).expect("few extensions").to_be_bytes());
            body.extend(extensions);
        }
        message(SERVER_HELLO, &body)
    }

    fn hello(version: u8, cipher: u16) -> Vec<u8> {
        hello_with(version, &[7; 32], cipher, &[])
    }

    #[test]
    fn a_flight_is_read_across_records() {
        let certificate = message(CERTIFICATE, &[0, 0, 5, 0, 0, 2, 0x30, 0]);
        let key_exchange = message(SERVER_KEY_EXCHANGE, &[3, 0, 22, 1, 4, 8, 4]);
        for (version, signature) in [(2, None), (3, Some(0x0804))] {
            let parts = [hello(version, 0xc013), certificate.clone(), key_exchange.clone()];
            let bytes: Vec<u8> =
                parts.concat().chunks(3).flat_map(|chunk| record(HANDSHAKE, chunk)).collect();
            let flight = read_now(&bytes).expect("a flight");
            assert_eq!(flight.hello.version, TlsVersion(0x0300 + u16::from(version)));
            assert_eq!(flight.hello.cipher_name(), "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
            assert_eq!(*flight.hello.session_id, [8, 9]);
            let exchange = flight.key_exchange.expect("a key exchange");
            assert_eq!((exchange.group.as_str(), exchange.signature), ("secp256k1", signature));
            assert_eq!(flight.chain, [Der::from(&[0x30, 0][..])]);
        }
    }

    #[test]
    fn finite_fields_have_their_size() {
        let body = [&[1, 0][..], &[0xff; 256], &[0, 1, 2, 0, 1, 3, 4, 1]].concat();
        let bytes = [hello(3, 0x009e), message(SERVER_KEY_EXCHANGE, &body)].concat();
        let exchange = read_now(&record(HANDSHAKE, &bytes)).expect("a flight").key_exchange;
        let exchange = exchange.expect("a key exchange");
        assert_eq!((exchange.group.as_str(), exchange.signature), ("DH 2048", Some(0x0401)));
    }

    #[test]
    fn tls_1_3_has_nothing_more_to_say_after_its_hello() {
        let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x11, 0xec, 0, 16, 0, 4, 0, 2, 1, b'h'];
        for (random, retry) in [(RETRY, true), ([1; 32], false)] {
            let bytes = record(HANDSHAKE, &hello_with(3, &random, 0x1302, &extensions));
            let hello = read_now(&[&bytes[..], b"unread"].concat()).expect("a flight").hello;
            assert_eq!((hello.version, hello.retry), (TlsVersion::Tls13, retry));
            assert_eq!(hello.extensions, [43, 51, 16]);
            assert_eq!((hello.group.as_deref(), hello.alpn.as_deref()), (Some("X25519MLKEM768"), Some("h")));
        }
        let unknown = [0, 51, 0, 2, 0x7a, 0x7a];
        let bytes = record(HANDSHAKE, &hello_with(3, &RETRY, 0x1302, &unknown));
        assert_eq!(read_now(&bytes).expect("a flight").hello.group.as_deref(), Some("0x7a7a"));
        // More extensions than there are, the last of which is cut short.
        let many = [[0xfe, 0, 0, 0].repeat(100), vec![1, 2, 3, 4]].concat();
        let bytes = record(HANDSHAKE, &hello_with(3, &RETRY, 0x1302, &many));
        assert_eq!(read_now(&bytes).expect("a flight").hello.extensions.len(), MAX_EXTENSIONS);
    }

    #[test]
    fn what_came_before_the_end_counts() {
        let bytes = [record(HANDSHAKE, &hello(1, 0xfeff)), record(ALERT, &[2, 40])].concat();
        assert_eq!(read_now(&bytes).expect("a flight").hello.cipher_name(), "0xfeff");
        let huge =
            [record(HANDSHAKE, &hello(3, 0x002f)), record(HANDSHAKE, &[CERTIFICATE, 0xf, 0, 0])].concat();
        assert!(read_now(&huge).is_ok_and(|flight| flight.chain.is_empty()));
    }

    #[test]
    fn ends_have_their_names() {
        assert_eq!(end(b""), OfferError::Closed);
        assert_eq!(end(&record(ALERT, &[2, 70])), OfferError::Alert("protocol_version".to_owned()));
        assert!(matches!(end(b"HTTP/1.1 400 Bad Request"), OfferError::NotTls(_)));
        assert_eq!(end(&record(HANDSHAKE, &[SERVER_HELLO, 1, 0, 1])), OfferError::TooLarge);
        assert_eq!(end(&record(ALERT, &[1, 112]).repeat(20_000)), OfferError::TooLarge);
        let done = record(HANDSHAKE, &message(SERVER_HELLO_DONE, &[]));
        assert!(matches!(end(&done), OfferError::Malformed(_)));
    }

    proptest! {
        #[test]
        fn garbage_does_no_harm(
            kind in 20_u8..24,
            cipher in prop::sample::select(vec![0x002f, 0x009e, 0xc02f, 0x1301]),
            extensions in proptest::collection::vec(any::<u8>(), 0..60),
            pieces in proptest::collection::vec((0_u8..24, proptest::collection::vec(any::<u8>(), 0..60)), 0..6),
        ) {
            let mut bytes = record(HANDSHAKE, &hello_with(3, &[7; 32], cipher, &extensions));
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
