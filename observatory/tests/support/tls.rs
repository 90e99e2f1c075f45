//! Certificates and the server's side of TLS.

use std::{io, sync::Arc};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

/// A self-signed certificate, as most Electrum servers have one, with a key of its own.
pub(crate) fn acceptor(common_name: &str) -> io::Result<TlsAcceptor> {
    let (certificate, key) = self_signed(common_name)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The DER of a sound certificate, for handshakes written by hand.
pub(crate) fn certificate(common_name: &str) -> io::Result<Vec<u8>> {
    Ok(self_signed(common_name)?.0.to_vec())
}

fn self_signed(common_name: &str) -> io::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}
