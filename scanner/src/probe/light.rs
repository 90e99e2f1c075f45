//! The light profile: who is there, which chain, how fast. At most 60 E.
//!
//! T1–T3 (names, connect, TLS) are what opening the connection shows; they need no call.

use electrum::Network;
use serde_json::json;

use super::{Call, Known, Needs, Pace, Probe};

/// The protocol versions we offer: what Electrum 4.8 itself offers.
const PROTOCOL: [&str; 2] = ["1.4", "1.6"];

/// Confirmation targets of the short estimator vector: four of Electrum's own, so that the server
/// mostly has the answer in its cache.
const FEE_TARGETS: [u32; 4] = [2, 5, 25, 144];

/// The light profile, in the order of the catalogue.
pub static LIGHT: &[Probe] = &[
    Probe {
        id: "H1",
        reveals: "software, protocol version agreed on, JSON grammar of the answer",
        needs: Needs::Connection,
        pace: Pace::Pipelined,
        calls: |known| vec![Call::new("server.version", json!([known.client_name, PROTOCOL]), 0.5)],
    },
    Probe {
        id: "M5",
        reveals: "round-trip time",
        needs: Needs::Greeting,
        pace: Pace::OneByOne,
        calls: |_| (0..5).map(|_| Call::new("server.ping", json!([]), 0.1)).collect(),
    },
    Probe {
        id: "M1",
        reveals: "declared hosts, protocol range, genesis block, hash function",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.features", json!([]), 0.2)],
    },
    Probe {
        id: "M2",
        reveals: "banner",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.banner", json!([]), 0.5)],
    },
    Probe {
        id: "M3",
        reveals: "donation address",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.donation_address", json!([]), 0.1)],
    },
    Probe {
        id: "M4",
        reveals: "the servers it knows",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("server.peers.subscribe", json!([]), 1.0)],
    },
    Probe {
        id: "C1",
        reveals: "best block",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("blockchain.headers.subscribe", json!([]), 0.25)],
    },
    Probe {
        id: "C2",
        reveals: "which chain",
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            let heights =
                heights(known).map(|height| Call::new("blockchain.block.header", json!([height]), 0.25));
            heights.collect()
        },
    },
    Probe {
        id: "F1",
        reveals: "the state of the node's fee estimator",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        // .1, and 2 more where the server has to ask its node.
        calls: |_| {
            FEE_TARGETS.map(|target| Call::new("blockchain.estimatefee", json!([target]), 2.1)).to_vec()
        },
    },
    Probe {
        id: "S1",
        reveals: "what it says of a script hash that nobody ever used: nothing, if it is honest",
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |known| {
            let about = || json!([known.control]);
            vec![
                Call::new("blockchain.scripthash.subscribe", about(), 1.0),
                Call::new("blockchain.scripthash.get_balance", about(), 1.0),
                Call::new("blockchain.scripthash.get_history", about(), 0.1),
            ]
        },
    },
];

/// Five fixed heights, those that the server's chain has. A height beyond the tip would be an error,
/// and errors are dear.
fn heights(known: &Known) -> impl Iterator<Item = u32> {
    let fixed = match known.network {
        Network::Mainnet => [0, 210_000, 481_824, 709_632, 840_000],
        _ => [0, 1, 100, 10_000, 50_000],
    };
    let tip = known.tip.unwrap_or(0);
    fixed.into_iter().filter(move |height| *height <= tip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{CONNECTION_COST, Politeness};

    fn known() -> Known {
        Known {
            network: Network::Mainnet,
            client_name: "observatory/1 (+mailto:a@b.example)".to_owned(),
            control: "00".repeat(32),
            protocol: Some("1.6".to_owned()),
            tip: Some(900_000),
        }
    }

    #[test]
    fn every_probe_asks_what_the_catalogue_says_at_its_price() {
        let expected = [
            ("H1", 1, 0.5),
            ("M5", 5, 0.5),
            ("M1", 1, 0.2),
            ("M2", 1, 0.5),
            ("M3", 1, 0.1),
            ("M4", 1, 1.0),
            ("C1", 1, 0.25),
            ("C2", 5, 1.25),
            ("F1", 4, 8.4),
            ("S1", 3, 2.1),
        ];
        assert_eq!(LIGHT.len(), expected.len());
        for (probe, (id, calls, cost)) in LIGHT.iter().zip(expected) {
            let asked = (probe.calls)(&known());
            assert_eq!((probe.id, asked.len()), (id, calls));
            assert!((asked.iter().map(|call| call.cost).sum::<f64>() - cost).abs() < 1e-9, "{id}");
        }
    }

    #[test]
    fn a_light_visit_stays_well_within_its_budget() {
        let calls: f64 = LIGHT.iter().flat_map(|probe| (probe.calls)(&known())).map(|call| call.cost).sum();
        // The rest is room for 150 kB of answers.
        assert!(CONNECTION_COST + calls + 30.0 < Politeness::default().visit_budget);
    }

    #[test]
    fn no_height_beyond_the_tip_is_ever_asked_for() {
        let heights = |tip| heights(&Known { tip, network: Network::Regtest, ..known() }).collect::<Vec<_>>();
        assert_eq!(heights(Some(118)), [0, 1, 100]);
        assert_eq!(heights(Some(0)), [0]);
        assert_eq!(heights(None), [0]);
    }
}
