//! Which hosts are one server.
//!
//! Hosts are one server where a visit would reach the same machine, and nobody can bring it about from outside:
//!
//! 1. All transports of a host.
//! 2. Hosts at one address that answered at one port there: a name and the address it leads to, or several names. A
//!    name that answered at several addresses joins nobody: whoever has it leads it to a stranger after having lied under
//!    it elsewhere.
//! 3. A name that always answered at one address and another address that it leads to, if both proved to hold the same
//!    certificate's key.
//! 4. Exactly two addresses, and no more, that proved to hold one certificate's key, have the same ports, and do not both
//!    declare each other: dual stack, or two lines to one machine. Two that do are a pair that says so: two servers, which
//!    attribution links.
//!
//! Where more than one address is in play, one may be a server's and the other a stranger's, who forwards a port to it or
//! leads a name to it, and lies elsewhere. There nobody is joined who contradicts, of the chain, any who are joined already.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use electrum::Host;
use model::finding::Digest;

use super::{Server, declared, declares, home};
use crate::{
    dossier::Dossier,
    features::claims::{Claims, Told, Variants},
    forest::Forest,
};

/// Pairs of hosts that are looked at before their servers are joined. A server has a few.
const MOST_PAIRS: usize = 4_096;
/// Hosts at one address and port that contradict each other, and are looked at for whom a further one agrees with.
const MOST_SAID: usize = 8;

/// Joins hosts into servers, in the order of their names.
#[must_use]
pub fn join(dossiers: &BTreeMap<Host, Dossier>) -> Vec<Server<'_>> {
    let hosts: Vec<(&Host, &Dossier)> = dossiers.iter().collect();
    let mut joining = Joining::new(&hosts);
    joining.at_one_address();
    joining.names_and_addresses();
    joining.two_of_one_certificate();
    let trees = joining.forest.trees().into_iter();
    let mut servers: Vec<Server<'_>> = trees
        .map(|members| {
            let mut hosts: Vec<_> = members.into_iter().map(|place| hosts[place]).collect();
            let own: HashSet<&Host> = hosts.iter().flat_map(|(_, dossier)| declared(dossier)).collect();
            hosts.sort_by_key(|(host, _)| (!own.contains(host), rank(host), *host));
            Server { hosts }
        })
        .collect();
    servers.sort_by_cached_key(Server::name);
    servers
}

fn rank(host: &Host) -> u8 {
    match host {
        Host::Name(_) => 0,
        Host::Onion(_) => 1,
        Host::Address(_) => 2,
    }
}

/// The key that a host proved to hold the latest time.
fn key(dossier: &Dossier) -> Option<Digest> {
    dossier.tls.leaves.latest().map(|span| span.value.key)
}

/// Whether all that ever answered under a host was at one address: it leads nowhere else, and never did.
fn is_of_one_address(host: &Host, dossier: &Dossier) -> bool {
    let place = &dossier.place;
    let led = || place.addresses.latest().is_none_or(|span| span.value.len() == 1);
    host.address().is_some() || place.addresses.changes() == 0 && led()
}

/// Hosts, and which of them are one server as far as is known.
struct Joining<'h, 'd> {
    hosts: &'h [(&'d Host, &'d Dossier)],
    forest: Forest,
    /// By the root of a tree, its hosts.
    members: Vec<Vec<usize>>,
}

impl<'h, 'd> Joining<'h, 'd> {
    fn new(hosts: &'h [(&'d Host, &'d Dossier)]) -> Self {
        let members = (0..hosts.len()).map(|place| vec![place]).collect();
        Self { hosts, forest: Forest::new(hosts.len()), members }
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.forest.root(one), self.forest.root(other));
        if one != other {
            self.forest.join(one, other);
            let joined = std::mem::take(&mut self.members[one.max(other)]);
            self.members[one.min(other)].extend(joined);
        }
    }

    /// Joins two, and all that are joined with them, where nobody contradicts anybody. Returns whether they are one.
    fn join_if_they_agree(&mut self, one: usize, other: usize) -> bool {
        let (one, other) = (self.forest.root(one), self.forest.root(other));
        let (ones, others) = (&self.members[one], &self.members[other]);
        let claims = |place: &usize| &self.hosts[*place].1.claims;
        let agreed = one == other
            || ones.len() * others.len() <= MOST_PAIRS
                && ones.iter().all(|one| others.iter().all(|other| agree(claims(one), claims(other))));
        if agreed {
            self.join(one, other);
        }
        agreed
    }

    fn at_one_address(&mut self) {
        let (mut sockets, mut led): (HashMap<_, Vec<usize>>, Vec<_>) = (HashMap::new(), Vec::new());
        for (place, (host, dossier)) in self.hosts.iter().enumerate() {
            let Some(ip) = home(host, dossier).filter(|_| !dossier.place.moved) else { continue };
            let answered = dossier.place.answered.iter().map(|(_, port)| (ip, *port));
            match is_of_one_address(host, dossier) {
                true => answered.for_each(|socket| {
                    let first = sockets.entry(socket).or_insert_with(|| vec![place])[0];
                    self.join(first, place);
                }),
                false => led.extend(answered.map(|socket| (socket, place))),
            }
        }
        for (socket, place) in led {
            let firsts = sockets.entry(socket).or_default();
            if !firsts.iter().any(|first| self.join_if_they_agree(*first, place)) && firsts.len() < MOST_SAID
            {
                firsts.push(place);
            }
        }
    }

    fn names_and_addresses(&mut self) {
        let literals: HashMap<IpAddr, usize> = self
            .hosts
            .iter()
            .enumerate()
            .filter_map(|(place, (host, _))| Some((host.address()?, place)))
            .collect();
        for (place, (_, dossier)) in self.hosts.iter().enumerate() {
            let Some(key) = key(dossier).filter(|_| !dossier.place.moved) else { continue };
            let led = dossier.place.addresses.latest().into_iter().flat_map(|span| span.value.iter());
            for literal in led.filter_map(|ip| literals.get(ip)) {
                if self::key(self.hosts[*literal].1) == Some(key) {
                    self.join_if_they_agree(place, *literal);
                }
            }
        }
    }

    fn two_of_one_certificate(&mut self) {
        let mut holders: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for (place, (_, dossier)) in self.hosts.iter().enumerate() {
            if let Some(key) = key(dossier) {
                holders.entry(key).or_default().push(place);
            }
        }
        for mut places in holders.into_values() {
            // A name that was joined to one of them is no third.
            places.retain(|place| {
                self.hosts[*place].0.address().is_some() || self.forest.root(*place) == *place
            });
            let [one, other] = places[..] else { continue };
            let ((at_one, says_one), (at_other, says_other)) = (self.hosts[one], self.hosts[other]);
            let literal = at_one.address().is_some() && at_other.address().is_some();
            let alike = says_one.place.answered == says_other.place.answered;
            let distinct = declares(says_one, at_other) && declares(says_other, at_one);
            if literal && alike && !distinct {
                self.join_if_they_agree(one, other);
            }
        }
    }
}

/// Whether two say the same of what is buried, and neither contradicts itself alone.
fn agree(one: &Claims, other: &Claims) -> bool {
    let lies = |claims: &Claims| claims.contradictions.lasting().next().is_some();
    lies(one) == lies(other)
        && alike(&one.outputs, &other.outputs, PartialEq::eq)
        && alike(&one.headers, &other.headers, PartialEq::eq)
        && alike(&one.scripts, &other.scripts, Told::agrees)
}

/// Whether the same was said last to all that both were asked.
fn alike<K: Ord, T: PartialEq>(
    one: &BTreeMap<K, Variants<T>>,
    other: &BTreeMap<K, Variants<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    one.iter().all(|(question, said)| {
        let both = other.get(question).and_then(|other| said.latest().zip(other.latest()));
        both.is_none_or(|(one, other)| same(&one.what, &other.what))
    })
}

#[cfg(test)]
mod tests {
    use model::{Purpose, Visit};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        hand_made::{HEIGHT, World, told, visit},
        testing::{answers, certificate, light},
    };

    fn joined(visits: &[Visit]) -> Vec<Vec<String>> {
        let dossiers = crate::testing::dossiers(visits);
        let names = |server: &Server<'_>| server.hosts.iter().map(|(host, _)| host.to_string()).collect();
        join(&dossiers).iter().map(names).collect()
    }

    fn at_address(endpoint: &str, ip: &str) -> Visit {
        let mut visit = light(endpoint, 0);
        let ip: IpAddr = ip.parse().expect("an address");
        visit.resolution.addresses = [ip].into();
        visit.peer = Some((ip, visit.endpoint.port.get()).into());
        visit
    }

    fn shown(endpoint: &str, key: &str) -> Visit {
        certificate(light(endpoint, 0), "shared", 1_000, key)
    }

    #[test]
    fn names_of_one_address_and_port_are_one_server_with_it() {
        let visits = [
            at_address("ssl://b.example:50002", "192.0.2.1"),
            at_address("tcp://a.example:50002", "192.0.2.1"),
            light("ssl://192.0.2.1:50002", 0),
            light("tcp://192.0.2.1:50001", 0),
            at_address("ssl://c.example:443", "192.0.2.1"),
            at_address("ssl://d.example:50002", "192.0.2.2"),
        ];
        let expected = [vec!["a.example", "b.example", "192.0.2.1"], vec!["c.example"], vec!["d.example"]];
        assert_eq!(joined(&visits), expected);
    }

    #[test]
    fn a_name_of_many_addresses_does_not_make_one_server_of_strangers() {
        let mut name = shown("ssl://evil.example:50002", "evil");
        name.resolution.addresses =
            ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().expect("an address")).into();
        name.peer = "192.0.2.9:50002".parse().ok();
        let visits = [name, shown("ssl://192.0.2.1:50002", "one"), shown("ssl://192.0.2.2:50002", "two")];
        assert_eq!(joined(&visits).len(), 3);
    }

    #[test]
    fn a_name_that_was_elsewhere_before_joins_nobody() {
        let moved = [
            at_address("ssl://evil.example:50002", "203.0.113.9"),
            at_address("ssl://evil.example:50002", "192.0.2.1"),
            light("ssl://192.0.2.1:50002", 0),
        ];
        assert_eq!(joined(&moved), [["192.0.2.1"], ["evil.example"]]);
        let mut led = shown("ssl://evil.example:50002", "key");
        led.resolution.addresses = ["192.0.2.1".parse().expect("an address")].into();
        led.peer = "192.0.2.1:50002".parse().ok();
        let moved = [moved[0].clone(), led, shown("ssl://192.0.2.1:443", "key")];
        assert_eq!(joined(&moved).len(), 2);
    }

    #[test]
    fn a_stranger_s_name_does_not_rename_it() {
        let mut own = answers("ssl://home.example:50002", 0, &[("M1", r#"{"hosts":{"home.example":{}}}"#)]);
        own.peer = "192.0.2.1:50002".parse().ok();
        let visits =
            [own, at_address("ssl://aaa.example:50002", "192.0.2.1"), light("ssl://192.0.2.1:50002", 0)];
        assert_eq!(joined(&visits), [["home.example", "aaa.example", "192.0.2.1"]]);
    }

    #[test]
    fn a_name_joins_its_other_address_by_the_key_it_holds() {
        let mut name = shown("ssl://a.example:50002", "key");
        name.resolution.addresses =
            ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().expect("an address")).into();
        name.peer = "192.0.2.1:50002".parse().ok();
        let visits = [name, shown("ssl://192.0.2.1:50002", "key"), shown("ssl://[2001:db8::1]:50002", "key")];
        assert_eq!(joined(&visits), [["a.example", "192.0.2.1", "2001:db8::1"]]);
    }

    #[test]
    fn two_addresses_of_one_certificate_are_one_server_and_three_are_not() {
        let two = [shown("ssl://192.0.2.1:50002", "key"), shown("ssl://[2001:db8::1]:50002", "key")];
        assert_eq!(joined(&two).len(), 1);
        let three = [two.to_vec(), vec![shown("ssl://192.0.2.3:50002", "key")]].concat();
        assert_eq!(joined(&three).len(), 3);
        let other_ports = [two[0].clone(), shown("ssl://[2001:db8::1]:443", "key")];
        assert_eq!(joined(&other_ports).len(), 2);
    }

    #[test]
    fn who_forwards_a_port_and_lies_at_another_lies_for_himself() {
        let world = World::new();
        let lists = |host: &str, value: u64| {
            let coin = json!([{"tx_hash": "11".repeat(32), "tx_pos": 0, "height": HEIGHT, "value": value}]);
            let listed = told("S4", "blockchain.scripthash.listunspent", &json!([world.hash()]), &coin);
            certificate(visit(host, 0, Purpose::Deep, vec![listed]), "shared", 1_000, "key")
        };
        let alike = [lists("192.0.2.1", 7), lists("198.51.100.1", 7)];
        assert_eq!(joined(&alike), [["192.0.2.1", "198.51.100.1"]]);
        let apart = [lists("192.0.2.1", 7), lists("198.51.100.1", 70)];
        assert_eq!(joined(&apart), [["192.0.2.1"], ["198.51.100.1"]]);
        let history = |host: &str, lines: Value| {
            let about = json!([world.hash()]);
            let mut all = world.honest();
            all.retain(|exchange| exchange.probe == "C1");
            all.push(told("S4", "blockchain.scripthash.get_history", &about, &lines));
            certificate(visit(host, 0, Purpose::Deep, all), "shared", 1_000, "key")
        };
        let line = json!([{"tx_hash": "11".repeat(32), "height": HEIGHT}]);
        let apart = [history("192.0.2.1", line.clone()), history("198.51.100.1", json!([]))];
        assert_eq!(joined(&apart).len(), 2);
        let alike = [history("192.0.2.1", line.clone()), history("198.51.100.1", line)];
        assert_eq!(joined(&alike).len(), 1);
    }

    #[test]
    fn who_leads_a_name_to_a_stranger_and_lies_elsewhere_lies_for_himself() {
        let world = World::new();
        let says = |host: &str, peer: &str, led: &[&str], value: Option<u64>| {
            let listed = value.map(|value| {
                let coin =
                    json!([{"tx_hash": "11".repeat(32), "tx_pos": 0, "height": HEIGHT, "value": value}]);
                told("S4", "blockchain.scripthash.listunspent", &json!([world.hash()]), &coin)
            });
            let mut visit = visit(host, 0, Purpose::Deep, listed.into_iter().collect());
            visit.peer = format!("{peer}:50002").parse().ok();
            visit.resolution.addresses = led.iter().map(|ip| ip.parse().expect("an address")).collect();
            certificate(visit, "shared", 1_000, "key")
        };
        let (liar, honest) = ("203.0.113.9", "192.0.2.1");
        let stranger = says(honest, honest, &[], Some(7));
        let name = |value| says("evil.example", liar, &[liar, honest], value);
        assert_eq!(joined(&[name(Some(7)), stranger.clone()]), [["evil.example", "192.0.2.1"]]);
        assert_eq!(joined(&[name(Some(70)), stranger.clone()]).len(), 2);
        // Nor does he lie for the stranger through a name that says nothing.
        let machine = says(liar, liar, &[], Some(70));
        assert_eq!(
            joined(&[name(None), machine, stranger.clone()]),
            [vec!["192.0.2.1"], vec!["evil.example", liar]]
        );
        // A name with two addresses may lie at the one that is not usually visited.
        let (one, other) =
            (says("a.example", honest, &[honest], Some(7)), says("b.example", honest, &[honest], None));
        let twice = says("evil.example", honest, &[honest, liar], Some(70));
        let both = [twice, one, other, stranger];
        assert_eq!(joined(&both), [vec!["a.example", "b.example", "192.0.2.1"], vec!["evil.example"]]);
    }

    #[test]
    fn a_pair_that_says_that_it_is_one_stays_two() {
        let hosts = r#"{"hosts":{"192.0.2.1":{},"192.0.2.2":{}}}"#;
        let says =
            |endpoint: &str| certificate(answers(endpoint, 0, &[("M1", hosts)]), "pair", 1_000, "pair");
        let pair = [says("ssl://192.0.2.1:50002"), says("ssl://192.0.2.2:50002")];
        assert_eq!(joined(&pair).len(), 2);
    }
}
