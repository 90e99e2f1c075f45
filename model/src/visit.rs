//! One connection, or failed attempt at one, to one endpoint from one vantage.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use electrum::{Endpoint, Network, tls};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    exchange::{Exchange, Recorded},
    outcome::Outcome,
    purpose::Purpose,
    seconds::Seconds,
};

/// One connection, or failed attempt at one, to one endpoint from one vantage, with everything that was
/// said. Nothing in it is interpreted but how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The network the endpoint was listed for.
    pub network: Network,
    /// Where we went.
    pub endpoint: Endpoint,
    /// From where.
    pub vantage: String,
    /// What for.
    #[serde(default, skip_serializing_if = "Purpose::is_light")]
    pub purpose: Purpose,
    /// Who told us of the server, first teller first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learnt_from: Vec<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What exactly ended it, in our words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the name led (T1).
    #[serde(default, skip_serializing_if = "Resolution::is_empty")]
    pub resolution: Resolution,
    /// The address that was dialled; none through a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// How long each phase took (T2).
    pub timings: Timings,
    /// What the TLS handshake showed (T3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<tls::Facts>,
    /// What a server offered whose TLS modern software does not speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_offer: Option<tls::Offer>,
    /// What it answered to the unusual hello the visit was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_stack: Option<tls::StackAnswer>,
    /// What became of the ticket the visit was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemption: Option<tls::Redemption>,
    /// Requests and answers, in the order of the requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// What was said without being asked.
    #[serde(default, skip_serializing_if = "Unasked::is_empty")]
    pub unasked: Unasked,
    /// Bytes over the socket.
    pub traffic: Traffic,
    /// What the visit cost the server by our ledger, in ElectrumX's units.
    pub cost: f64,
}

impl Visit {
    /// A visit that has only just begun: nothing was seen yet.
    #[must_use]
    pub fn begun(
        network: Network,
        endpoint: Endpoint,
        vantage: String,
        purpose: Purpose,
        started_at: Timestamp,
    ) -> Self {
        Self {
            network,
            endpoint,
            vantage,
            purpose,
            learnt_from: Vec::new(),
            started_at,
            outcome: Outcome::Answered,
            detail: None,
            resolution: Resolution::default(),
            peer: None,
            timings: Timings::default(),
            tls: None,
            tls_offer: None,
            tls_stack: None,
            redemption: None,
            exchanges: Vec::new(),
            unasked: Unasked::default(),
            traffic: Traffic::default(),
            cost: 0.0,
        }
    }
}

/// Where a name led.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Every address of the name, also those that must not be dialled.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<IpAddr>,
    /// The name that the dialled address claims for itself (PTR).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Resolution {
    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.pointer.is_none()
    }
}

/// How long each phase took; a phase that was not reached or does not apply is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Resolving the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Seconds>,
    /// TCP connect, or SOCKS connect through a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Seconds>,
    /// TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Seconds>,
    /// WebSocket upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Seconds>,
    /// From the greeting sent to the first byte of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Seconds>,
    /// The whole visit.
    pub total: Seconds,
}

/// Messages that answered nothing we asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unasked {
    /// How many.
    pub count: u32,
    /// The first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Heard>,
}

/// A message that answered nothing we asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// When its last byte was read, since the visit began.
    pub at: Seconds,
    /// The line.
    pub line: Recorded,
}

impl Unasked {
    /// Messages that are kept of a visit that asks and leaves. Of one that listens all are.
    pub const KEPT: usize = 8;
    /// Bytes kept of each.
    pub const LIMIT: usize = 1_024;

    fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Bytes over the socket, TLS and framing included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// From the server.
    pub read: u64,
    /// To the server.
    pub written: u64,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::Reply;

    /// A short visit with something in most fields.
    pub(crate) fn example() -> Visit {
        let at = |millis| Seconds::from(Duration::from_millis(millis));
        let exchange = |probe: &'static str, request: &[u8], response: &[u8]| Exchange {
            probe: probe.into(),
            request: Recorded::new(request, 1_000),
            sent: at(20),
            answer: Some(Reply {
                response: Recorded::new(response, 1_000),
                first_byte: at(30),
                last_byte: at(31),
            }),
        };
        Visit {
            network: Network::Regtest,
            endpoint: "ssl://example.org:50002".parse().expect("an endpoint"),
            vantage: "local".to_owned(),
            purpose: Purpose::Light,
            learnt_from: vec!["command line".to_owned()],
            started_at: "2026-11-24T04:00:00Z".parse().expect("a time"),
            outcome: Outcome::Answered,
            detail: None,
            resolution: Resolution {
                addresses: BTreeSet::from(["192.0.2.1".parse().expect("an address")]),
                pointer: Some("mail.example.org".to_owned()),
            },
            peer: "192.0.2.1:50002".parse().ok(),
            timings: Timings {
                connect: Some(at(10)),
                first_byte: Some(at(12)),
                total: at(100),
                ..Timings::default()
            },
            tls: None,
            tls_offer: None,
            tls_stack: None,
            redemption: None,
            exchanges: vec![
                exchange("H1", b"{}", br#"{"id":1,"result":["ElectrumX 1.20.0","1.6"]}"#),
                exchange(
                    "M1",
                    b"{}",
                    br#"{"id":2,"result":{"protocol_min":"1.4","protocol_max":"1.6.0","hosts":{}}}"#,
                ),
            ],
            unasked: Unasked {
                count: 1,
                first: vec![Heard { at: at(50), line: Recorded::new(b"\xff", 10) }],
            },
            traffic: Traffic { read: 1_000, written: 200 },
            cost: 12.25,
        }
    }

    #[test]
    fn a_visit_survives_its_file_form() {
        let text = serde_json::to_string(&example()).expect("writes");
        assert!(!text.contains("null"), "absent fields are left out: {text}");
        assert_eq!(serde_json::from_str::<Visit>(&text).expect("reads"), example());
    }
}
