//! I1 to I8: the protocol itself is falsified. Each rests on bytes that contradict arithmetic, or a quorum.

use model::finding::{Indicator, Tier};

use super::Definition;

pub(super) static TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(1),
        tier: Tier::Hard,
        weight: 30,
        title: "an error tells the user to go somewhere or to install something",
        caveat: "A limit that is explained with a link. ElectrumX and Fulcrum warn old wallets after a success, never in an error.",
        find: |case| case.truth().found(Indicator::new(1)),
    },
    Definition {
        indicator: Indicator::new(2),
        tier: Tier::Hard,
        weight: 30,
        title: "it calls the broadcast of a transaction a success that no node can take",
        caveat: "None known.",
        find: |case| case.truth().found(Indicator::new(2)),
    },
    Definition {
        indicator: Indicator::new(3),
        tier: Tier::Hard,
        weight: 25,
        title: "a proof, a transaction or a header that is none",
        caveat: "A reorganisation between a proof and its header: such proofs must fail in two deep visits in a row.",
        find: |case| case.truth().found(Indicator::new(3)),
    },
    Definition {
        indicator: Indicator::new(4),
        tier: Tier::Hard,
        weight: 20,
        title: "status, history, balance and outputs of one script contradict each other",
        caveat: "A transaction that arrives between two answers: it must happen in three visits in a row.",
        find: |case| case.truth().found(Indicator::new(4)),
    },
    Definition {
        indicator: Indicator::new(5),
        tier: Tier::Hard,
        weight: 25,
        title: "it leaves out confirmed transactions that at least five neighbourhoods list",
        caveat: "A damaged index. Being behind, a limit that is told as an error, and a server of one wallet, which lists nothing of any script, are not counted.",
        find: |case| case.truth().found(Indicator::new(5)),
    },
    Definition {
        indicator: Indicator::new(6),
        tier: Tier::Hard,
        weight: 30,
        title: "outputs are said to be worth what their transactions do not say",
        caveat: "None known; wallets that believe it pay the difference as a fee.",
        find: |case| case.truth().found(Indicator::new(6)),
    },
    Definition {
        indicator: Indicator::new(7),
        tier: Tier::Hard,
        weight: 20,
        title: "it follows another chain",
        caveat: "A server of another coin or test network that was listed for this one by mistake; where it stands beside one of this network it is not counted.",
        find: |case| case.truth().found(Indicator::new(7)),
    },
    Definition {
        indicator: Indicator::new(8),
        tier: Tier::Hard,
        weight: 20,
        title: "it knows of a script that nobody ever used",
        caveat: "A broken index; it must happen in two visits in a row, and each visit asks about another script.",
        find: |case| case.truth().found(Indicator::new(8)),
    },
];
