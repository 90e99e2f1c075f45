//! Against real OpenSSL servers: with every certificate the Electrum world has, and with everything that
//! rustls does not speak.

use crate::support::{Server, Workshop};
use electrum::{
    Host,
    tls::{
        Certificate, Connector, Facts, Offer, OfferError, TlsError, Unsupported, classify, describe, offer,
    },
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Lets OpenSSL do what it considers unsafe.
const UNSAFE: &str = "-cipher ALL:@SECLEVEL=0";

fn host() -> Host {
    "server.example".parse().expect("a host")
}

/// Connects, has a line echoed and returns what was learnt.
async fn met(server: &Server) -> (Facts, Certificate) {
    let (facts, stream) = Connector::new().connect(&host(), server.connect().await).await;
    let mut stream = stream.expect("a handshake");
    stream.write_all(b"abc\n").await.expect("to write");
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.expect("an echo");
    assert_eq!(&echo, b"cba\n");
    let facts = facts.expect("facts");
    assert!(facts.key_proven);
    let json = serde_json::to_string(&facts).expect("JSON");
    assert_eq!(serde_json::from_str::<Facts>(&json).expect("facts"), facts);
    let leaf = describe(facts.chain.first().expect("a certificate").as_bytes()).expect("a description");
    (facts, leaf)
}

/// Fails to connect, asks what there is, and returns both with the verdict.
async fn missed(server: &Server) -> (TlsError, Result<Offer, OfferError>, Option<Unsupported>) {
    let (_, stream) = Connector::new().connect(&host(), server.connect().await).await;
    let error = stream.map(drop).expect_err("no handshake");
    assert!(error.may_be_unsupported(), "{error:?}");
    let offer = offer(&host(), server.connect().await).await;
    let verdict = classify(&error, &offer);
    (error, offer, verdict)
}

#[tokio::test]
async fn self_signed() {
    let shop = Workshop::new();
    let names = "-addext subjectAltName=DNS:a.example,DNS:b.example,IP:192.0.2.1";
    let server = shop.certificate(&format!("-newkey rsa:2048 {names}")).serve("");
    let (facts, leaf) = met(&server).await;
    assert_eq!(facts.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(facts.cipher.as_deref(), Some("TLS_AES_256_GCM_SHA384"));
    assert_eq!(facts.group.as_deref(), Some("X25519"));
    assert_eq!((facts.alpn, facts.chain.len()), (None, 1));
    assert_eq!((leaf.subject.as_str(), leaf.self_signed, leaf.x509_version), ("CN=localhost", true, 3));
    assert_eq!((leaf.key.as_str(), leaf.dns_names.len()), ("RSA 2048", 2));
    assert_eq!(leaf.signature_algorithm, "sha256WithRSAEncryption");
    assert_eq!(leaf.not_after.as_second() - leaf.not_before.as_second(), 30 * 86_400);
    assert_eq!((leaf.sha256.len(), leaf.spki_sha256.len()), (64, 64));
}

#[tokio::test]
async fn version_1_and_expired_on_both_versions() {
    let shop = Workshop::new();
    shop.version_1("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", -1);
    let mut keys = Vec::new();
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (facts, leaf) = met(&shop.serve(option)).await;
        assert_eq!(facts.version.as_deref(), Some(version));
        assert_eq!((leaf.x509_version, leaf.subject.as_str()), (1, "C=AU, O=Widgits, CN=localhost"));
        assert!(leaf.not_after < leaf.not_before);
        keys.push(leaf.spki_sha256);
    }
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn odd_certificates() {
    let cases = [
        ("-newkey rsa:2048 -sha1", UNSAFE, "RSA 2048", "sha1WithRSAEncryption"),
        ("-newkey rsa:2048 -md5", UNSAFE, "RSA 2048", "md5WithRSAEncryption"),
        ("-newkey rsa:4096", "-tls1_2", "RSA 4096", "sha256WithRSAEncryption"),
        // Critical, and nobody knows what it means.
        (
            "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -addext 1.2.3.4=critical,DER:0500",
            "",
            "EC P-256",
            "ecdsa-with-SHA256",
        ),
        ("-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384", "-tls1_2", "EC P-384", "ecdsa-with-SHA384"),
        ("-newkey ed25519", "", "Ed25519", "ed25519"),
        // For another name, and for signing certificates only.
        (
            "-newkey rsa:2048 -addext subjectAltName=DNS:else.example -addext keyUsage=critical,keyCertSign",
            "",
            "RSA 2048",
            "sha256WithRSAEncryption",
        ),
    ];
    for (made, served, key, signature) in cases {
        let shop = Workshop::new();
        let (_, leaf) = met(&shop.certificate(made).serve(served)).await;
        assert_eq!((leaf.key.as_str(), leaf.signature_algorithm.as_str()), (key, signature), "{made}");
    }
}

#[tokio::test]
async fn a_chain_of_three() {
    let shop = Workshop::new();
    let request = |name: &str| {
        shop.openssl(&format!(
            "req -new -newkey rsa:2048 -nodes -keyout {name}-key.pem -out {name}.csr -subj /CN={name}"
        ));
    };
    shop.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout root-key.pem -out root.pem -subj /CN=root -days 9",
    );
    request("middle");
    shop.openssl("x509 -req -in middle.csr -CA root.pem -CAkey root-key.pem -CAcreateserial -out middle.pem");
    request("leaf");
    shop.openssl("x509 -req -in leaf.csr -CA middle.pem -CAkey middle-key.pem -CAcreateserial -out cert.pem");
    shop.openssl("pkey -in leaf-key.pem -out key.pem");
    let (facts, leaf) =
        met(&shop.serve("-cert_chain middle.pem -CAfile root.pem -chainCAfile root.pem")).await;
    let names: Vec<_> =
        facts.chain.iter().map(|der| describe(der.as_bytes()).expect("one").subject).collect();
    assert_eq!(names[..2], ["CN=leaf", "CN=middle"]);
    assert_eq!((leaf.issuer.as_str(), leaf.self_signed), ("CN=middle", false));
}

#[tokio::test]
async fn small_rsa_keys() {
    let shop = Workshop::new();
    let server = shop.certificate("-newkey rsa:1024").serve(UNSAFE);
    let (facts, stream) = Connector::new().connect(&host(), server.connect().await).await;
    assert_eq!(stream.map(drop), Err(TlsError::SmallRsaKey(1024)));
    let facts = facts.expect("what was seen before");
    assert_eq!((facts.chain.len(), facts.key_proven), (1, false));
    let (_, offer, verdict) = missed(&server).await;
    assert_eq!(verdict, Some(Unsupported::SmallRsaKey(1024)));
    assert_eq!(offer.expect("an offer").chain, facts.chain);
}

#[tokio::test]
async fn keys_on_curves_that_rustls_does_not_have() {
    for curve in ["secp256k1", "P-521"] {
        let shop = Workshop::new();
        shop.certificate(&format!("-newkey ec -pkeyopt ec_paramgen_curve:{curve}"));
        let groups = "-groups X25519:P-256:P-521:secp256k1";
        let (error, offer, verdict) = missed(&shop.serve(groups)).await;
        assert_eq!(error, TlsError::Alert("handshake_failure".to_owned()));
        assert_eq!(verdict, Some(Unsupported::Curve(curve.to_owned())));
        let leaf = describe(offer.expect("an offer").chain[0].as_bytes()).expect("a description");
        assert_eq!(leaf.key, format!("EC {curve}"));
    }
}

#[tokio::test]
async fn old_versions() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    for (option, version) in [("-tls1", "TLSv1.0"), ("-tls1_1", "TLSv1.1")] {
        let (error, offer, verdict) = missed(&shop.serve(&format!("{option} {UNSAFE}"))).await;
        assert_eq!(error, TlsError::Alert("protocol_version".to_owned()));
        assert_eq!(verdict, Some(Unsupported::OldVersion(version.to_owned())));
        let offer = offer.expect("an offer");
        assert_eq!((offer.version.as_str(), offer.chain.len()), (version, 1));
        assert_eq!(offer.key_exchange.as_deref(), Some("ECDHE"));
        assert_eq!(offer.curve.as_deref(), Some("X25519"));
        let json = serde_json::to_string(&offer).expect("JSON");
        assert_eq!(serde_json::from_str::<Offer>(&json).expect("an offer"), offer);
    }
}

#[tokio::test]
async fn old_ciphers() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    let rsa = |name: &str| Unsupported::RsaKeyExchange(name.to_owned());
    let old = |name: &str| Unsupported::OldCipher(name.to_owned());
    let cases = [
        ("-cipher AES128-SHA", rsa("TLS_RSA_WITH_AES_128_CBC_SHA")),
        ("-cipher AES256-GCM-SHA384", rsa("TLS_RSA_WITH_AES_256_GCM_SHA384")),
        ("-cipher DHE-RSA-AES256-GCM-SHA384", old("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384")),
        ("-cipher ECDHE-RSA-AES128-SHA256", old("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256")),
        ("-groups P-521", Unsupported::Curve("P-521".to_owned())),
    ];
    for (option, expected) in cases {
        let (error, _, verdict) = missed(&shop.serve(&format!("-tls1_2 {option}"))).await;
        assert_eq!(error, TlsError::Alert("handshake_failure".to_owned()), "{option}");
        assert_eq!(verdict, Some(expected), "{option}");
    }
}

#[tokio::test]
async fn an_offer_of_a_modern_server_explains_nothing() {
    let shop = Workshop::new();
    let server = shop.certificate("-newkey rsa:2048").serve("");
    let offer = offer(&host(), server.connect().await).await;
    assert_eq!(offer.as_ref().map(|offer| offer.version.as_str()), Ok("TLSv1.2"));
    assert_eq!(classify(&TlsError::Closed, &offer), None);
    let newest = shop.serve("-tls1_3");
    let offer = electrum::tls::offer(&host(), newest.connect().await).await;
    assert_eq!(offer, Err(OfferError::Alert("protocol_version".to_owned())));
}
