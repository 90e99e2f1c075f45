//! Lists of servers that a person gives, or that are compiled in.
//!
//! Two forms, told apart by the first character. Electrum's own `servers.json`:
//!
//! ```json
//! {"example.org": {"s": "50002", "t": "50001", "pruning": "-", "version": "1.4"}}
//! ```
//!
//! where `s`, `t`, `ws` and `wss` are ports, as texts or as numbers, and other keys are ignored. Or one
//! server a line, with comments after `#`:
//!
//! ```text
//! ssl://example.org:50002      # also tcp://, ws:// and wss://
//! example.org:50001:t          # s: TLS, t: TCP
//! example.org                  # the network's default ports, both TLS and TCP
//! ```
//!
//! What cannot be read is reported with its line and does not stop the rest.

use std::{collections::HashMap, fmt, num::NonZeroU16};

use electrum::{Endpoint, Host, Network, Transport, endpoint::EndpointError};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

use super::{
    server::Server,
    text::{Problems, TooLong, lines, without_byte_order_mark},
};

/// The most bytes a seeds file may have. Electrum's own list has 11 thousand.
pub const MAX_SEEDS_BYTES: usize = 4 << 20;

/// What is wrong with an entry of a seeds file.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SeedError {
    /// No host, no endpoint, or a port that is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The entry of a host is not an object.
    #[error("{0}: write an object such as {{\"s\": \"50002\"}}")]
    Form(Host),
    /// The entry of a host names no port of any transport.
    #[error("{0} names no port: give it one of the keys s, t, ws and wss")]
    NoPort(Host),
    /// The file as a whole is no JSON object; entries before this place are kept.
    #[error("not JSON: {0}")]
    Json(String),
}

/// What a seeds file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeds {
    /// Its servers, in the order in which their hosts first appear, each host once.
    pub servers: Vec<Server>,
    /// What could not be read.
    pub problems: Problems<SeedError>,
}

/// Reads a seeds file in either form.
///
/// # Errors
/// [`TooLong`] beyond [`MAX_SEEDS_BYTES`].
pub fn parse_seeds(text: &str, network: Network) -> Result<Seeds, TooLong> {
    TooLong::check(text, MAX_SEEDS_BYTES)?;
    Ok(read(text, network))
}

/// The servers that the Electrum wallet ships for a network (see `scanner/servers/README.md`).
#[must_use]
pub fn bundled(network: Network) -> Vec<Server> {
    read(bundled_text(network), network).servers
}

/// Where those listen.
#[must_use]
pub fn bundled_endpoints(network: Network) -> Vec<Endpoint> {
    bundled(network).iter().flat_map(Server::endpoints).cloned().collect()
}

fn bundled_text(network: Network) -> &'static str {
    match network {
        Network::Mainnet => include_str!("../../servers/mainnet.json"),
        Network::Testnet => include_str!("../../servers/testnet.json"),
        Network::Testnet4 => include_str!("../../servers/testnet4.json"),
        Network::Signet => include_str!("../../servers/signet.json"),
        Network::Mutinynet => include_str!("../../servers/mutinynet.json"),
        Network::Regtest => include_str!("../../servers/regtest.json"),
    }
}

fn read(text: &str, network: Network) -> Seeds {
    let text = without_byte_order_mark(text);
    let mut reader = Reader { text, seeds: Seeds::default(), places: HashMap::new() };
    if text.trim_start().starts_with('{') {
        reader.read_json();
    } else {
        for line in lines(text) {
            match server_of_line(line.content, network) {
                Ok(server) => reader.add(server),
                Err(error) => reader.seeds.problems.add(|| line.number, error.into()),
            }
        }
    }
    reader.seeds
}

fn server_of_line(line: &str, network: Network) -> Result<Server, EndpointError> {
    // A host first: `2001:db8::1` would pass for host, port and transport.
    let Ok(host) = line.parse::<Host>() else {
        return line.parse::<Endpoint>().map(Server::from);
    };
    let ports = network.default_ports();
    let mut server = Server::from(Endpoint::new(host.clone(), ports.tls, Transport::Tls)?);
    server.merge(&Endpoint::new(host, ports.tcp, Transport::Tcp)?.into(), usize::MAX);
    Ok(server)
}

struct Reader<'a> {
    text: &'a str,
    seeds: Seeds,
    /// Where in `seeds.servers` a host is.
    places: HashMap<Host, usize>,
}

impl<'a> Reader<'a> {
    fn add(&mut self, server: Server) {
        let servers = &mut self.seeds.servers;
        let place = *self.places.entry(server.host().clone()).or_insert(servers.len());
        match servers.get_mut(place) {
            Some(known) => {
                known.merge(&server, usize::MAX);
            }
            None => servers.push(server),
        }
    }

    fn read_json(&mut self) {
        let mut json = serde_json::Deserializer::from_str(self.text);
        if let Err(error) = json.deserialize_map(&mut *self).and_then(|()| json.end()) {
            self.seeds.problems.add(|| error.line(), SeedError::Json(error.to_string()));
        }
    }

    fn read_entry(&mut self, host: &str, entry: &'a RawValue) {
        let text = self.text;
        let line = || line_of(text, entry.get());
        let host = match host.parse::<Host>() {
            Ok(host) => host,
            Err(error) => return self.seeds.problems.add(line, error.into()),
        };
        let Ok(entry) = serde_json::from_str::<Map<String, Value>>(entry.get()) else {
            return self.seeds.problems.add(line, SeedError::Form(host));
        };
        let mut ports = Vec::new();
        let mut has_bad_port = false;
        for transport in [Transport::Tls, Transport::Tcp, Transport::Ws, Transport::Wss] {
            match port(&entry, transport) {
                Ok(found) => ports.extend(found.map(|port| (port, transport))),
                Err(error) => {
                    has_bad_port = true;
                    self.seeds.problems.add(line, error.into());
                }
            }
        }
        match Server::new(host.clone(), ports) {
            Some(server) => self.add(server),
            None if has_bad_port => {}
            None => self.seeds.problems.add(line, SeedError::NoPort(host)),
        }
    }
}

impl<'a> Visitor<'a> for &mut Reader<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of servers by host")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((host, entry)) = map.next_entry::<String, &'a RawValue>()? {
            self.read_entry(&host, entry);
        }
        Ok(())
    }
}

fn port(entry: &Map<String, Value>, transport: Transport) -> Result<Option<NonZeroU16>, EndpointError> {
    let key = match transport {
        Transport::Tls => "s",
        Transport::Tcp => "t",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    };
    let text = match entry.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    text.parse().map(Some).map_err(|_| EndpointError::Port(text.chars().take(80).collect()))
}

/// The line on which `part`, a slice of `text`, starts: its place is the distance of the addresses.
fn line_of(text: &str, part: &str) -> usize {
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seeds(text: &str) -> (Vec<String>, Vec<String>) {
        let seeds = parse_seeds(text, Network::Signet).expect("short enough");
        let endpoints = |s: &Server| s.endpoints().iter().map(ToString::to_string).collect::<Vec<_>>();
        let servers = seeds.servers.iter().flat_map(endpoints).collect();
        (servers, seeds.problems.described().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_bundled_list_is_read_whole() {
        for (network, servers, endpoints, onions) in [
            (Network::Mainnet, 84, 137, 14),
            (Network::Testnet, 9, 17, 3),
            (Network::Testnet4, 7, 13, 1),
            (Network::Signet, 3, 4, 0),
            (Network::Mutinynet, 1, 1, 0),
            (Network::Regtest, 1, 2, 0),
        ] {
            let list = read(bundled_text(network), network);
            assert!(list.problems.is_empty(), "{network}: {:?}", list.problems);
            assert_eq!(list.servers, bundled(network));
            let found = (
                list.servers.len(),
                list.servers.iter().map(|s| s.endpoints().len()).sum::<usize>(),
                list.servers.iter().filter(|s| s.host().is_onion()).count(),
            );
            assert_eq!(found, (servers, endpoints, onions), "{network}");
        }
    }

    #[test]
    fn lines_in_every_form_are_read() {
        let (servers, problems) = seeds(
            "# ours\nssl://A.example:1 # main\nwss://b.example:2\n\nws://b.example:3/\na.example.:4:t\n\
             a.example:1:s\nc.example\n2001:db8::1\n[2001:db8::1]:5:t\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            servers,
            [
                "ssl://a.example:1",
                "tcp://a.example:4",
                "wss://b.example:2",
                "ws://b.example:3",
                "tcp://c.example:51001",
                "ssl://c.example:51002",
                "tcp://[2001:db8::1]:5",
                "tcp://[2001:db8::1]:51001",
                "ssl://[2001:db8::1]:51002",
            ]
        );
    }

    #[test]
    fn bad_lines_are_named_and_do_not_stop_the_others() {
        let (servers, problems) = seeds("tcp://a:1\ntcp://a:0\nhttp://b:80\n# c\nb:1\nd e\ntcp://f:6\n");
        assert_eq!(servers, ["tcp://a:1", "tcp://f:6"]);
        let lines: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 5", "line 6"]);
        assert_eq!(problems[0], "line 2: \"0\" is not a port between 1 and 65535");
    }

    #[test]
    fn electrums_own_form_is_read_with_all_its_liberties() {
        let (servers, problems) = seeds(
            r#"
            {"a": {"s": "1", "t": 2, "pruning": "-", "version": "1.4", "display": {"x": [null]}},
             "b": {"ws": "3", "wss": 4, "s": null},
             "A": {"t": "5"}}"#,
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(servers, ["ssl://a:1", "tcp://a:2", "tcp://a:5", "ws://b:3", "wss://b:4"]);
    }

    #[test]
    fn bad_entries_are_named_by_line_and_do_not_stop_the_others() {
        let (servers, problems) = seeds(
            "{\"a\": {\"s\": \"0\", \"t\": \"1\"},\n \"b c\": {\"s\": \"1\"},\n \"d\": [1],\n \"e\": {},\n \
             \"f\": {\"s\": -1},\n \"g\": {\"t\": \"7\"},\n \"h\": {\"t\": ",
        );
        assert_eq!(servers, ["tcp://a:1", "tcp://g:7"]);
        assert_eq!(
            problems,
            [
                "line 1: \"0\" is not a port between 1 and 65535",
                "line 2: \"b c\" is not a host name, an IP address or a v3 onion",
                "line 3: d: write an object such as {\"s\": \"50002\"}",
                "line 4: e names no port: give it one of the keys s, t, ws and wss",
                "line 5: \"-1\" is not a port between 1 and 65535",
                "line 7: not JSON: EOF while parsing a value at line 7 column 12",
            ]
        );
        let (servers, problems) = seeds("{\"a\": {\"t\": 1}} {}");
        assert_eq!((servers.len(), problems.len()), (1, 1), "something follows the object");
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let text = "#".repeat(MAX_SEEDS_BYTES + 1);
        let refused = parse_seeds(&text, Network::Signet);
        assert_eq!(refused, Err(TooLong { bytes: MAX_SEEDS_BYTES + 1, most: MAX_SEEDS_BYTES }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\{?(?s:.{0,200})") {
            let _ = parse_seeds(&text, Network::Mainnet);
        }

        #[test]
        fn every_entry_is_a_server_or_a_problem(lines in proptest::collection::vec("[a-c.:/0-9s]{1,12}", 0..20)) {
            let seeds = parse_seeds(&lines.join("\n"), Network::Mainnet).expect("short enough");
            let endpoints: usize = seeds.servers.iter().map(|s| s.endpoints().len()).sum();
            prop_assert!(seeds.problems.total() <= lines.len());
            prop_assert!(endpoints <= 2 * (lines.len() - seeds.problems.total()));
        }
    }
}
