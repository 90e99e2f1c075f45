//! The three hellos that stacks are told apart by. Each is within the standards, and says goodbye before
//! any secret is made.

use serde::{Deserialize, Serialize};

use crate::{
    Host,
    tls::hello::{ClientHello, extension, list, vector16},
};

/// A ClientHello that no ordinary client sends. Its answer shows what a server's TLS library and its
/// configuration prefer, accept and refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hello {
    /// TLS 1.2 with every wish upside down: first what fewest servers accept, last what most prefer. Who
    /// follows the client picks the first that it has; who does not, its own favourite. It offers every
    /// extension that TLS 1.2 servers are known to answer.
    Reversed,
    /// TLS 1.3 without a key share, which the server has to ask for by the group it likes best.
    Shareless,
    /// TLS 1.1 at most, and a goodbye right behind it: servers differ in how they refuse it, and whether
    /// they close the connection with the goodbye read or unread.
    Outdated,
}

impl Hello {
    /// All of them, in the order of a [`fingerprint`](super::fingerprint).
    pub const ALL: [Self; 3] = [Self::Reversed, Self::Shareless, Self::Outdated];

    /// What goes over the wire. TLS 1.3 alone has a session id, which is there for middleboxes.
    pub(super) fn to_bytes(self, host: &Host, session_id: &[u8; 32]) -> Vec<u8> {
        match self {
            Self::Reversed => reversed().to_bytes(host),
            Self::Shareless => shareless(session_id).to_bytes(host),
            Self::Outdated => [outdated().to_bytes(host), GOODBYE.to_vec()].concat(),
        }
    }
}

/// The alert close_notify in a record of TLS 1.1.
const GOODBYE: [u8; 7] = [21, 3, 2, 0, 2, 1, 0];

fn reversed() -> ClientHello<'static> {
    #[rustfmt::skip]
    const CIPHERS: &[u16] = &[
        // RC4 and triple DES.
        0x0005, 0xc012, 0x000a,
        // DHE.
        0xccaa, 0x0033, 0x0039, 0x0067, 0x009e, 0x009f,
        // RSA key exchange: with CCM, ARIA and Camellia, and as most know it.
        0xc09c, 0xc050, 0x0041, 0x002f, 0x0035, 0x003c, 0x009c, 0x009d,
        // ECDHE with CBC, CCM, ChaCha20 and GCM.
        0xc009, 0xc013, 0xc00a, 0xc014, 0xc023, 0xc027, 0xc0ac, 0xcca9, 0xcca8,
        0xc02b, 0xc02f, 0xc02c, 0xc030,
    ];
    // X448, P-521, brainpool P512r1, P-384, P-256, X25519.
    const GROUPS: &[u16] = &[30, 25, 28, 24, 23, 29];
    // SHA-1, then PKCS #1, then PSS, the long hashes first; ECDSA and EdDSA.
    #[rustfmt::skip]
    const SIGNATURES: &[u16] = &[
        0x0201, 0x0203, 0x0601, 0x0501, 0x0401, 0x080b, 0x0806, 0x0805, 0x0804,
        0x0603, 0x0503, 0x0403, 0x0808, 0x0807,
    ];
    ClientHello {
        version: 0x0303,
        session_id: None,
        ciphers: CIPHERS,
        extensions: vec![
            // Fragments of 4,096 bytes.
            extension(1, |body| body.push(4)),
            // A stapled certificate status, with no wishes.
            extension(5, |body| body.extend([1, 0, 0, 0, 0])),
            list(10, GROUPS),
            // Points uncompressed and compressed.
            extension(11, |body| body.extend([3, 2, 1, 0])),
            list(13, SIGNATURES),
            // Heartbeats, if need be.
            extension(15, |body| body.push(1)),
            extension(16, |body| vector16(body, |out| out.extend(b"\x02h2\x08http/1.1"))),
            // Certificate timestamps, encrypt-then-MAC, extended master secret.
            extension(18, |_| {}),
            extension(22, |_| {}),
            extension(23, |_| {}),
            // Records of 16,384 bytes.
            extension(28, |body| body.extend([0x40, 0])),
            // A session ticket; next protocol; secure renegotiation.
            extension(35, |_| {}),
            extension(13_172, |_| {}),
            extension(0xff01, |body| body.push(0)),
        ],
    }
}

fn shareless(session_id: &[u8; 32]) -> ClientHello<'_> {
    ClientHello {
        version: 0x0303,
        session_id: Some(session_id),
        // CCM first, GCM with AES-256 last; then TLS 1.2 for who has no more.
        #[rustfmt::skip]
        ciphers: &[
            0x1305, 0x1304, 0x1303, 0x1301, 0x1302,
            0xcca8, 0xcca9, 0xc02f, 0xc02b, 0xc030, 0xc02c, 0x00ff,
        ],
        extensions: vec![
            // ffdhe2048, X448, P-521, P-384, P-256, X25519, X25519MLKEM768.
            list(10, &[0x0100, 30, 25, 24, 23, 29, 0x11ec]),
            extension(11, |body| body.extend([1, 0])),
            list(13, &[0x0806, 0x0805, 0x0804, 0x0603, 0x0503, 0x0403, 0x0807, 0x0601, 0x0501, 0x0401]),
            extension(23, |_| {}),
            extension(35, |_| {}),
            // TLS 1.3 or 1.2.
            extension(43, |body| body.extend([4, 3, 4, 3, 3])),
            // Keys may be resumed with a fresh exchange only.
            extension(45, |body| body.extend([1, 1])),
            // The key shares: none.
            list(51, &[]),
        ],
    }
}

fn outdated() -> ClientHello<'static> {
    ClientHello {
        version: 0x0302,
        session_id: None,
        ciphers: &[
            0x0033, 0x0039, 0x002f, 0x0035, 0xc009, 0xc013, 0xc00a, 0xc014, 0x000a, 0xc008, 0xc012, 0x00ff,
        ],
        extensions: vec![
            list(10, &[23, 24, 25, 29]),
            extension(11, |body| body.extend([1, 0])),
            extension(35, |_| {}),
        ],
    }
}

#[cfg(test)]
mod tests {
    use tls_parser::{
        TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions, parse_tls_plaintext,
    };

    use super::*;

    #[test]
    fn every_hello_is_well_formed() {
        for hello in Hello::ALL {
            let bytes = hello.to_bytes(&"a.example".parse().expect("a host"), &[7; 32]);
            // One segment, so that nobody takes the hello for slow.
            assert!(bytes.len() < 1_200, "{hello:?} has {} bytes", bytes.len());
            let (rest, record) = parse_tls_plaintext(&bytes).expect("a record");
            let goodbye: &[u8] = if hello == Hello::Outdated { &GOODBYE } else { &[] };
            assert_eq!(rest, goodbye);
            let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(read))] = &record.msg[..] else {
                panic!("{record:?}");
            };
            let (rest, extensions) =
                parse_tls_client_hello_extensions(read.ext.expect("extensions")).expect("extensions");
            assert!(rest.is_empty());
            let unread = extensions.iter().filter(|e| matches!(e, TlsExtension::Unknown(..))).count();
            assert_eq!(unread, 0, "{extensions:?}");
        }
    }
}
