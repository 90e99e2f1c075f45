//! Captures as they were written, every byte of them.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
};

use anyhow::Context as _;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use simulator::grammar::{Identity, Service};

/// One captured connection. Bytes are characters of the same number.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) probe: String,
    pub(crate) handshake: Option<String>,
    #[serde(rename = "request_raw")]
    pub(crate) request: String,
    #[serde(rename = "responses_raw", deserialize_with = "texts")]
    pub(crate) answers: Vec<String>,
    pub(crate) closed: Option<String>,
}

fn texts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let lines = Vec::<String>::deserialize(deserializer)?;
    Ok(lines.iter().map(|line| String::from_utf8_lossy(&bytes(line)).into_owned()).collect())
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

impl Row {
    /// Whether a line was too long to be kept whole.
    pub(crate) fn is_cut(&self) -> bool {
        let cut = |text: &String| text.contains(" bytes, sha256 ");
        cut(&self.request) || self.answers.iter().any(cut)
    }

    /// The lines of the request. What has no end is no line.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = bytes(&self.request);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.filter_map(|line| line.strip_suffix(b"\n")).map(<[u8]>::to_vec).collect()
    }
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    BufReader::new(GzDecoder::new(file)).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// What the captured server's operator had configured, as far as it said so.
pub(crate) fn identity(rows: &[Row]) -> anyhow::Result<Identity> {
    let answers = || rows.iter().flat_map(|row| &row.answers);
    let features: Option<Value> = answers().find_map(|line| {
        let answer: Value = serde_json::from_str(line).ok()?;
        answer["result"].get("hosts")?.as_object()?;
        Some(answer["result"].clone())
    });
    let mut services = Vec::new();
    let mut bound: SocketAddr = "127.0.0.1:50201".parse()?;
    for (host, ports) in features.iter().filter_map(|features| features["hosts"].as_object()).flatten() {
        for (protocol, name) in [("tcp", "tcp_port"), ("ssl", "ssl_port")] {
            if let Some(port) = ports[name].as_u64().and_then(|port| u16::try_from(port).ok()) {
                services.push(Service { protocol, host: host.clone(), port });
                if let (Ok(address), "tcp") = (host.parse(), protocol) {
                    bound = SocketAddr::new(address, port);
                }
            }
        }
    }
    Ok(Identity {
        services,
        bound,
        genesis_hash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206".to_owned(),
        banner: None,
        donation_address: None,
        agent: None,
        peers: Vec::new(),
    })
}
