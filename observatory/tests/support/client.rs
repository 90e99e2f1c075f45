//! A client without a mind of its own, to try the servers with.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use electrum::Endpoint;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What the observatory sends first: the id's unusual form is its way to see how numbers are echoed.
pub(crate) const VERSION: &str = "{\"jsonrpc\":\"2.0\",\"id\":739100e2,\"method\":\"server.version\",\"params\":[\"t\",[\"1.4\",\"1.6\"]]}\n";
/// What an honest server says to it.
pub(crate) const VERSION_ANSWER: &str =
    "{\"id\":73910000.0,\"jsonrpc\":\"2.0\",\"result\":[\"electrs/0.12.0\",\"1.4\"]}\n";

/// A line that asks.
pub(crate) fn request(id: u32, method: &str, params: &Value) -> String {
    format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

/// Connects, without TLS or WebSocket even where the endpoint has them.
pub(crate) async fn dial(endpoint: &Endpoint) -> anyhow::Result<TcpStream> {
    let address = endpoint.host.address().context("an address")?;
    Ok(TcpStream::connect((address, endpoint.port.get())).await?)
}

/// Up to `most` bytes of the answer to `asked`; fewer when the server ends.
pub(crate) async fn hear(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: &str,
    most: usize,
) -> Vec<u8> {
    // A server that has ended already is heard all the same.
    let _ = stream.write_all(asked.as_bytes()).await;
    let _ = stream.flush().await;
    let (mut heard, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    while heard.len() < most {
        match timeout(Duration::from_millis(800), stream.read(&mut part)).await {
            Ok(Ok(length)) if length > 0 => heard.extend_from_slice(&part[..length]),
            _ => break,
        }
    }
    heard
}

#[derive(Debug)]
struct TrustAll;

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// TLS with whoever it is.
pub(crate) async fn encrypt(stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAll))
        .with_no_client_auth();
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}
