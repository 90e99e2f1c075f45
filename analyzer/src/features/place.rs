//! Where a server is, who tells of it, and whom it names.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};

use electrum::{Host, Transport, text::printable};
use jiff::{SignedDuration, Timestamp};
use model::{Outcome, Purpose, finding::Digest};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::spans::Spans;
use crate::{mark::Mark, reading::Reading};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 2;

/// Addresses of a name that are kept.
const MAX_ADDRESSES: usize = 16;
/// Endpoints that answered.
const MAX_ENDPOINTS: usize = 16;
/// Tellers that are remembered.
const MAX_TELLERS: usize = 32;
/// Peers that are kept of a list, and rows that are looked at.
const MAX_PEERS: usize = 128;
const MAX_ROWS: usize = 1_024;
/// How old a list must be for another to be read: ElectrumX shuffles, so that no list is like the last.
const LISTS_LAST: SignedDuration = SignedDuration::from_hours(6);

/// Where a server is, who tells of it, and whom it names.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Where its name led, in order.
    pub addresses: Spans<Box<[IpAddr]>>,
    /// The address at which it answered the latest time.
    pub dialled: Option<IpAddr>,
    /// Whether it answered at another one before.
    pub moved: bool,
    /// What that address calls itself (PTR); printable.
    pub pointer: Option<Box<str>>,
    /// Where it answered.
    pub answered: BTreeSet<(Transport, NonZeroU16)>,
    /// Who told of it.
    pub tellers: BTreeSet<Mark>,
    /// The servers that it named (M4).
    pub peers: Option<Peers>,
}

/// The servers that a server named.
#[derive(Clone, Debug)]
pub struct Peers {
    /// When.
    pub at: Timestamp,
    /// Their hosts, by [`Mark::of_host`], in order; at most 128.
    pub hosts: Box<[Mark]>,
    /// The answer.
    pub evidence: Digest,
}

impl Place {
    /// Takes in a visit.
    pub fn take(&mut self, reading: &Reading<'_>) {
        let visit = reading.visit;
        for teller in &visit.learnt_from {
            if self.tellers.len() == MAX_TELLERS {
                break;
            }
            self.tellers.insert(Mark::of(teller.as_bytes()));
        }
        if !visit.resolution.addresses.is_empty() {
            let addresses = || visit.resolution.addresses.iter().take(MAX_ADDRESSES);
            let bytes: Vec<u8> = addresses().flat_map(|ip| ip.to_string().into_bytes()).collect();
            self.addresses.see(Mark::of(&bytes), visit.started_at, || {
                Some((addresses().copied().collect(), Digest::of_visit(visit).ok()?))
            });
        }
        if visit.outcome != Outcome::Answered {
            return;
        }
        if self.answered.len() < MAX_ENDPOINTS {
            self.answered.insert((visit.endpoint.transport, visit.endpoint.port));
        }
        // Twins go to addresses that are not the usual ones.
        if let Some(peer) = visit.peer.filter(|_| !matches!(visit.purpose, Purpose::Twin(_))) {
            let ip = peer.ip().to_canonical();
            self.moved |= self.dialled.is_some_and(|before| before != ip);
            self.dialled = Some(ip);
        }
        if let Some(pointer) = &visit.resolution.pointer
            && self.pointer.as_deref() != Some(pointer)
        {
            self.pointer = Some(printable(pointer, 253).into());
        }
        let due = |known: &Peers| visit.started_at.duration_since(known.at) >= LISTS_LAST;
        if self.peers.as_ref().is_none_or(due)
            && let Some((text, turn)) = reading.said("M4")
            && let Some(hosts) = peers(text)
        {
            self.peers = Some(Peers { at: visit.started_at, hosts, evidence: turn.digest() });
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
        fold(visits, |reading| place.take(reading));
        place
    }

    #[test]
    fn lists_of_peers_are_read_every_few_hours() {
        let list = r#"[["192.0.2.1","B.example",["s"]],["192.0.2.2","192.0.2.2",[]],7,["x","no host!",[]]]"#;
        let seen = place(&[
            answers("tcp://a.example:50001", 0, &[("M4", list)]),
            answers("tcp://a.example:50001", 3_600, &[("M4", "[]")]),
        ]);
        let peers = seen.peers.expect("peers");
        assert!(peers.hosts.contains(&Mark::of_host(&"b.example".parse().expect("a host"))));
        assert_eq!(peers.hosts.len(), 2);
        let later = place(&[
            answers("tcp://a.example:50001", 0, &[("M4", list)]),
            answers("tcp://a.example:50001", 7 * 3_600, &[("M4", "[]")]),
        ]);
        assert!(later.peers.expect("peers").hosts.is_empty());
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
