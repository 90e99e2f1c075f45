//! Certificates that servers show. What they look like is decided elsewhere; here they are made ready to be used when
//! somebody asks for them.

use std::sync::{Arc, OnceLock};

use rustls::{
    ServerConfig, crypto,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// A certificate chain and its key. Several endpoints, and several servers, may share one.
#[derive(Debug)]
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    config: OnceLock<Arc<ServerConfig>>,
}

impl Credentials {
    /// A chain, the server's own certificate first, and the key of that one.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key, config: OnceLock::new() }
    }

    /// The chain, the server's own certificate first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The configuration for them, made at the first use.
    ///
    /// # Errors
    /// Where the key is none that rustls signs with, or is not that of the certificate.
    pub(super) fn config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}
