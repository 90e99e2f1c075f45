//! H and M: who a server says it is, and whom it knows.

use serde_json::json;

use super::{Call, Known, Needs, Occasion, Offer, Pace, Probe, Protocol};

pub(super) static PROBES: &[Probe] = &[
    Probe {
        id: "H1",
        reveals: "software, protocol version agreed on, JSON grammar of the answer",
        occasion: Occasion::Light,
        needs: Needs::Connection,
        pace: Pace::Pipelined,
        // With H2 the range reaches further; the request is the same.
        calls: |known| vec![Call::new("server.version", version(known), 0.5)],
    },
    Probe {
        id: "H3",
        reveals: "whether extra arguments are tolerated, as protocol 1.6 asks",
        occasion: Occasion::Opening,
        needs: Needs::Connection,
        pace: Pace::Pipelined,
        calls: |known| {
            vec![Call::new("server.version", json!([known.client_name, ["1.4", "1.6"], "extra"]), 0.5)]
        },
    },
    Probe {
        id: "H4",
        reveals: "error grammar of a refused protocol version, and whether it hangs up",
        occasion: Occasion::Opening,
        needs: Needs::Connection,
        pace: Pace::Pipelined,
        calls: |known| vec![Call::new("server.version", json!([known.client_name, ["0.9", "1.0"]]), 0.5)],
    },
    Probe {
        id: "H5",
        reveals: "whether a second greeting is refused",
        occasion: Occasion::Card,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |known| vec![Call::new("server.version", version(known), 0.5)],
    },
    Probe {
        id: "H6",
        reveals: "whether a greeting is required, and what is said without one",
        occasion: Occasion::Opening,
        needs: Needs::Connection,
        pace: Pace::Pipelined,
        calls: |_| vec![ping()],
    },
    Probe {
        id: "M5",
        reveals: "round-trip time",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::OneByOne,
        calls: |_| vec![ping(); 5],
    },
    Probe {
        id: "M1",
        reveals: "declared hosts, protocol range, genesis block, hash function",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.features", json!([]), 0.2)],
    },
    Probe {
        id: "M2",
        reveals: "banner",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.banner", json!([]), 0.5)],
    },
    Probe {
        id: "M3",
        reveals: "donation address",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.donation_address", json!([]), 0.1)],
    },
    Probe {
        id: "M4",
        reveals: "the servers it knows",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.peers.subscribe", json!([]), 1.0)],
    },
    Probe {
        id: "M7",
        reveals: "the node's policy",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            let method = match known.speaks(Protocol::MEMPOOL_INFO) {
                true => "mempool.get_info",
                false => "blockchain.relayfee",
            };
            vec![Call::new(method, json!([]), 1.0)]
        },
    },
];

/// The smallest request there is.
pub(crate) fn ping() -> Call {
    Call::new("server.ping", json!([]), 0.1)
}

fn version(known: &Known) -> serde_json::Value {
    match known.offer {
        Offer::Usual => json!([known.client_name, ["1.4", "1.6"]]),
        Offer::Newest => json!([known.client_name, ["1.4", "1.7"]]),
        Offer::Oldest => json!([known.client_name, "1.4"]),
    }
}
