//! Certificates and the server's side of TLS.

use std::{io, sync::Arc};

use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

/// A self-signed certificate, as most Electrum servers have one, with a key of its own.
pub(crate) fn acceptor(common_name: &str) -> io::Result<TlsAcceptor> {
    let (certificate, key) = self_signed(common_name, 0)?;
    with_chain(vec![certificate], key)
}

/// A chain of `length` certificates of `size` bytes and some more.
pub(crate) fn bulky_acceptor(length: usize, size: usize) -> io::Result<TlsAcceptor> {
    let (certificate, key) = self_signed("bulky.example.org", size)?;
    with_chain(vec![certificate; length], key)
}

/// The DER of a sound certificate, for handshakes written by hand.
pub(crate) fn certificate(common_name: &str) -> io::Result<Vec<u8>> {
    Ok(self_signed(common_name, 0)?.0.to_vec())
}

fn self_signed(
    common_name: &str,
    ballast: usize,
) -> io::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if ballast > 0 {
        // An OID of the arc that is set aside for examples; the content is an OCTET STRING.
        let mut content = vec![0x04, 0x83];
        content.extend_from_slice(&u32::try_from(ballast).map_err(io::Error::other)?.to_be_bytes()[1..]);
        content.resize(content.len() + ballast, b'A');
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 999, 1], content));
    }
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

fn with_chain(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> io::Result<TlsAcceptor> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
