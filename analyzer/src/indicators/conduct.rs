//! I9, I13, I14 and I29: nothing is falsified, but it is hard to explain innocently.

use model::finding::{Indicator, Tier};

use super::Definition;

pub(super) static TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(9),
        tier: Tier::Medium,
        weight: 10,
        title: "its best block is more than two behind, again and again",
        caveat: "A node that is stuck or has no peers. One that catches up is not counted.",
        find: |case| case.truth().found(Indicator::new(9)),
    },
    Definition {
        indicator: Indicator::new(13),
        tier: Tier::Medium,
        weight: 20,
        title: "clients are answered differently by their names",
        caveat: "Chance, at most once in fifty; or two machines behind one name that see different chains.",
        find: |case| case.truth().found(Indicator::new(13)),
    },
    Definition {
        indicator: Indicator::new(14),
        tier: Tier::Medium,
        weight: 15,
        title: "clients are answered differently over IPv4 and IPv6",
        caveat: "Two machines behind one name, one for each; or chance, at most once in fifty.",
        find: |case| case.truth().found(Indicator::new(14)),
    },
    Definition {
        indicator: Indicator::new(29),
        tier: Tier::Medium,
        weight: 10,
        title: "its fee estimates are far from those of all others",
        caveat: "A node that has just started, or whose mempool is empty.",
        find: |case| case.truth().found(Indicator::new(29)),
    },
];
