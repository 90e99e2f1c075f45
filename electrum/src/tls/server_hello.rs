//! The hello of a server: what it chose.

use tls_parser::{NamedGroup, TlsCipherKx, TlsCipherSuiteID, TlsVersion, parse_tls_handshake_server_hello};

use crate::text::printable;

/// Extensions of one hello that are kept; the registry has about sixty, a server uses six.
pub(super) const MAX_EXTENSIONS: usize = 32;

const APPLICATION_PROTOCOL: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// The random of a hello that asks for another hello (RFC 8446, section 4.1.3): SHA-256 of
/// `HelloRetryRequest`.
pub(super) const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The server's choices.
#[derive(Debug)]
pub(super) struct ServerHello {
    /// The version that counts, in whichever place it stands.
    pub(super) version: TlsVersion,
    pub(super) cipher: TlsCipherSuiteID,
    pub(super) session_id: Box<[u8]>,
    /// Whether it asks for another hello.
    pub(super) retry: bool,
    /// The types of the extensions, in the server's order, at most 32.
    pub(super) extensions: Vec<u16>,
    /// The group of the key share that it sends or wants.
    pub(super) group: Option<String>,
    /// The application protocol.
    pub(super) alpn: Option<String>,
}

impl ServerHello {
    /// The body of the message, if it is one.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
        let mut read = Self {
            version: hello.version,
            cipher: hello.cipher,
            session_id: hello.session_id.unwrap_or_default().into(),
            retry: hello.random == RETRY,
            extensions: Vec::new(),
            group: None,
            alpn: None,
        };
        for (kind, value) in extensions(hello.ext.unwrap_or_default()) {
            match (kind, value) {
                (SUPPORTED_VERSIONS, [high, low]) => {
                    read.version = TlsVersion(u16::from_be_bytes([*high, *low]));
                }
                (KEY_SHARE, [high, low, ..]) => {
                    read.group = Some(group_name(NamedGroup(u16::from_be_bytes([*high, *low]))));
                }
                (APPLICATION_PROTOCOL, [_, _, _, name @ ..]) => {
                    read.alpn = Some(printable(&String::from_utf8_lossy(name), 32));
                }
                _ => {}
            }
            read.extensions.push(kind);
        }
        Some(read)
    }

    /// The key exchange that the cipher suite stands for; TLS 1.3 has it elsewhere.
    pub(super) fn key_exchange(&self) -> Option<TlsCipherKx> {
        self.cipher.get_ciphersuite().map(|suite| suite.kx)
    }

    /// The cipher suite by its IANA name, or its number.
    pub(super) fn cipher_name(&self) -> String {
        let suite = self.cipher.get_ciphersuite();
        suite.map_or_else(|| format!("{:#06x}", self.cipher.0), |suite| suite.name.to_owned())
    }

    /// Whether what follows is encrypted, or waits for another hello.
    pub(super) fn is_last_word(&self) -> bool {
        self.retry || self.version == TlsVersion::Tls13
    }
}

/// Types and values of extensions, as many as are whole.
fn extensions(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let next = move || {
        let [a, b, c, d, rest @ ..] = bytes else {
            return None;
        };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
        bytes = rest;
        Some((u16::from_be_bytes([*a, *b]), value))
    };
    std::iter::from_fn(next).take(MAX_EXTENSIONS)
}

/// A version's name as people write it: `TLSv1.2`.
pub(super) fn version_name(version: TlsVersion) -> String {
    match version {
        TlsVersion::Ssl30 => "SSLv3".to_owned(),
        TlsVersion::Tls10 => "TLSv1.0".to_owned(),
        TlsVersion::Tls11 => "TLSv1.1".to_owned(),
        TlsVersion::Tls12 => "TLSv1.2".to_owned(),
        TlsVersion::Tls13 => "TLSv1.3".to_owned(),
        TlsVersion(other) => format!("{other:#06x}"),
    }
}

/// A group's name: `X25519`, `P-256`.
pub(super) fn group_name(group: NamedGroup) -> String {
    match group {
        NamedGroup::Secp256r1 => "P-256".to_owned(),
        NamedGroup::Secp384r1 => "P-384".to_owned(),
        NamedGroup::Secp521r1 => "P-521".to_owned(),
        NamedGroup::EcdhX25519 => "X25519".to_owned(),
        NamedGroup::EcdhX448 => "X448".to_owned(),
        NamedGroup(0x11ec) => "X25519MLKEM768".to_owned(),
        other => match format!("{other:?}").to_ascii_lowercase() {
            nameless if nameless.contains('(') => format!("{:#06x}", other.0),
            name => name,
        },
    }
}
