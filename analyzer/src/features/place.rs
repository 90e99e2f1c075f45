//! Where a server is, who tells of it, and whom it names.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    sync::OnceLock,
};

use electrum::{Host, Transport, message::Answer, text::printable};
use model::{Exchange, Outcome, Purpose, finding::Digest};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::spans::Spans;
use crate::{mark::Mark, reading::Reading};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 3;

/// Addresses of a name that are kept.
const MAX_ADDRESSES: usize = 16;
/// Endpoints that answered.
const MAX_ENDPOINTS: usize = 16;
/// Tellers that are remembered.
const MAX_TELLERS: usize = 32;
/// Peers that are kept of a list, and rows that are looked at.
const MAX_PEERS: usize = 128;
const MAX_ROWS: usize = 1_024;
/// Longest answer that is kept until it is known to be the latest, in bytes: a list of a hundred peers.
const LONGEST_UNREAD: usize = 8 << 10;

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
    /// The servers that it named the latest time (M4).
    pub peers: Option<Peers>,
}

/// The servers that a server named in one answer. Only the latest answer counts, so that none is read before it is looked
/// at.
#[derive(Clone, Debug)]
pub struct Peers {
    told: Option<Box<Exchange>>,
    read: OnceLock<Named>,
}

#[derive(Clone, Debug)]
struct Named {
    hosts: Box<[Mark]>,
    evidence: Digest,
}

impl Peers {
    /// What an exchange tells whose answer is a list.
    fn of(exchange: &Exchange) -> Self {
        let length = exchange.answer.as_ref().map_or(0, |answer| answer.response.bytes().len());
        if length > LONGEST_UNREAD {
            return Self { told: None, read: Named::of(exchange).into() };
        }
        Self { told: Some(Box::new(exchange.clone())), read: OnceLock::new() }
    }

    /// Their hosts, by [`Mark::of_host`], in order; at most 128.
    #[must_use]
    pub fn hosts(&self) -> &[Mark] {
        self.named().map_or(&[], |named| &named.hosts)
    }

    /// The answer.
    #[must_use]
    pub fn evidence(&self) -> Option<Digest> {
        self.named().map(|named| named.evidence)
    }

    fn named(&self) -> Option<&Named> {
        match &self.told {
            Some(told) => Some(self.read.get_or_init(|| Named::of(told))),
            None => self.read.get(),
        }
    }

    /// Reads the answer and forgets it: nothing else is said by it.
    fn settle(&mut self) {
        self.named();
        self.told = None;
    }
}

impl Named {
    fn of(exchange: &Exchange) -> Self {
        let answer = exchange.answer.as_ref().and_then(|answer| Answer::read(answer.response.bytes()));
        let hosts = match answer {
            Some(Answer::Result(text)) => peers(text).unwrap_or_default(),
            _ => Box::default(),
        };
        Self { hosts, evidence: Digest::of_exchange(exchange) }
    }
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
        if let Some((text, turn)) = reading.said("M4")
            && text.starts_with('[')
        {
            self.peers = Some(Peers::of(turn.exchange));
        }
    }

    /// Reads what was left for when all visits are taken in, which costs less memory from then on. More may come.
    pub fn settle(&mut self) {
        if let Some(peers) = &mut self.peers {
            peers.settle();
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
    fn a_list_is_the_same_whenever_it_is_read() {
        for rows in [0, 1, 60, 300] {
            let list: Vec<_> = (0..rows).map(|n| ("", format!("h{n}.example"), ["s50002"])).collect();
            let list = serde_json::to_string(&list).expect("writes");
            let visit = answers("tcp://a.example:50001", 0, &[("M4", &list)]);
            let mut place = place(std::slice::from_ref(&visit));
            let later = place.peers.clone().expect("peers");
            place.settle();
            let settled = place.peers.expect("peers");
            assert!(settled.told.is_none(), "{rows}");
            assert_eq!(settled.hosts(), later.hosts(), "{rows}");
            assert_eq!(settled.hosts().len(), rows.min(MAX_PEERS));
            assert_eq!(settled.evidence(), later.evidence());
            assert_eq!(settled.evidence(), visit.exchanges.last().map(Digest::of_exchange));
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
