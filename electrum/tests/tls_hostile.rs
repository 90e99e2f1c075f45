//! TLS against servers that mean no good: nothing they send hangs, panics or passes for a handshake.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use electrum::{
    Endpoint, Host, Transport,
    dial::{DialError, Dialer, Route},
    guard::Guard,
    limits::Limits,
    names::Names,
    tls::{Connector, Facts, Hello, Offer, OfferError, Parting, StackAnswer, TlsError, offer, stack},
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
    net::{TcpListener, TcpStream},
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

/// What each of the unusual hellos is answered, which the server does not tell apart.
async fn stacked(words: &[u8]) -> StackAnswer {
    let host = host();
    let asked = |hello| timeout(Duration::from_secs(20), stack(hello, &host, says(words.to_vec())));
    let [first, second, third] = Hello::ALL.map(asked);
    let [first, second, third] =
        [first.await, second.await, third.await].map(|answer| answer.expect("an end"));
    assert!(first == second && second == third);
    first
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
        assert_eq!(stacked(words).await, StackAnswer::NotTls);
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
    assert_eq!(offered(says(alert.clone())).await, Err(OfferError::Alert("protocol_version".to_owned())));

    assert_eq!(stacked(&[]).await, StackAnswer::Closed);
    let refused = |then| StackAnswer::Alert { alert: "protocol_version".to_owned(), then };
    assert_eq!(stacked(&alert).await, refused(Parting::Closed));
    // Who talks on after a refusal is listened to for no more than 64 KiB.
    let chatter = [&alert[..], &[b'x'; 1 << 20]].concat();
    assert_eq!(stacked(&chatter).await, refused(Parting::Open));
}

#[tokio::test]
async fn a_flood_of_one_message() {
    // A certificate message that claims 16 MB, and goes on and on.
    let mut words = vec![22, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff];
    words.resize(5 + 0x4000, 0);
    let record: Vec<u8> = [&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat();
    words.extend(record.repeat(100));
    assert_eq!(connected(says(words.clone())).await.1, TlsError::TooLarge);
    assert_eq!(offered(says(words.clone())).await, Err(OfferError::TooLarge));
    assert_eq!(stacked(&words).await, StackAnswer::Malformed);
    // Warnings without end.
    let words = [21, 3, 3, 0, 2, 1, 112].repeat(100_000);
    assert_eq!(stacked(&words).await, StackAnswer::Malformed);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_does_not_hang_up() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    theirs.write_all(&[21, 3, 3, 0, 2, 2, 70]).await.expect("room");
    let began = tokio::time::Instant::now();
    let answer = stack(Hello::Outdated, &host(), ours).await;
    assert!(matches!(answer, StackAnswer::Alert { then: Parting::Open, .. }), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
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

/// A dialer with so much time, and the way to somebody who treats every guest like this.
async fn visiting<F: Future<Output = ()> + Send>(
    connect: Duration,
    treat: impl Fn(TcpStream) -> F + Send + 'static,
) -> (Dialer, Endpoint, Route) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((guest, _)) = listener.accept().await {
            treat(guest).await;
        }
    });
    let limits = Limits { connect, ..Limits::default() };
    let dialer = Dialer::new(Names::system(), Guard::AllowPrivate, None, limits);
    let host = Host::Address(address.ip());
    let endpoint = Endpoint::new(host, address.port(), Transport::Tls).expect("an endpoint");
    let route = dialer.resolve(&endpoint.host).await.route.expect("a way");
    (dialer, endpoint, route)
}

#[tokio::test]
async fn a_byte_at_a_time_runs_out_of_time() {
    let (dialer, endpoint, route) = visiting(Duration::from_millis(400), |mut guest| async move {
        for byte in [22, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(0)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if guest.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    })
    .await;
    for hello in Hello::ALL {
        let answer = dialer.tls_stack(&endpoint, &route, hello).await;
        assert!(matches!(answer, Err(DialError::OutOfTime("TLS"))), "{answer:?}");
    }
    let ticket = dialer.tls_ticket(&endpoint, &route).await;
    assert!(matches!(ticket, Err(DialError::OutOfTime("TLS"))), "{ticket:?}");
}

/// Somebody who sends so many tickets after the handshake, and then data without end.
async fn visiting_a_giver(tickets: usize) -> (Dialer, Endpoint, Route) {
    let one = made(0);
    let key = PrivateKeyDer::Pkcs8(one.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![one.cert.der().clone()], key)
        .expect("a configuration");
    config.send_tls13_tickets = tickets;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    visiting(Duration::from_secs(20), move |guest| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(guest).await {
                while stream.write_all(&[b'x'; 1 << 14]).await.is_ok() {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn data_instead_of_a_ticket() {
    let (dialer, endpoint, route) = visiting_a_giver(0).await;
    let ticket = timeout(Duration::from_secs(20), dialer.tls_ticket(&endpoint, &route)).await;
    assert!(matches!(ticket, Ok(Ok(None))), "{ticket:?}");
}

#[tokio::test]
async fn more_tickets_than_anybody_needs() {
    let (dialer, endpoint, route) = visiting_a_giver(50).await;
    let ticket = dialer.tls_ticket(&endpoint, &route).await.expect("a handshake");
    let mut ticket = ticket.expect("tickets");
    let mut uses = 0;
    while !ticket.is_spent() {
        dialer.tls_redeem(&endpoint, &route, &mut ticket).await.expect("a handshake");
        uses += 1;
    }
    assert_eq!(uses, 4);
}
