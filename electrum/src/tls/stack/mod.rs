//! What a server's TLS library and configuration give away in their answers to unusual hellos.
//!
//! Facts are kept, not a digest of them, so that they can be read and compared in part. [`fingerprint`]
//! puts the answers of one server into one line, for finding servers that are alike. Alike is all that it
//! says: thousands run the same library as their distribution configures it.

mod hellos;

use std::{fmt, io, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink};

use super::{
    flight::{Flight, MAX_BYTES, OfferError, read},
    server_hello::version_name,
};
use crate::Host;

pub use hellos::Hello;

/// How long a server that said no may take to hang up. Most do it in the same breath.
const PARTING: Duration = Duration::from_secs(2);

/// What a server answered to one [`Hello`]. Nothing of it is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum StackAnswer {
    /// It went along, and chose.
    Chosen(Chosen),
    /// It refused and said why.
    Alert {
        /// The alert in the words of RFC 8446, section 6, or `number` and its number.
        alert: String,
        /// How it went on.
        then: Parting,
    },
    /// It closed the connection without a word.
    Closed,
    /// The connection broke without a word.
    Reset,
    /// It answered, and not in TLS.
    NotTls,
    /// It answered in broken TLS, or more than 64 KiB of it.
    Malformed,
}

/// What a server chose out of a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1.0` or `SSLv3`.
    pub version: String,
    /// The cipher suite by its IANA name, or its number.
    pub cipher: String,
    /// The group of the key exchange: `X25519`, `P-256`, `DH 2048`. None with RSA key exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How TLS 1.2 signed the key exchange, by the number of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<u16>,
    /// Whether it asks for another hello, with a key share of the group.
    pub retry: bool,
    /// What it made of the session id.
    pub session: SessionId,
    /// The application protocol, at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The types of its extensions in the order sent, at most 32. Those that TLS 1.3 encrypts are not seen.
    pub extensions: Vec<u16>,
}

/// What a server makes of the client's session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionId {
    /// It sends none.
    Absent,
    /// It sends back the client's, as TLS 1.3 demands.
    Echoed,
    /// It gives the session an id of its own, which it does if it keeps sessions.
    Own,
}

/// What a server does after it has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parting {
    /// It closes the connection, and had read all that we sent.
    Closed,
    /// It breaks the connection: it left unread what followed the hello. A proxy on the way makes this
    /// [`Self::Closed`], so only answers that came by like ways compare.
    Reset,
    /// It leaves the connection open for two seconds or goes on talking.
    Open,
}

/// Says one hello and notes the answer.
pub async fn stack<S: AsyncRead + AsyncWrite + Unpin + Send>(
    hello: Hello,
    host: &Host,
    mut stream: S,
) -> StackAnswer {
    let session_id: [u8; 32] = rand::random();
    let bytes = hello.to_bytes(host, &session_id);
    let flight = match say(&bytes, &mut stream).await {
        Ok(()) => read(&mut stream).await,
        Err(error) => Err(error.into()),
    };
    match flight {
        Ok(flight) => StackAnswer::Chosen(Chosen::new(flight, &session_id)),
        Err(OfferError::Alert(alert)) => StackAnswer::Alert { alert, then: parting(stream).await },
        Err(OfferError::Closed) => StackAnswer::Closed,
        Err(OfferError::Broken(_)) => StackAnswer::Reset,
        Err(OfferError::NotTls(_)) => StackAnswer::NotTls,
        Err(OfferError::Malformed(_) | OfferError::TooLarge) => StackAnswer::Malformed,
    }
}

async fn say<S: AsyncWrite + Unpin>(bytes: &[u8], stream: &mut S) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn parting<S: AsyncRead + Unpin>(stream: S) -> Parting {
    let mut rest = stream.take(u64::from(MAX_BYTES));
    match tokio::time::timeout(PARTING, copy(&mut rest, &mut sink())).await {
        Ok(Ok(_)) if rest.limit() > 0 => Parting::Closed,
        Ok(Err(_)) => Parting::Reset,
        Ok(Ok(_)) | Err(_) => Parting::Open,
    }
}

impl Chosen {
    fn new(flight: Flight, session_id: &[u8]) -> Self {
        let Flight { hello, key_exchange, .. } = flight;
        let (group, signature) = key_exchange.map(|exchange| (exchange.group, exchange.signature)).unzip();
        Self {
            version: version_name(hello.version),
            cipher: hello.cipher_name(),
            group: group.or(hello.group),
            signature: signature.flatten(),
            retry: hello.retry,
            session: match &*hello.session_id {
                [] => SessionId::Absent,
                same if same == session_id => SessionId::Echoed,
                _ => SessionId::Own,
            },
            alpn: hello.alpn,
            extensions: hello.extensions,
        }
    }
}

/// One line for one server: its answers in the order of [`Hello::ALL`]. Two servers with the same line
/// answered alike in everything that is recorded. The certificate has a say in the cipher suite, so
/// servers with one stack and keys of different kinds differ.
#[must_use]
pub fn fingerprint(answers: [&StackAnswer; 3]) -> String {
    answers.map(ToString::to_string).join(" | ")
}

impl fmt::Display for StackAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(chosen) => chosen.fmt(f),
            Self::Alert { alert, then } => write!(f, "{alert}, {then}"),
            Self::Closed => f.write_str("closed"),
            Self::Reset => f.write_str("reset"),
            Self::NotTls => f.write_str("not TLS"),
            Self::Malformed => f.write_str("malformed"),
        }
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Open => "open",
        })
    }
}

impl fmt::Display for Chosen {
    /// Whatever is absent leaves no trace; the rest cannot be taken for one another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)?;
        if let Some(group) = &self.group {
            write!(f, " {group}")?;
        }
        if let Some(signature) = self.signature {
            write!(f, " {signature:#06x}")?;
        }
        if self.retry {
            f.write_str(" retry")?;
        }
        match self.session {
            SessionId::Absent => {}
            SessionId::Echoed => f.write_str(" echo")?,
            SessionId::Own => f.write_str(" session")?,
        }
        let extensions: Vec<_> = self.extensions.iter().map(ToString::to_string).collect();
        write!(f, " [{}]", extensions.join(" "))?;
        match &self.alpn {
            Some(protocol) => write!(f, " {protocol:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen() -> Chosen {
        Chosen {
            version: "TLSv1.2".to_owned(),
            cipher: "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned(),
            group: None,
            signature: None,
            retry: false,
            session: SessionId::Absent,
            alpn: None,
            extensions: vec![65_281, 35],
        }
    }

    #[test]
    fn every_fact_counts_in_the_fingerprint() {
        let variants = [
            chosen(),
            Chosen { version: "TLSv1.3".to_owned(), ..chosen() },
            Chosen { cipher: "0xfeff".to_owned(), ..chosen() },
            Chosen { group: Some("X25519".to_owned()), ..chosen() },
            Chosen { signature: Some(0x0804), ..chosen() },
            Chosen { retry: true, ..chosen() },
            Chosen { session: SessionId::Echoed, ..chosen() },
            Chosen { session: SessionId::Own, ..chosen() },
            Chosen { alpn: Some("h2".to_owned()), ..chosen() },
            Chosen { extensions: vec![35, 65_281], ..chosen() },
        ];
        let alert = |alert: &str, then| StackAnswer::Alert { alert: alert.to_owned(), then };
        let others = [
            alert("protocol_version", Parting::Closed),
            alert("protocol_version", Parting::Reset),
            alert("handshake_failure", Parting::Open),
            StackAnswer::Closed,
            StackAnswer::Reset,
            StackAnswer::NotTls,
            StackAnswer::Malformed,
        ];
        let answers: Vec<_> = variants.map(StackAnswer::Chosen).into_iter().chain(others).collect();
        let lines: std::collections::HashSet<_> =
            answers.iter().map(|answer| fingerprint([answer, answer, &StackAnswer::Closed])).collect();
        assert_eq!(lines.len(), answers.len());
        for answer in answers {
            let json = serde_json::to_string(&answer).expect("JSON");
            assert_eq!(serde_json::from_str::<StackAnswer>(&json).expect("an answer"), answer);
        }
    }

    #[test]
    fn a_fingerprint_can_be_read() {
        let answers = [
            StackAnswer::Chosen(chosen()),
            StackAnswer::Alert { alert: "protocol_version".to_owned(), then: Parting::Reset },
            StackAnswer::Closed,
        ];
        let [first, second, third] = &answers;
        assert_eq!(
            fingerprint([first, second, third]),
            "TLSv1.2 TLS_RSA_WITH_AES_128_CBC_SHA [65281 35] | protocol_version, reset | closed"
        );
    }
}
