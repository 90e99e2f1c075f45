//! Writes ClientHellos by hand, since no TLS library says what these say. No handshake follows them; they
//! only ask.

use crate::Host;

/// Ours is a hello without compression; the rest is for whoever asks to choose.
pub(super) struct ClientHello<'a> {
    /// The version in the old place: `0x0303` is TLS 1.2.
    pub(super) version: u16,
    /// The session to go on with, if there is one.
    pub(super) session_id: Option<&'a [u8; 32]>,
    /// Cipher suites, best first.
    pub(super) ciphers: &'a [u16],
    /// Written by [`extension`].
    pub(super) extensions: Vec<Vec<u8>>,
}

impl ClientHello<'_> {
    /// The hello, record header included. The host's name is its first extension if it has one.
    pub(super) fn to_bytes(&self, host: &Host) -> Vec<u8> {
        let random: [u8; 32] = rand::random();
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend(random);
        match self.session_id {
            Some(id) => {
                body.push(32);
                body.extend(id);
            }
            None => body.push(0),
        }
        vector16(&mut body, |out| numbers(out, self.ciphers));
        // No compression.
        body.extend([1, 0]);
        let extensions = server_name(host).into_iter().chain(self.extensions.iter().cloned());
        vector16(&mut body, |out| out.extend(extensions.flatten()));

        // A record of TLS 1.0 with one handshake message, a ClientHello, whose length has three bytes.
        let mut record = vec![22, 3, 1];
        vector16(&mut record, |out| {
            out.extend([1, 0]);
            vector16(out, |out| out.extend(body));
        });
        record
    }
}

fn server_name(host: &Host) -> Option<Vec<u8>> {
    let Host::Name(name) = host else {
        return None;
    };
    Some(extension(0, |body| {
        vector16(body, |list| {
            list.push(0);
            vector16(list, |out| out.extend(name.as_str().as_bytes()));
        });
    }))
}

/// An extension of this type, with what `fill` writes.
pub(super) fn extension(kind: u16, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    vector16(&mut bytes, fill);
    bytes
}

/// An extension that is a list of numbers, as groups (10) and signature schemes (13) are.
pub(super) fn list(kind: u16, entries: &[u16]) -> Vec<u8> {
    extension(kind, |body| vector16(body, |out| numbers(out, entries)))
}

/// Writes what `fill` writes, preceded by its length in two bytes. The parts of our hellos are a few
/// hundred bytes long; should they ever not be, the length is wrong and the server says so.
pub(super) fn vector16(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
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
        let written = ClientHello {
            version: 0x0303,
            session_id: Some(&[7; 32]),
            ciphers: &[0xc02f, 0x00ff],
            extensions: vec![list(10, &[29, 23]), extension(11, |body| body.extend([1, 0]))],
        };
        for (host, names) in [("a.example", 1), ("192.0.2.1", 0)] {
            let bytes = written.to_bytes(&host.parse().expect("a host"));
            let (rest, record) = parse_tls_plaintext(&bytes).expect("a record");
            assert!(rest.is_empty());
            let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))] = &record.msg[..] else {
                panic!("{record:?}");
            };
            assert_eq!((hello.version.0, hello.session_id), (0x0303, Some(&[7; 32][..])));
            assert_eq!(hello.ciphers.len(), 2);
            let (rest, extensions) =
                parse_tls_extensions(hello.ext.expect("extensions")).expect("extensions");
            assert!(rest.is_empty());
            assert_eq!(extensions.len(), 2 + names);
        }
    }
}
