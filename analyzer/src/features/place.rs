//! Where a server is, who tells of it, and whom it names.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};

use electrum::{Host, Transport};
use model::{Outcome, Purpose, finding::Digest};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::spans::{Look, Spans};
use crate::{mark::Mark, reading::Reading, text::Text, visited::Visited};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 4;

/// Addresses of a name that are kept.
const MAX_ADDRESSES: usize = 16;
/// Endpoints that answered.
const MAX_ENDPOINTS: usize = 16;
/// Tellers that are remembered.
const MAX_TELLERS: usize = 32;
/// Peers that are kept of a list, and rows that are looked at.
const MAX_PEERS: usize = 128;
const MAX_ROWS: usize = 1_024;

/// Where a server is, who tells of it, and whom it names.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Where its name led, in order.
    pub addresses: Spans<Box<[IpAddr]>>,
    /// The address at which it answered anything the latest time.
    pub dialled: Option<IpAddr>,
    /// Whether it answered at another one before.
    pub moved: bool,
    /// What that address calls itself (PTR); printable.
    pub pointer: Option<Text>,
    /// Where it answered.
    pub answered: BTreeSet<(Transport, NonZeroU16)>,
    /// Who told of it.
    pub tellers: BTreeSet<Mark>,
    /// The servers that it named the latest time (M4).
    pub peers: Option<Peers>,
}

/// The servers that a server named in one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    hosts: Box<[Mark]>,
    evidence: Digest,
}

/// Where a server was at one visit, who had told of it, and whom it named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Who told of it, each once.
    tellers: Box<[Mark]>,
    addresses: Option<Look<Box<[IpAddr]>>>,
    /// The address at which it answered anything.
    dialled: Option<IpAddr>,
    /// What that address calls itself, where it answered; printable.
    pointer: Option<Text>,
    peers: Option<Peers>,
}

impl Peers {
    /// Their hosts, by [`Mark::of_host`], in order; at most 128.
    #[must_use]
    pub fn hosts(&self) -> &[Mark] {
        &self.hosts
    }

    /// The answer.
    #[must_use]
    pub fn evidence(&self) -> Digest {
        self.evidence
    }

    /// The first list that a visit was given.
    fn of(reading: &Reading<'_>) -> Option<Self> {
        let (text, turn) = reading.said("M4").filter(|(text, _)| text.starts_with('['))?;
        Some(Self { hosts: peers(text).unwrap_or_default(), evidence: turn.digest() })
    }
}

impl Note {
    /// The visit that is read is the one that is told of: it is the evidence of where a name led.
    pub(crate) fn of(reading: &Reading<'_>, visited: &Visited) -> Self {
        let visit = reading.visit;
        // Twins go to addresses that are not the usual ones. Who hangs up after he has answered has answered there.
        let usual = !matches!(visit.purpose, Purpose::Twin(_));
        let is_an_answer =
            visit.outcome == Outcome::Answered || reading.turns.iter().any(|turn| turn.answer().is_some());
        let before = Self {
            tellers: tellers(&visit.learnt_from),
            addresses: addresses(&visit.resolution.addresses, visited.digest),
            dialled: visit.peer.filter(|_| usual && is_an_answer).map(|peer| peer.ip().to_canonical()),
            ..Self::default()
        };
        if visit.outcome != Outcome::Answered {
            return before;
        }
        let pointer = visit.resolution.pointer.as_deref();
        Self { pointer: pointer.map(|pointer| Text::of(pointer, 253)), peers: Peers::of(reading), ..before }
    }
}

/// The first tellers by their marks: no more than there is ever room for.
fn tellers(learnt_from: &[String]) -> Box<[Mark]> {
    let mut tellers: Vec<Mark> = Vec::new();
    for teller in learnt_from {
        if tellers.len() == MAX_TELLERS {
            break;
        }
        let teller = Mark::of(teller.as_bytes());
        if !tellers.contains(&teller) {
            tellers.push(teller);
        }
    }
    tellers.into()
}

fn addresses(led: &BTreeSet<IpAddr>, evidence: Digest) -> Option<Look<Box<[IpAddr]>>> {
    let addresses = || led.iter().take(MAX_ADDRESSES);
    let bytes: Vec<u8> = addresses().flat_map(|ip| ip.to_string().into_bytes()).collect();
    (!led.is_empty()).then(|| Look::at(&bytes, || Some((addresses().copied().collect(), evidence))))
}

impl Place {
    /// Takes in a visit.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        for teller in &note.tellers {
            if self.tellers.len() == MAX_TELLERS {
                break;
            }
            self.tellers.insert(*teller);
        }
        if let Some(addresses) = &note.addresses {
            self.addresses.see(addresses, visited.started_at);
        }
        if let Some(ip) = note.dialled {
            self.moved |= self.dialled.is_some_and(|before| before != ip);
            self.dialled = Some(ip);
        }
        if visited.outcome != Outcome::Answered {
            return;
        }
        if self.answered.len() < MAX_ENDPOINTS {
            self.answered.insert((visited.endpoint.transport, visited.endpoint.port));
        }
        if note.pointer.is_some() && self.pointer != note.pointer {
            self.pointer.clone_from(&note.pointer);
        }
        match (&mut self.peers, &note.peers) {
            (Some(peers), Some(latest)) => {
                // Lists are often equally long, and then the room is there already.
                peers.hosts.clone_from(&latest.hosts);
                peers.evidence = latest.evidence;
            }
            (peers @ None, Some(latest)) => *peers = Some(latest.clone()),
            (_, None) => {}
        }
    }
}

/// A row of a list of peers: address, host, features.
#[derive(Deserialize)]
struct Row<'a>(IgnoredAny, #[serde(borrow)] Cow<'a, str>, IgnoredAny);

/// The hosts of a list of peers, by their marks: those with the smallest, so that who writes the list does not choose
/// which are kept.
fn peers(text: &str) -> Option<Box<[Mark]>> {
    // Mostly all rows are sound, and then they are read at once.
    let rows: Vec<Row<'_>> = match serde_json::from_str(text) {
        Ok(rows) => rows,
        Err(_) => {
            let rows: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            rows.iter().take(MAX_ROWS).filter_map(|row| serde_json::from_str(row.get()).ok()).collect()
        }
    };
    let mut hosts: Vec<Mark> =
        rows.iter().take(MAX_ROWS).filter_map(|Row(_, host, _)| mark_of_host(host)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.truncate(MAX_PEERS);
    Some(hosts.into())
}

/// [`Mark::of_host`] of a host that is still to be read.
fn mark_of_host(text: &str) -> Option<Mark> {
    // The standard library reads an address of IPv4 in one form only, which is the one that it writes.
    match text.parse::<Ipv4Addr>() {
        Ok(_) => Some(Mark::of(text.as_bytes())),
        Err(_) => Some(Mark::of_host(&text.parse::<Host>().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{answers, fold, light};

    fn place(visits: &[model::Visit]) -> Place {
        let mut place = Place::default();
        fold(visits, |visited, reading| place.take(visited, &Note::of(reading, visited)));
        place
    }

    #[test]
    fn the_latest_list_of_peers_counts() {
        let list = r#"[["192.0.2.1","B.example",["s"]],["192.0.2.2","192.0.2.2",[]],7,["x","no host!",[]]]"#;
        let told = |list: &str, second| answers("tcp://a.example:50001", second, &[("M4", list)]);
        let named = |visits: &[model::Visit]| place(visits).peers.expect("peers").hosts().to_vec();
        let both = named(&[told("[]", 0), told(list, 60)]);
        assert!(both.contains(&Mark::of_host(&"b.example".parse().expect("a host"))));
        assert_eq!(both.len(), 2);
        assert!(named(&[told(list, 0), told("[]", 60)]).is_empty());
        assert_eq!(named(&[told(list, 0), told("7", 60)]), both, "that is no list");
        assert!(place(&[told("7", 0)]).peers.is_none());
    }

    #[test]
    fn a_list_is_kept_with_its_answer_and_bounded() {
        let told = |rows: usize| {
            let list: Vec<_> = (0..rows).map(|n| ("", format!("h{n}.example"), ["s50002"])).collect();
            let list = serde_json::to_string(&list).expect("writes");
            answers("tcp://a.example:50001", 0, &[("M4", &list)])
        };
        let visits = [0, 1, 60, 300, 200, 2].map(told);
        for (number, rows) in [0, 1, 60, 300, 200, 2].into_iter().enumerate() {
            let peers = place(&visits[..=number]).peers.expect("peers");
            assert_eq!(peers.hosts().len(), rows.min(MAX_PEERS));
            assert_eq!(Some(peers.evidence()), visits[number].exchanges.last().map(Digest::of_exchange));
            assert_eq!(place(&visits[number..=number]).peers, Some(peers), "the latest alone");
        }
    }

    #[test]
    fn a_name_that_moves_is_seen_to_move() {
        let led = |second, ip: &str| {
            let mut visit = light("ssl://a.example:50002", second);
            visit.resolution.addresses = [ip.parse().expect("an address")].into();
            visit.peer = format!("{ip}:50002").parse().ok();
            visit
        };
        let place = place(&[led(0, "192.0.2.1"), led(9, "192.0.2.1"), led(20, "192.0.2.9")]);
        assert_eq!((place.addresses.iter().len(), place.addresses.changes()), (2, 1));
        assert_eq!(place.dialled, "192.0.2.9".parse().ok());
        assert_eq!(place.answered.len(), 1);
    }

    #[test]
    fn who_answers_and_hangs_up_has_answered_there() {
        let at = |second, ip: &str, said: &[(&'static str, &str)]| {
            let mut visit = answers("ssl://a.example:50002", second, said);
            visit.outcome = Outcome::Closed;
            visit.peer = format!("{ip}:50002").parse().ok();
            visit
        };
        let greeting = [("H1", r#"["x","1.4"]"#)];
        let moved = [at(0, "192.0.2.1", &greeting), at(9, "192.0.2.9", &greeting)];
        assert!(place(&moved).moved && place(&moved).answered.is_empty());
        assert!(!place(&[at(0, "192.0.2.1", &[]), at(9, "192.0.2.9", &greeting)]).moved);
    }

    proptest! {
        #[test]
        fn hosts_have_one_mark_however_they_are_read(bytes in any::<[u8; 4]>(), text in "[0-9.x]{1,9}|.{0,12}") {
            for text in [std::net::Ipv4Addr::from(bytes).to_string(), text] {
                prop_assert_eq!(mark_of_host(&text), text.parse::<Host>().ok().map(|host| Mark::of_host(&host)));
            }
        }

        #[test]
        fn any_list_is_read_and_bounded(text in ".{0,200}", rows in 0..300_usize) {
            peers(&text);
            let list: Vec<_> = (0..rows).map(|n| ("", format!("h{n}.example"), [""; 0])).collect();
            let list = serde_json::to_string(&list).expect("writes");
            prop_assert_eq!(peers(&list).map(|hosts| hosts.len()), Some(rows.min(MAX_PEERS)));
        }
    }
}
