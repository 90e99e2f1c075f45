//! C and F: which chain a server follows, whether it can prove what it says, and the state of its node.

use bitcoin::hashes::{Hash as _, sha256};
use electrum::Network;
use serde_json::json;

use super::{Call, Known, Needs, Occasion, Pace, Probe};

/// Confirmation targets of the short estimator vector: four of Electrum's own, so that the server
/// mostly has the answer in its cache.
const FEW_TARGETS: &[u32] = &[2, 5, 25, 144];
/// The whole vector, which names the state of the node's estimator.
const ALL_TARGETS: &[u32] = &[2, 3, 5, 10, 25, 144, 504, 1008];

/// A height that no chain will have in this century.
const BEYOND: u32 = 9_999_999;

pub(super) static PROBES: &[Probe] = &[
    Probe {
        id: "C1",
        reveals: "best block",
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("blockchain.headers.subscribe", json!([]), 0.25)],
    },
    Probe {
        id: "C2",
        reveals: "which chain",
        occasion: Occasion::Light,
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
        occasion: Occasion::Light,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        // .1, and 2 more where the server has to ask its node.
        calls: |known| {
            let targets = if known.deep { ALL_TARGETS } else { FEW_TARGETS };
            let cost = if known.estimates_cached { 0.1 } else { 2.1 };
            targets.iter().map(|target| Call::new("blockchain.estimatefee", json!([target]), cost)).collect()
        },
    },
    Probe {
        id: "F2",
        reveals: "the binning of the fee histogram, and how old it is",
        occasion: Occasion::Deep,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("mempool.get_fee_histogram", json!([]), 1.0)],
    },
    Probe {
        id: "C4",
        reveals: "the form of a run of headers",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            let enough = known.tip.is_some_and(|tip| tip >= 2);
            enough.then(|| Call::new("blockchain.block.headers", json!([0, 3]), 0.06)).into_iter().collect()
        },
    },
    Probe {
        id: "C6",
        reveals: "the form of a proof by position",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            about_first(known, |output| {
                let params = json!([output.height, output.position, true]);
                Call::new("blockchain.transaction.id_from_pos", params, output.proof_price())
            })
        },
    },
    Probe {
        id: "C7",
        reveals: "whether transactions are handed out whole",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            about_first(known, |output| {
                Call::new("blockchain.transaction.get", json!([output.txid.to_string()]), 1.0)
            })
        },
    },
    Probe {
        id: "C10",
        reveals: "a proof that a transaction is in its block, and the header that the proof leads to",
        occasion: Occasion::Deep,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        // With the header a stranger can check the proof from the bytes of this one visit.
        calls: |known| {
            let header = about_first(known, |output| {
                Call::new("blockchain.block.header", json!([output.height]), 0.25)
            });
            merkle(known, |height| height).into_iter().chain(header).collect()
        },
    },
    Probe {
        id: "C3",
        reveals: "a proof that a header is in the chain, where the server makes any",
        occasion: Occasion::Card,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            let [first, .., last] = heights(known).collect::<Vec<_>>()[..] else { return Vec::new() };
            vec![Call::new("blockchain.block.header", json!([first, last]), 1.25)]
        },
    },
    Probe {
        id: "C5",
        reveals: "error grammar of a header beyond the tip",
        occasion: Occasion::Card,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |_| vec![Call::new("blockchain.block.header", json!([BEYOND]), 0.0)],
    },
    Probe {
        id: "C8",
        reveals: "whether it decodes transactions, and the node's version",
        occasion: Occasion::Card,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| {
            about_first(known, |output| {
                Call::new("blockchain.transaction.get", json!([output.txid.to_string(), true]), 1.0)
            })
        },
    },
    Probe {
        id: "C9",
        reveals: "error grammar of an unknown transaction",
        occasion: Occasion::Card,
        needs: Needs::Greeting,
        pace: Pace::Pipelined,
        calls: |known| {
            let nobodys = sha256::Hash::hash(known.control.as_bytes());
            vec![Call::new("blockchain.transaction.get", json!([nobodys.to_string()]), 1.0)]
        },
    },
    Probe {
        id: "C11",
        reveals: "error grammar of a transaction that is not in the block",
        occasion: Occasion::Card,
        needs: Needs::Tip,
        pace: Pace::Pipelined,
        calls: |known| merkle(known, |height| height.saturating_sub(1)),
    },
];

/// Five fixed heights, those that the server's chain has. A height beyond the tip would be an error,
/// and errors are dear.
pub(super) fn heights(known: &Known) -> impl Iterator<Item = u32> {
    let fixed = match known.network {
        Network::Mainnet => [0, 210_000, 481_824, 709_632, 840_000],
        // A thousand blocks are soon there, and chains that part ways early differ by then.
        _ => [0, 1, 100, 1_000, 50_000],
    };
    let tip = known.tip.unwrap_or(0);
    fixed.into_iter().filter(move |height| *height <= tip)
}

/// A call about the first object, where the server's chain is long enough to have it.
fn about_first(known: &Known, call: impl Fn(&crate::objects::Output) -> Call) -> Vec<Call> {
    let first = known.objects.outputs.first().filter(|output| known.tip.is_some_and(|t| t >= output.height));
    first.map(call).into_iter().collect()
}

fn merkle(known: &Known, height: impl Fn(u32) -> u32) -> Vec<Call> {
    about_first(known, |output| {
        let params = json!([output.txid.to_string(), height(output.height)]);
        Call::new("blockchain.transaction.get_merkle", params, output.proof_price())
    })
}
