//! The old hello, which every server of the last twenty years understands: TLS 1.0 to 1.2, and every cipher
//! suite and curve that Electrum servers are known to use. And what a server would agree to.

use serde::{Deserialize, Serialize};
use tls_parser::TlsCipherKx;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::{
    Der,
    flight::{Flight, OfferError, read},
    hello::{ClientHello, extension, list},
    server_hello::version_name,
};
use crate::Host;

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

/// Cipher suites, the ones that rustls speaks first: a server that follows our wishes and still picks
/// another has none of them.
#[rustfmt::skip]
const CIPHERS: &[u16] = &[
    // ECDHE with an authenticated cipher.
    0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8,
    // ECDHE with CBC.
    0xc024, 0xc023, 0xc00a, 0xc009, 0xc028, 0xc027, 0xc014, 0xc013,
    // DHE, signed with RSA and with DSS.
    0x009f, 0x009e, 0xccaa, 0x006b, 0x0067, 0x0039, 0x0033,
    0x00a3, 0x00a2, 0x006a, 0x0040, 0x0038, 0x0032,
    // RSA key exchange.
    0x009d, 0x009c, 0xc09d, 0xc09c, 0x003d, 0x003c, 0x0035, 0x002f,
    // Camellia and SEED.
    0x0088, 0x0045, 0x0084, 0x0041, 0x0096,
    // Triple DES, RC4, DES.
    0xc008, 0xc012, 0x0016, 0x0013, 0x000a,
    0xc007, 0xc011, 0x0005, 0x0004, 0x0009,
    // Secure renegotiation, without which some servers hang up.
    0x00ff,
];

/// X25519, P-256, P-384, P-521, X448, secp256k1, brainpool P256r1, P384r1, P512r1, P-224, P-192.
const GROUPS: &[u16] = &[29, 23, 24, 25, 30, 22, 26, 27, 28, 21, 19];

/// ECDSA, EdDSA, RSA-PSS, RSA and DSA, with SHA-2 and SHA-1.
#[rustfmt::skip]
const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b,
    0x0401, 0x0501, 0x0601, 0x0402, 0x0303, 0x0301, 0x0203, 0x0201, 0x0202,
];

/// Says the old hello and reads what the server would agree to, without agreeing to it.
///
/// # Errors
/// [`OfferError`] if not even the server's hello came; what comes after it may be incomplete.
pub async fn offer<S: AsyncRead + AsyncWrite + Unpin + Send>(
    host: &Host,
    mut stream: S,
) -> Result<Offer, OfferError> {
    let hello = ClientHello {
        version: 0x0303,
        session_id: None,
        ciphers: CIPHERS,
        extensions: vec![
            list(10, GROUPS),
            // Uncompressed points.
            extension(11, |body| body.extend([1, 0])),
            list(13, SIGNATURES),
        ],
    };
    stream.write_all(&hello.to_bytes(host)).await?;
    stream.flush().await?;
    read(stream).await.map(Offer::from)
}

impl From<Flight> for Offer {
    fn from(flight: Flight) -> Self {
        let key_exchange = flight.hello.key_exchange();
        let curve = flight.key_exchange.filter(|_| key_exchange == Some(TlsCipherKx::Ecdhe));
        Self {
            version: version_name(flight.hello.version),
            cipher: flight.hello.cipher_name(),
            key_exchange: key_exchange.map(|kind| format!("{kind:?}").to_uppercase()),
            curve: curve.map(|exchange| exchange.group),
            chain: flight.chain,
        }
    }
}
