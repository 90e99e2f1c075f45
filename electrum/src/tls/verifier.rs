//! The certificate verifier: it records every chain and trusts none, yet insists that the server owns
//! the key it shows.
//!
//! Electrum servers sign their own certificates, let them expire, and make them with commands that write
//! X.509 version 1, which webpki refuses to look at. So nothing here asks webpki: the key is taken out of
//! the certificate, whatever its form, and the signature of the handshake is checked against it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{
    DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{Der, TlsError, key::Key};

/// Certificates of one chain that are kept.
pub(super) const MAX_CHAIN: usize = 16;

/// What one handshake has shown so far.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// The chain, leaf first.
    pub(super) chain: Vec<Der>,
    /// The version, as far as the signature betrays it.
    pub(super) version: Option<&'static str>,
    /// Whether the server has proven that it owns the leaf's key.
    pub(super) key_proven: bool,
    /// Why the verifier broke the handshake off.
    pub(super) refusal: Option<TlsError>,
}

/// One connection's record, shared with whoever opened the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Arc<Mutex<Recorded>>);

impl Record {
    pub(super) fn lock(&self) -> MutexGuard<'_, Recorded> {
        // Nothing panics while it holds the lock; if it did, what is recorded is still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records one connection's certificates.
#[derive(Debug)]
pub(super) struct Recorder {
    algorithms: WebPkiSupportedAlgorithms,
    record: Record,
}

impl Recorder {
    pub(super) fn new(algorithms: WebPkiSupportedAlgorithms, record: Record) -> Self {
        Self { algorithms, record }
    }

    /// Breaks the handshake off. rustls cannot carry our errors, so they wait in the record.
    fn refuse(&self, error: TlsError) -> Error {
        let text = error.to_string();
        self.record.lock().refusal = Some(error);
        Error::General(text)
    }

    fn key<'a>(&self, certificate: &'a [u8]) -> Result<Key<'a>, Error> {
        let none = || self.refuse(TlsError::Certificate("no public key in it".to_owned()));
        Key::of(certificate).ok_or_else(none)
    }

    fn verify(
        &self,
        version: &'static str,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.record.lock().version = Some(version);
        let key = self.key(certificate)?;
        let Some((_, candidates)) = self.algorithms.mapping.iter().find(|(s, _)| *s == signed.scheme) else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        // TLS 1.2 does not say which curve a scheme means; every algorithm that fits the key may try.
        let proven = candidates
            .iter()
            .filter(|algorithm| key.fits(**algorithm))
            .any(|algorithm| algorithm.verify_signature(key.bits(), message, signed.signature()).is_ok());
        if proven {
            self.record.lock().key_proven = true;
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(self.refuse(TlsError::KeyNotProven))
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(others).take(MAX_CHAIN);
        self.record.lock().chain = chain.map(|certificate| Der::from(certificate.as_ref())).collect();
        let key = self.key(leaf)?;
        if let Some(bits) = key.small_rsa() {
            return Err(self.refuse(TlsError::SmallRsaKey(bits)));
        }
        // Found out here, so that a failing signature can only mean that the key is somebody else's.
        if !self.algorithms.all.iter().any(|algorithm| key.fits(*algorithm)) {
            return Err(self.refuse(TlsError::KeyUnsupported(key.kind().to_string())));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify("TLSv1.2", message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify("TLSv1.3", message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
