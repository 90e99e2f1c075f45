//! Which hosts are one server.
//!
//! Hosts are one server where a visit would reach the same machine, and nobody can bring it about from outside:
//!
//! 1. All transports of a host.
//! 2. Hosts at one address that answered at one port there: the address itself, and names that never led elsewhere.
//! 3. A name of several addresses, and hosts at those addresses that declare it: at the one where it answered if they did
//!    so at the same port, at another if they proved to hold the same certificate's key.
//! 4. Exactly two addresses, and no more, that proved to hold one certificate's key, have the same ports, never said what
//!    contradicts the other, of the chain, and do not both declare each other: dual stack, or two lines to one machine. Two
//!    that do are a pair that says so: two servers, which attribution links.
//!
//! Whoever has a name may lead it to a stranger, and lie under it elsewhere. So a name of several addresses joins nobody
//! who does not say that it is his, and one that answered at several in turn joins nobody at all. Of two addresses one may be
//! a stranger's who forwards all ports to the other: he is found out by what he answers himself, if the other was asked the
//! same. That is the weakest of the rules, and concerns servers that are known by their addresses alone.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    num::NonZeroU16,
};

use electrum::Host;
use model::finding::Digest;

use super::{Server, declared, declares, home};
use crate::{
    dossier::Dossier,
    features::claims::{Claims, Told, Variants},
    forest::Forest,
};

/// Rises when the same dossiers are joined otherwise.
pub(crate) const VERSION: u32 = 1;

/// Joins hosts into servers, in the order of their names.
#[must_use]
pub fn join(dossiers: &BTreeMap<Host, Dossier>) -> Vec<Server<'_>> {
    let hosts: Vec<(&Host, &Dossier)> = dossiers.iter().collect();
    let mut forest = Forest::new(hosts.len());
    let sockets = at_one_address(&hosts, &mut forest);
    names_of_several_addresses(&hosts, &sockets, &mut forest);
    two_of_one_certificate(&hosts, &mut forest);
    let trees = forest.trees().into_iter();
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
    host.address().is_some() || !place.moved && place.addresses.changes() == 0 && led()
}

/// Where hosts answer that are of one address, and the first of those that answer there.
type Sockets = HashMap<(IpAddr, NonZeroU16), usize>;

/// Where a host answers.
fn sockets(host: &Host, dossier: &Dossier) -> impl Iterator<Item = (IpAddr, NonZeroU16)> {
    let ip = home(host, dossier);
    ip.into_iter().flat_map(|ip| dossier.place.answered.iter().map(move |(_, port)| (ip, *port)))
}

fn at_one_address(hosts: &[(&Host, &Dossier)], forest: &mut Forest) -> Sockets {
    let mut first = Sockets::new();
    for (place, (host, dossier)) in hosts.iter().enumerate() {
        if is_of_one_address(host, dossier) {
            for socket in sockets(host, dossier) {
                forest.join(*first.entry(socket).or_insert(place), place);
            }
        }
    }
    first
}

fn names_of_several_addresses(hosts: &[(&Host, &Dossier)], at: &Sockets, forest: &mut Forest) {
    let (mut literals, mut declaring) = (HashMap::new(), HashSet::new());
    let roots: Vec<usize> = (0..hosts.len()).map(|place| forest.root(place)).collect();
    for (place, (host, dossier)) in hosts.iter().enumerate() {
        if is_of_one_address(host, dossier) {
            declaring.extend(declared(dossier).iter().map(|declared| (roots[place], declared)));
        }
        literals.extend(host.address().map(|ip| (ip, place)));
    }
    for (place, (host, dossier)) in hosts.iter().enumerate() {
        if is_of_one_address(host, dossier) || dossier.place.moved {
            continue;
        }
        let key = key(dossier);
        let led = dossier.place.addresses.latest().into_iter().flat_map(|span| span.value.iter());
        let holding = led
            .filter_map(|ip| literals.get(ip))
            .filter(|literal| key.is_some() && self::key(hosts[**literal].1) == key);
        let answering = sockets(host, dossier).filter_map(|socket| at.get(&socket));
        for other in answering.chain(holding).filter(|other| declaring.contains(&(roots[**other], *host))) {
            forest.join(place, *other);
        }
    }
}

fn two_of_one_certificate(hosts: &[(&Host, &Dossier)], forest: &mut Forest) {
    let mut holders: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (place, (_, dossier)) in hosts.iter().enumerate() {
        if let Some(key) = key(dossier) {
            holders.entry(key).or_default().push(place);
        }
    }
    for mut places in holders.into_values() {
        // A name that was joined to one of them is no third.
        places.retain(|place| hosts[*place].0.address().is_some() || forest.root(*place) == *place);
        let [one, other] = places[..] else { continue };
        let ((at_one, says_one), (at_other, says_other)) = (hosts[one], hosts[other]);
        let literal = at_one.address().is_some() && at_other.address().is_some();
        let alike = says_one.place.answered == says_other.place.answered;
        let distinct = declares(says_one, at_other) && declares(says_other, at_one);
        if literal && alike && !distinct && agree(&says_one.claims, &says_other.claims) {
            forest.join(one, other);
        }
    }
}

/// Whether two never said what contradicts the other of what is buried, and neither contradicts itself alone.
fn agree(one: &Claims, other: &Claims) -> bool {
    let lies = |claims: &Claims| claims.contradictions.lasting().next().is_some();
    lies(one) == lies(other)
        && alike(&one.outputs, &other.outputs, PartialEq::eq)
        && alike(&one.headers, &other.headers, PartialEq::eq)
        && alike(&one.scripts, &other.scripts, Told::agrees)
}

/// Whether all was the same that was ever said to what both were asked.
fn alike<K: Ord, T: PartialEq>(
    one: &BTreeMap<K, Variants<T>>,
    other: &BTreeMap<K, Variants<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    one.iter().filter_map(|(question, said)| Some((said, other.get(question)?))).all(|(one, other)| {
        one.newest_first().all(|one| other.newest_first().all(|other| same(&one.what, &other.what)))
    })
}

#[cfg(test)]
mod tests {
    use model::{Purpose, Visit};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        hand_made::{HEIGHT, World, told, visit},
        testing::{answers, at_address, certificate, light},
    };

    fn joined(visits: &[Visit]) -> Vec<Vec<String>> {
        let dossiers = crate::testing::dossiers(visits);
        let names = |server: &Server<'_>| server.hosts.iter().map(|(host, _)| host.to_string()).collect();
        join(&dossiers).iter().map(names).collect()
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

    /// A name of several addresses, of which the first answers, and what it declares.
    fn leading(name: &str, led: &[&str], key: &str, declared: &[&str]) -> Visit {
        let mut visit = declaring(&format!("ssl://{name}:50002"), key, declared);
        visit.peer = format!("{}:50002", led[0]).parse().ok();
        visit.resolution.addresses = led.iter().map(|ip| ip.parse().expect("an address")).collect();
        visit
    }

    fn declaring(endpoint: &str, key: &str, declared: &[&str]) -> Visit {
        let hosts: serde_json::Map<String, Value> =
            declared.iter().map(|host| ((*host).to_owned(), json!({}))).collect();
        let says = json!({ "hosts": hosts }).to_string();
        certificate(answers(endpoint, 0, &[("M1", &says)]), "shared", 1_000, key)
    }

    #[test]
    fn a_name_of_several_addresses_joins_those_that_declare_it() {
        let (own, other) = ("192.0.2.1", "2001:db8::1");
        let name = leading("a.example", &[own, other], "key", &[]);
        let at = |ip: &str, key: &str, declared: &[&str]| {
            let ip: IpAddr = ip.parse().expect("an address");
            declaring(&format!("ssl://{}", std::net::SocketAddr::from((ip, 50_002))), key, declared)
        };
        let both = [name.clone(), at(own, "key", &["a.example"]), at(other, "key", &["a.example"])];
        assert_eq!(joined(&both), [["a.example", own, other]]);
        let silent = [
            name.clone(),
            at(own, "key", &["a.example"]),
            declaring("ssl://[2001:db8::1]:443", "key", &["b.example"]),
        ];
        assert_eq!(joined(&silent), [vec![other], vec!["a.example", own]]);
        let two_machines =
            [name.clone(), at(own, "key", &["a.example"]), at(other, "another", &["a.example"])];
        assert_eq!(joined(&two_machines), [vec![other], vec!["a.example", own]]);
        // What says so under a name of its own says so at that address.
        let mut second = declaring("ssl://b.example:50002", "key", &["a.example", "b.example"]);
        second.peer = format!("{own}:50002").parse().ok();
        assert_eq!(joined(&[name, second]), [["a.example", "b.example"]]);
    }

    #[test]
    fn who_leads_a_name_to_a_stranger_joins_nobody_whatever_he_declares() {
        let (honest, liar) = ("192.0.2.1", "203.0.113.9");
        let own = declaring("ssl://192.0.2.1:50002", "key", &["home.example"]);
        let forwarding = declaring("ssl://203.0.113.9:50002", "key", &["evil.example", honest]);
        for led in [[honest, liar], [liar, honest]] {
            let name = leading("evil.example", &led, "key", &["evil.example", "home.example", honest]);
            let servers =
                joined(&[name, own.clone(), forwarding.clone(), light("tcp://203.0.113.9:50001", 0)]);
            assert!(servers.contains(&vec![honest.to_owned()]), "{servers:?}");
        }
    }

    #[test]
    fn a_name_that_led_elsewhere_once_is_of_several_addresses() {
        let mut elsewhere = at_address("ssl://a.example:50002", "203.0.113.9");
        elsewhere.purpose = Purpose::Objects;
        elsewhere.outcome = model::Outcome::TimedOut;
        elsewhere.peer = None;
        let visits =
            [elsewhere, at_address("ssl://a.example:50002", "192.0.2.1"), light("ssl://192.0.2.1:50002", 0)];
        assert_eq!(joined(&visits).len(), 2);
        assert_eq!(joined(&visits[1..]).len(), 1);
    }

    #[test]
    fn two_addresses_of_one_certificate_are_one_server_and_three_are_not() {
        let two = [shown("ssl://192.0.2.1:50002", "key"), shown("ssl://[2001:db8::1]:50002", "key")];
        assert_eq!(joined(&two).len(), 1);
        let three = [two.to_vec(), vec![shown("ssl://192.0.2.3:50002", "key")]].concat();
        assert_eq!(joined(&three).len(), 3);
        let other_ports = [two[0].clone(), shown("ssl://[2001:db8::1]:443", "key")];
        assert_eq!(joined(&other_ports).len(), 2);
        let says = |endpoint: &str| declaring(endpoint, "key", &["192.0.2.1", "192.0.2.2"]);
        let pair = [says("ssl://192.0.2.1:50002"), says("ssl://192.0.2.2:50002")];
        assert_eq!(joined(&pair).len(), 2, "they say that they are two");
    }

    #[test]
    fn who_forwards_ports_and_lied_once_lies_for_himself() {
        let world = World::new();
        let lists = |host: &str, minutes, value: u64| {
            let coin = json!([{"tx_hash": "11".repeat(32), "tx_pos": 0, "height": HEIGHT, "value": value}]);
            let listed = told("S4", "blockchain.scripthash.listunspent", &json!([world.hash()]), &coin);
            certificate(visit(host, minutes, Purpose::Deep, vec![listed]), "shared", 1_000, "key")
        };
        let (honest, forwarding) = ("192.0.2.1", "198.51.100.1");
        let alike = [lists(honest, 0, 7), lists(forwarding, 0, 7)];
        assert_eq!(joined(&alike), [[honest, forwarding]]);
        let once = [lists(honest, 0, 7), lists(forwarding, 0, 70), lists(forwarding, 9, 7)];
        assert_eq!(joined(&once), [[honest], [forwarding]]);
        let history = |host: &str, lines: Value| {
            let about = json!([world.hash()]);
            let mut all = world.honest();
            all.retain(|exchange| exchange.probe == "C1");
            all.push(told("S4", "blockchain.scripthash.get_history", &about, &lines));
            certificate(visit(host, 0, Purpose::Deep, all), "shared", 1_000, "key")
        };
        let line = json!([{"tx_hash": "11".repeat(32), "height": HEIGHT}]);
        assert_eq!(joined(&[history(honest, line.clone()), history(forwarding, json!([]))]).len(), 2);
        assert_eq!(joined(&[history(honest, line.clone()), history(forwarding, line)]).len(), 1);
    }
}
