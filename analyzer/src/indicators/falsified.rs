//! I1 to I8: the protocol itself is falsified. Each rests on bytes that contradict arithmetic, or a quorum.

use model::finding::Tier::Hard;

use super::{Definition, contradictions::of_truth};

pub(super) static TABLE: &[Definition] = &[
    of_truth::<1>(
        (Hard, 30),
        "an error tells the user to go somewhere or to install something",
        "A limit that is explained with a link. ElectrumX and Fulcrum warn old wallets after a success, never in an error.",
    ),
    of_truth::<2>(
        (Hard, 30),
        "it calls the broadcast of a transaction a success that no node can take",
        "None known.",
    ),
    of_truth::<3>(
        (Hard, 25),
        "a proof, a transaction or a header that is none",
        "A reorganisation between a proof and its header: such proofs must fail in two deep visits in a row.",
    ),
    of_truth::<4>(
        (Hard, 20),
        "status, history, balance and outputs of one script contradict each other",
        "A transaction that arrives between two answers: it must happen in three visits in a row.",
    ),
    of_truth::<5>(
        (Hard, 25),
        "it leaves out confirmed transactions that at least five neighbourhoods list",
        "A damaged index. Being behind, a limit that is told as an error, and a server of one wallet, which lists nothing of any script, are not counted.",
    ),
    of_truth::<6>(
        (Hard, 30),
        "outputs are said to be worth what their transactions do not say",
        "None known; wallets that believe it pay the difference as a fee.",
    ),
    of_truth::<7>(
        (Hard, 20),
        "it follows another chain",
        "A server of another coin or test network that was listed for this one by mistake; where it stands beside one of this network it is not counted.",
    ),
    of_truth::<8>(
        (Hard, 20),
        "it knows of a script that nobody ever used",
        "A broken index; it must happen in two visits in a row, and each visit asks about another script.",
    ),
];
