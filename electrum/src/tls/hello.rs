//! A ClientHello that every server of the last twenty years understands: TLS 1.0 to 1.2, and every cipher
//! suite and curve that Electrum servers are known to use. No handshake follows it; it only asks.

use crate::Host;

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

/// The hello, record header included. The host's name is in it if it has one.
pub(super) fn client_hello(host: &Host) -> Vec<u8> {
    let random: [u8; 32] = rand::random();
    let mut extensions = Vec::new();
    if let Host::Name(name) = host {
        extensions.extend(extension(0, |body| {
            vector16(body, |list| {
                list.push(0);
                vector16(list, |out| out.extend(name.as_str().as_bytes()));
            });
        }));
    }
    extensions.extend(extension(10, |body| vector16(body, |out| numbers(out, GROUPS))));
    // Uncompressed points.
    extensions.extend(extension(11, |body| body.extend([1, 0])));
    extensions.extend(extension(13, |body| vector16(body, |out| numbers(out, SIGNATURES))));

    let mut body = vec![3, 3];
    body.extend(random);
    // No session.
    body.push(0);
    vector16(&mut body, |out| numbers(out, CIPHERS));
    // No compression.
    body.extend([1, 0]);
    vector16(&mut body, |out| out.extend(extensions));

    // A record of TLS 1.0 with one handshake message, a ClientHello, whose length has three bytes.
    let mut record = vec![22, 3, 1];
    vector16(&mut record, |out| {
        out.extend([1, 0]);
        vector16(out, |out| out.extend(body));
    });
    record
}

fn extension(kind: u16, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    vector16(&mut bytes, fill);
    bytes
}

/// Writes what `fill` writes, preceded by its length in two bytes. The parts of our hello are a few
/// hundred bytes long; should they ever not be, the length is wrong and the server says so.
fn vector16(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = Vec::new();
    fill(&mut bytes);
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(bytes);
}

fn numbers(out: &mut Vec<u8>, numbers: &[u16]) {
    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use tls_parser::{TlsMessage, TlsMessageHandshake, parse_tls_extensions, parse_tls_plaintext};

    use super::*;

    #[test]
    fn the_hello_is_one() {
        for (host, names) in [("a.example", 1), ("192.0.2.1", 0)] {
            let bytes = client_hello(&host.parse().expect("a host"));
            let (rest, record) = parse_tls_plaintext(&bytes).expect("a record");
            assert!(rest.is_empty());
            let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))] = &record.msg[..] else {
                panic!("{record:?}");
            };
            assert_eq!(hello.ciphers.len(), CIPHERS.len());
            let (rest, extensions) =
                parse_tls_extensions(hello.ext.expect("extensions")).expect("extensions");
            assert!(rest.is_empty());
            assert_eq!(extensions.len(), 3 + names);
        }
    }
}
