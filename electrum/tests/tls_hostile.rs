//! TLS against servers that mean no good: nothing they send hangs, panics or passes for a handshake.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use electrum::{
    Host,
    tls::{Connector, Facts, Offer, OfferError, TlsError, offer},
};
use rcgen::{CertificateParams, CertifiedKey as Made, CustomExtension, KeyPair};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

fn host() -> Host {
    "192.0.2.1".parse().expect("a host")
}

/// Says this after the client's hello, then closes.
fn says(words: Vec<u8>) -> DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut hello = [0; 4096];
        let _ = theirs.read(&mut hello).await;
        let _ = theirs.write_all(&words).await;
    });
    ours
}

async fn connected(stream: DuplexStream) -> (Option<Facts>, TlsError) {
    let connector = Connector::new();
    let host = host();
    let handshake = timeout(Duration::from_secs(20), connector.connect(&host, stream));
    let (facts, stream) = handshake.await.expect("an end");
    (facts, stream.map(drop).expect_err("no handshake"))
}

async fn offered(stream: DuplexStream) -> Result<Offer, OfferError> {
    timeout(Duration::from_secs(20), offer(&host(), stream)).await.expect("an end")
}

#[tokio::test]
async fn what_is_not_tls() {
    let plain = br#"{"jsonrpc":"2.0","method":"server.version"}"#;
    for words in [&plain[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0xff; 5_000], &[0; 5_000]] {
        let (facts, error) = connected(says(words.to_vec())).await;
        assert_eq!(facts, None);
        assert!(matches!(error, TlsError::NotTls(_)), "{error:?}");
        assert!(!error.may_be_unsupported());
        assert!(matches!(offered(says(words.to_vec())).await, Err(OfferError::NotTls(_))));
    }
}

#[tokio::test]
async fn silence_and_alerts() {
    let (facts, error) = connected(says(Vec::new())).await;
    assert_eq!((facts, &error), (None, &TlsError::Closed));
    assert!(error.may_be_unsupported());
    assert_eq!(offered(says(Vec::new())).await, Err(OfferError::Closed));

    let alert = vec![21, 3, 3, 0, 2, 2, 70];
    assert_eq!(connected(says(alert.clone())).await.1, TlsError::Alert("protocol_version".to_owned()));
    assert_eq!(offered(says(alert)).await, Err(OfferError::Alert("protocol_version".to_owned())));
}

#[tokio::test]
async fn a_flood_of_one_message() {
    // A certificate message that claims 16 MB, and goes on and on.
    let mut words = vec![22, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff];
    words.resize(5 + 0x4000, 0);
    let record: Vec<u8> = [&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat();
    words.extend(record.repeat(100));
    assert_eq!(connected(says(words.clone())).await.1, TlsError::TooLarge);
    assert_eq!(offered(says(words)).await, Err(OfferError::TooLarge));
}

/// A key and a certificate of the given size in bytes.
fn made(padding: usize) -> Made<KeyPair> {
    let mut params = CertificateParams::new(vec!["server.example".to_owned()]).expect("a name");
    let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![7; padding]);
    params.custom_extensions.push(extension);
    let signing_key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&signing_key).expect("a certificate");
    Made { cert, signing_key }
}

/// Shows one certificate and signs with the key of another.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn serves(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
) -> DuplexStream {
    let provider = ring::default_provider();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider.key_provider.load_private_key(key).expect("a signing key");
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Impostor(Arc::new(CertifiedKey::new(chain, key)))));
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let stream = TlsAcceptor::from(Arc::new(config)).accept(theirs).await;
        // Stays until the client has read what there is.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(stream);
    });
    ours
}

#[tokio::test]
async fn a_certificate_is_no_proof_of_its_key() {
    let (victim, thief) = (made(0), made(0));
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let chain = vec![victim.cert.der().clone()];
        let (facts, error) = connected(serves(chain, &thief.signing_key, version)).await;
        assert_eq!(error, TlsError::KeyNotProven);
        assert!(!error.may_be_unsupported());
        let facts = facts.expect("the stolen certificate");
        assert_eq!(facts.chain[0].as_bytes(), victim.cert.der().as_ref());
        assert_eq!((facts.version.as_deref(), facts.key_proven), (Some(name), false));
    }
}

#[tokio::test]
async fn a_certificate_of_a_megabyte() {
    let huge = made(1 << 20);
    for version in [&TLS12, &TLS13] {
        let chain = vec![huge.cert.der().clone()];
        let (facts, error) = connected(serves(chain, &huge.signing_key, version)).await;
        assert_eq!((facts, error), (None, TlsError::TooLarge));
    }
}

#[tokio::test]
async fn long_chains_are_cut() {
    let one = made(0);
    let chain = vec![one.cert.der().clone(); 60];
    let stream = serves(chain, &one.signing_key, &TLS13);
    let (facts, stream) = Connector::new().connect(&host(), stream).await;
    assert!(stream.is_ok());
    assert_eq!(facts.map(|facts| facts.chain.len()), Some(16));
}

#[tokio::test]
async fn certificates_that_are_none() {
    let one = made(0);
    for garbage in [vec![0x30, 0x80], vec![7; 300], Vec::new()] {
        let chain = vec![CertificateDer::from(garbage.clone())];
        let (_, error) = connected(serves(chain, &one.signing_key, &TLS13)).await;
        assert!(
            matches!(error, TlsError::Certificate(_) | TlsError::Misbehaved(_)),
            "{garbage:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_connection() {
    let (facts, error) = connected({
        let (ours, theirs) = tokio::io::duplex(16);
        drop(theirs);
        ours
    })
    .await;
    assert_eq!((facts, error), (None, TlsError::Broken(ErrorKind::BrokenPipe)));
}
