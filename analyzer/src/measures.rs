//! What was measured of a server beside what figures count ([`Member`](crate::figures::Member)), and is held against
//! nobody: when it was seen, how slow its slow answers are, and whether its line looks like that of a home.

use std::time::Duration;

use jiff::Timestamp;

use crate::server::Server;

/// What was measured of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// The first visit that found it up.
    pub first_seen: Option<Timestamp>,
    /// The latest that did.
    pub last_seen: Option<Timestamp>,
    /// What 95 of 100 answers to a greeting did not exceed, to a tenth; of several hosts that of the quickest.
    pub latency_p95: Option<Duration>,
    /// Whether its address calls itself what addresses of homes are called.
    pub residential: bool,
}

impl Measures {
    /// Those of a server.
    #[must_use]
    pub fn of(server: &Server<'_>) -> Self {
        let pointers = server.dossiers().filter_map(|dossier| dossier.place.pointer.as_deref());
        Self {
            first_seen: server.dossiers().filter_map(|dossier| dossier.uptime.first).min(),
            last_seen: server.dossiers().filter_map(|dossier| dossier.uptime.last_up).max(),
            latency_p95: server.dossiers().filter_map(|dossier| dossier.timing.latency.quantile(0.95)).min(),
            residential: pointers.into_iter().any(is_a_home),
        }
    }
}

/// Whether a name is one that providers give to the lines of homes. A guess: databases of addresses that are free do not
/// say what kind a line is.
fn is_a_home(pointer: &str) -> bool {
    const WORDS: [&str; 17] = [
        "adsl",
        "broadband",
        "cable",
        "catv",
        "customer",
        "dhcp",
        "dial",
        "dsl",
        "dyn",
        "dynamic",
        "fiber",
        "ftth",
        "home",
        "pool",
        "pppoe",
        "res",
        "vdsl",
    ];
    let words = pointer.split(|c: char| !c.is_ascii_alphabetic());
    words.map(str::to_ascii_lowercase).any(|word| WORDS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        server::join,
        testing::{answers, at, dossiers, light},
    };

    #[test]
    fn homes_are_known_by_what_their_providers_call_them() {
        for home in
            ["p54-dsl.example.net", "dyn-192-0-2-1.provider.example", "cpe.HOME.example", "pool7.example"]
        {
            assert!(is_a_home(home), "{home}");
        }
        for other in [
            "static.1.2.0.192.clients.example",
            "vps1.example.net",
            "electrum.example",
            "mail.respond.example",
        ] {
            assert!(!is_a_home(other), "{other}");
        }
    }

    #[test]
    fn a_server_was_seen_when_any_of_its_hosts_was() {
        let seen = |second, pointer: &str| {
            let mut visit =
                answers("tcp://192.0.2.1:50001", second, &[("H1", r#"["ElectrumX 1.20.0","1.4"]"#)]);
            visit.resolution.pointer = Some(pointer.to_owned());
            visit
        };
        let mut down = light("tcp://192.0.2.1:50001", 20);
        down.outcome = model::Outcome::Unreachable;
        let dossiers = dossiers(&[seen(0, "dsl-1.example"), seen(10, "dsl-1.example"), down]);
        let measures = Measures::of(&join(&dossiers)[0]);
        assert_eq!((measures.first_seen, measures.last_seen), (Some(at(0)), Some(at(10))));
        assert!(measures.residential && measures.latency_p95.is_some(), "{measures:?}");
    }
}
