//! I9, I13, I14 and I29: nothing is falsified, but it is hard to explain innocently.

use model::finding::Tier::Medium;

use super::{Definition, contradictions::of_truth};

pub(super) static TABLE: &[Definition] = &[
    of_truth::<9>(
        (Medium, 10),
        "its best block is more than two behind, again and again",
        "A node that is stuck or has no peers. One that catches up is not counted.",
    ),
    of_truth::<13>(
        (Medium, 20),
        "clients are answered differently by their names",
        "Chance, at most once in fifty; or two machines behind one name that see different chains.",
    ),
    of_truth::<14>(
        (Medium, 15),
        "clients are answered differently over IPv4 and IPv6",
        "Two machines behind one name, one for each; or chance, at most once in fifty.",
    ),
    of_truth::<29>(
        (Medium, 10),
        "its fee estimates are far from those of all others",
        "A node that has just started, or whose mempool is empty.",
    ),
];
