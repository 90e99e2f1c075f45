//! Attacks on whoever shakes hands for TLS. Records are written by hand where no library would.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{behaviours, stay_silent};
use crate::support::{tls, wire::Metered};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const TLS_1_0: [u8; 2] = [3, 1];
const TLS_1_2: [u8; 2] = [3, 3];
const SERVER_HELLO_DONE: [u8; 4] = [14, 0, 0, 0];
/// The most that one record may carry (RFC 5246, section 6.2.1).
const RECORD: usize = 16 * 1024;

behaviours! {
    /// What answers a ClientHello.
    Handshake {
        /// Bytes without any meaning.
        Garbage,
        /// A web server that does not know it is asked for TLS.
        PlainHttp,
        /// Nothing.
        Silence,
        /// Farewell.
        Close,
        /// A reset.
        Reset,
        /// The alert `protocol_version`, as from a server of TLS 1.0 only.
        ProtocolVersionAlert,
        /// All that a server of TLS 1.0 says first: hello, certificate, done.
        OldVersion,
        /// A handshake by hand with a certificate of a megabyte.
        MegabyteCertificate,
        /// A handshake message that says it is 16 MB long, and comes and comes.
        EndlessCertificate,
    }
}

impl Handshake {
    pub(super) async fn serve(self, mut stream: Metered) -> io::Result<()> {
        let mut hello = [0; 4_096];
        let _length = stream.read(&mut hello).await?;
        match self {
            Self::Garbage => {
                // The low byte of a linear congruential generator: no record header by chance.
                let garbage: Vec<u8> = (0..4_096_u32)
                    .map(|n| n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223).to_be_bytes()[0] | 0x80)
                    .collect();
                stream.write_all(&garbage).await?;
                stay_silent(stream).await
            }
            Self::PlainHttp => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await?;
                stream.shutdown().await
            }
            Self::Close => stream.shutdown().await,
            Self::Reset => stream.reset(),
            Self::ProtocolVersionAlert => {
                // fatal, protocol_version
                stream.write_all(&record(ALERT, TLS_1_2, &[2, 70])).await?;
                stream.shutdown().await
            }
            Self::OldVersion => {
                let certificate = tls::certificate("old.example.org")?;
                let size = u32::try_from(certificate.len()).map_err(io::Error::other)?;
                let mut said = server_hello(TLS_1_0);
                said.extend(certificate_head(size));
                said.extend(certificate);
                said.extend(SERVER_HELLO_DONE);
                stream.write_all(&record(HANDSHAKE, TLS_1_0, &said)).await?;
                stay_silent(stream).await
            }
            Self::MegabyteCertificate | Self::EndlessCertificate => {
                let declared = if self == Self::MegabyteCertificate { 1 << 20 } else { 0xff_fff0 };
                stream.write_all(&record(HANDSHAKE, TLS_1_2, &server_hello(TLS_1_2))).await?;
                stream.write_all(&record(HANDSHAKE, TLS_1_2, &certificate_head(declared))).await?;
                let mut left = declared as usize;
                while left > 0 {
                    let part = left.min(RECORD);
                    stream.write_all(&record(HANDSHAKE, TLS_1_2, &vec![0x30; part])).await?;
                    left -= part;
                }
                stay_silent(stream).await
            }
            _ => stay_silent(stream).await,
        }
    }
}

fn record(kind: u8, version: [u8; 2], content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let mut record = vec![kind, version[0], version[1], high, low];
    record.extend_from_slice(content);
    record
}

/// What precedes the only certificate of a chain: the message's kind and length, the length of the
/// list, the length of the one in it.
fn certificate_head(size: u32) -> Vec<u8> {
    let mut head = vec![11];
    for length in [size + 6, size + 3, size] {
        head.extend_from_slice(&length.to_be_bytes()[1..]);
    }
    head
}

/// The least that a ServerHello can be: no session, ECDHE_RSA_WITH_AES_128_GCM_SHA256, no
/// compression, no extensions.
fn server_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend_from_slice(&[0x5a; 32]);
    body.extend_from_slice(&[0, 0xc0, 0x2f, 0]);
    let [.., a, b, c] = body.len().to_be_bytes();
    let mut hello = vec![2, a, b, c];
    hello.extend_from_slice(&body);
    hello
}
