//! What a server says of its own ports in `server.features` (M1). Only its WebSocket ports are of interest: peer
//! lists have no words for them (T6).

use std::{collections::HashMap, num::NonZeroU16};

use electrum::{Host, Transport};
use serde::Deserialize;

use super::Server;

/// The WebSocket endpoints that a server declares for the very host it was visited at.
///
/// `features` is the `result` of `server.features`. Members that are no numbers, as some versions of electrs send
/// them, are passed over.
#[must_use]
pub fn own_websockets(features: &[u8], host: &Host) -> Option<Server> {
    #[derive(Deserialize)]
    struct Features {
        hosts: HashMap<String, serde_json::Value>,
    }
    let features: Features = serde_json::from_slice(features).ok()?;
    let (_, ports) =
        features.hosts.into_iter().find(|(name, _)| name.parse().is_ok_and(|named: Host| named == *host))?;
    let port = |member: &str, transport: Transport| {
        let port = u16::try_from(ports.get(member)?.as_u64()?).ok()?;
        Some((NonZeroU16::new(port)?, transport))
    };
    let declared = [port("ws_port", Transport::Ws), port("wss_port", Transport::Wss)];
    Server::new(host.clone(), declared.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn declared(features: &str, host: &str) -> Vec<String> {
        let server = own_websockets(features.as_bytes(), &host.parse().expect("a host"));
        server.iter().flat_map(Server::endpoints).map(ToString::to_string).collect()
    }

    #[test]
    fn a_server_may_declare_websockets_of_its_own_and_of_nobody_else() {
        let features = r#"{"hosts":{"A.example":{"tcp_port":50001,"ws_port":50003,"wss_port":50004},"b.example":{"ws_port":1}}}"#;
        assert_eq!(declared(features, "a.example"), ["ws://a.example:50003", "wss://a.example:50004"]);
        assert_eq!(declared(features, "c.example"), [""; 0]);
    }

    #[test]
    fn malformed_declarations_are_passed_over() {
        for features in [
            r#"{"hosts":{"tcp_port":50001}}"#,
            r#"{"hosts":{"a.example":{"ws_port":0,"wss_port":70000}}}"#,
            r#"{"hosts":{"a.example":{"ws_port":null,"wss_port":"50004"}}}"#,
            r#"{"hosts":{"a.example":[]}}"#,
            "[]",
        ] {
            assert_eq!(declared(features, "a.example"), [""; 0], "{features}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = own_websockets(&bytes, &"a.example".parse().expect("a host"));
        }
    }
}
