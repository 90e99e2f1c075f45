//! What one server says of others: the `result` of `server.peers.subscribe`.
//!
//! ```json
//! [["192.0.2.1", "example.org", ["v1.4.2", "s50002", "t"]], …]
//! ```
//!
//! A row is an address, a host and tokens: `s` TLS, `t` TCP, `ws` and `wss` with a port (a bare `s` or
//! `t` means the network's default), `v` the highest protocol the peer claimed, `p` its pruning limit.
//! The one who writes the rows may be hostile: rows are read one at a time, neither more of them nor
//! more of any one than a limit, and a row that makes no sense is counted and passed over.

use std::{collections::BTreeMap, fmt, net::IpAddr, num::NonZeroU16};

use electrum::{Host, Network, Transport};
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::server::{Listing, Server};

/// The most bytes a list may have; the largest server sends at most 1 MB a line.
pub const MAX_PEERS_BYTES: usize = 4 << 20;
/// The most bytes of a host or a token.
pub const MAX_STRING_BYTES: usize = 255;
/// The most bytes of a row. An honest one has about a hundred.
pub const MAX_ROW_BYTES: usize = 2_048;
/// For each row that may be kept, how many are looked at before the reading ends.
pub const ROWS_READ_PER_ROW_KEPT: usize = 4;

/// Why nothing was read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeersError {
    /// More than [`MAX_PEERS_BYTES`].
    #[error("a peers list of {0} bytes, more than {MAX_PEERS_BYTES}")]
    TooLong(usize),
    /// Not a JSON array.
    #[error("the peers list is no JSON array: {0}")]
    Json(String),
}

impl From<serde_json::Error> for PeersError {
    fn from(error: serde_json::Error) -> Self {
        // The text of the error quotes the answer, which may be one string of a megabyte.
        Self::Json(error.to_string().chars().take(MAX_STRING_BYTES).collect())
    }
}

/// One peer, as a server describes it. Nothing of it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// The address it is said to have; `None` where the text is none, as for onions.
    pub ip: Option<IpAddr>,
    /// The peer, with at most one endpoint for each transport.
    pub server: Server,
    /// The highest protocol version it is said to speak, such as `1.4.2`.
    pub protocol: Option<String>,
    /// How many blocks of history it is said to keep; `None` for all.
    pub pruning: Option<u32>,
}

impl From<PeerRow> for Listing {
    fn from(row: PeerRow) -> Self {
        Self { server: row.server, claimed_ip: row.ip }
    }
}

/// What was read of a list, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerList {
    /// The rows that make sense, in the order of the list.
    pub rows: Vec<PeerRow>,
    /// How many rows were looked at and made no sense.
    pub malformed: usize,
    /// How many rows came after the limits and were not looked at.
    pub unread: usize,
}

/// Reads the raw `result` of an answer. At most `max_rows` rows are kept, and no more than
/// [`ROWS_READ_PER_ROW_KEPT`] times as many are looked at.
///
/// # Errors
/// [`PeersError`] where the whole is too long or no JSON array; rows never fail it.
pub fn parse_peers(result: &[u8], network: Network, max_rows: usize) -> Result<PeerList, PeersError> {
    if result.len() > MAX_PEERS_BYTES {
        return Err(PeersError::TooLong(result.len()));
    }
    let mut json = serde_json::Deserializer::from_slice(result);
    let list = json.deserialize_seq(Rows { network, max_rows })?;
    json.end()?;
    Ok(list)
}

struct Rows {
    network: Network,
    max_rows: usize,
}

impl<'de> Visitor<'de> for Rows {
    type Value = PeerList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of peers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PeerList, A::Error> {
        let mut list = PeerList::default();
        let most_read = self.max_rows.saturating_mul(ROWS_READ_PER_ROW_KEPT);
        while list.rows.len() < self.max_rows && list.rows.len() + list.malformed < most_read {
            match seq.next_element::<&RawValue>()? {
                None => return Ok(list),
                Some(raw) => match row(raw.get(), self.network) {
                    Some(row) => list.rows.push(row),
                    None => list.malformed += 1,
                },
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            list.unread += 1;
        }
        Ok(list)
    }
}

fn row(raw: &str, network: Network) -> Option<PeerRow> {
    if raw.len() > MAX_ROW_BYTES {
        return None;
    }
    let cells: Vec<Value> = serde_json::from_str(raw).ok()?;
    let [ip, Value::String(host), Value::Array(tokens), ..] = cells.as_slice() else { return None };
    if host.len() > MAX_STRING_BYTES {
        return None;
    }
    let mut ports = BTreeMap::new();
    let (mut protocol, mut pruning) = (None, None);
    for token in tokens.iter().filter_map(Value::as_str).filter(|t| t.len() <= MAX_STRING_BYTES) {
        if let Some((transport, port)) = service(token, network) {
            // Of two ports for one transport the wallet takes the last, so that is where its users go.
            ports.insert(transport, port);
        } else if let Some(version) = token.strip_prefix('v').filter(|v| is_version(v)) {
            protocol = Some(version.to_owned());
        } else if let Some(limit) = token.strip_prefix('p') {
            pruning = limit.parse().ok().or(pruning);
        }
    }
    let ports = ports.into_iter().map(|(transport, port)| (port, transport));
    Some(PeerRow {
        ip: ip.as_str().and_then(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical()),
        server: Server::new(host.parse::<Host>().ok()?, ports)?,
        protocol,
        pruning,
    })
}

fn service(token: &str, network: Network) -> Option<(Transport, NonZeroU16)> {
    let digits_at = token.find(|c: char| c.is_ascii_digit()).unwrap_or(token.len());
    let (letters, digits) = token.split_at(digits_at);
    let defaults = network.default_ports();
    let (transport, default) = match letters {
        "s" => (Transport::Tls, Some(defaults.tls)),
        "t" => (Transport::Tcp, Some(defaults.tcp)),
        "ws" => (Transport::Ws, None),
        "wss" => (Transport::Wss, None),
        _ => return None,
    };
    let port = if digits.is_empty() { default } else { digits.parse().ok() };
    Some((transport, NonZeroU16::new(port?)?))
}

fn is_version(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> PeerList {
        parse_peers(json.as_bytes(), Network::Mainnet, 10).expect("an array")
    }

    fn endpoints(list: &PeerList) -> Vec<String> {
        list.rows.iter().flat_map(|r| r.server.endpoints()).map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_as_electrumx_writes_it() {
        let list = parse(r#"[["8.2.0.1","Ex12.lab-b.net",["v1.6.0","p100","s50012","t"]]]   "#);
        assert_eq!(endpoints(&list), ["tcp://ex12.lab-b.net:50001", "ssl://ex12.lab-b.net:50012"]);
        let row = &list.rows[0];
        assert_eq!(row.ip, "8.2.0.1".parse().ok());
        assert_eq!((row.protocol.as_deref(), row.pruning), (Some("1.6.0"), Some(100)));
        assert_eq!((list.malformed, list.unread), (0, 0));
    }

    #[test]
    fn unknown_tokens_are_passed_over() {
        let list = parse(
            r#"[["::ffff:192.0.2.1","a",["x","",7,null,["s"],"s0","t70000","v<b>","p","ws","wss8443","s1","s2"],1]]"#,
        );
        assert_eq!(endpoints(&list), ["ssl://a:2", "wss://a:8443"]);
        let row = &list.rows[0];
        assert_eq!((row.ip, row.protocol.as_ref(), row.pruning), ("192.0.2.1".parse().ok(), None, None));
    }

    #[test]
    fn rows_without_sense_are_counted_and_do_not_stop_the_others() {
        let long_host = format!(r#"["1.1.1.1","{}",["s"]]"#, "a.".repeat(128));
        let long_row = format!(r#"["1.1.1.1","a",["s",{}"x"]]"#, r#""x","#.repeat(1_000));
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        let list = parse(&format!(
            r#"[1,null,"a",{{}},[],["1.1.1.1"],["1.1.1.1","a"],["1.1.1.1","a",[]],["1.1.1.1","a b",["s"]],
            [null,"old.onion",["s"]],["1.1.1.1","a","s"],{long_host},{long_row},{deep},[null,"b",["s"]]]"#
        ));
        assert_eq!(endpoints(&list), ["ssl://b:50002"]);
        assert_eq!(list.malformed, 14);
    }

    #[test]
    fn what_is_no_array_is_an_error() {
        for json in ["", "null", "{}", "[", "[[]", "[] []", "[1,]", "\"a\""] {
            let refused = parse_peers(json.as_bytes(), Network::Mainnet, 10);
            assert!(matches!(refused, Err(PeersError::Json(_))), "{json}");
        }
        let long_string = format!("\"{}\"", "x".repeat(100_000));
        let refused = parse_peers(long_string.as_bytes(), Network::Mainnet, 10);
        assert!(refused.is_err_and(|e| e.to_string().len() < 400));
        let refused = parse_peers(&vec![b' '; MAX_PEERS_BYTES + 1], Network::Mainnet, 10);
        assert!(matches!(refused, Err(PeersError::TooLong(_))));
    }

    #[test]
    fn a_million_rows_are_read_to_the_limits_only() {
        let senseless = format!("[{}1]", "1,".repeat(999_999));
        let list = parse_peers(senseless.as_bytes(), Network::Mainnet, 500).expect("an array");
        assert_eq!((list.rows.len(), list.malformed, list.unread), (0, 2_000, 998_000));

        let row = r#"["192.0.2.1","a.example",["s"]]"#;
        let well_formed = format!("[{}{row}]", format!("{row},").repeat(99_999));
        let list = parse_peers(well_formed.as_bytes(), Network::Mainnet, 500).expect("an array");
        assert_eq!((list.rows.len(), list.malformed, list.unread), (500, 0, 99_500));
    }

    #[test]
    fn deep_nesting_beyond_the_limits_is_skipped() {
        let depth = 400_000;
        let json = format!("[1,{}{}]", "[".repeat(depth), "]".repeat(depth));
        let list = parse_peers(json.as_bytes(), Network::Mainnet, 0).expect("an array");
        assert_eq!((list.rows.len(), list.malformed, list.unread), (0, 0, 2));
    }

    fn row_like() -> impl Strategy<Value = String> {
        let token = prop_oneof!["[stvpw]{1,3}[0-9]{0,6}", ".{0,8}"];
        (".{0,8}", "[a-z0-9.:]{0,20}", proptest::collection::vec(token, 0..6))
            .prop_map(|(ip, host, tokens)| serde_json::json!([ip, host, tokens]).to_string())
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_peers(&bytes, Network::Mainnet, 3);
        }

        #[test]
        fn every_row_is_kept_malformed_or_unread(
            rows in proptest::collection::vec(row_like(), 0..30), max_rows in 0_usize..8,
        ) {
            let json = format!("[{}]", rows.join(","));
            let list = parse_peers(json.as_bytes(), Network::Mainnet, max_rows).expect("an array");
            prop_assert!(list.rows.len() <= max_rows);
            prop_assert!(list.rows.len() + list.malformed <= max_rows * ROWS_READ_PER_ROW_KEPT);
            prop_assert_eq!(list.rows.len() + list.malformed + list.unread, rows.len());
            prop_assert!(list.rows.iter().all(|r| r.server.endpoints().len() <= 4));
        }
    }
}
