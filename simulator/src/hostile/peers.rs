//! The peers that hostile servers name.

use super::Mischief;
use crate::grammar::Peer;

/// More rows than fit into a line that any client takes, and as many as some take.
const BOMB: u32 = 40_000;
const CROWD: u32 = 6_000;

/// Places that are none of a stranger's business, written in every way, and a name that a test may have lead there.
const INWARD: [&str; 24] = [
    "inward.example",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "224.0.0.1",
    "255.255.255.255",
    "0.0.0.0",
    "::",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "64:ff9b::a01:203",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
    "[fd00::1]",
    "0xa010203",
    "167838211",
    "012.1.2.3",
    "10.1.515",
];
/// No hosts at all.
const JUNK: [&str; 14] = [
    "",
    ".",
    "..",
    "a..b",
    "-.invalid",
    "short.onion",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.onion",
    "pwsdcrfuwkgvfdwlo6ccmh2qnpctlu7wsht3jcl3uxmgl4gn72vzhqia.onion",
    "\u{1b}[2J.invalid",
    "a\u{0}b.invalid",
    "a b.invalid",
    "../../../../tmp/forged",
    "http://user:password@forged.invalid:80/",
    "\u{202e}dilavni.elpmaxe",
];
const ENORMOUS: usize = 5_000;

/// Whom a server names that would name these.
pub(crate) fn peers(mischief: Mischief, mut honest: Vec<Peer>) -> Vec<Peer> {
    match mischief {
        Mischief::PeerBomb => (0..BOMB).map(crowd).collect(),
        Mischief::PeerCrowd => (0..CROWD).map(crowd).collect(),
        Mischief::PeerPoison => {
            let enormous = "a".repeat(ENORMOUS);
            let hosts = INWARD.iter().chain(&JUNK).copied().chain([enormous.as_str()]);
            honest.extend(hosts.map(|host| row(host, &["v1.4", "s50002", "t50001"])));
            let offers = ["t0", "s99999", "t-1", "s5e3", "t 1", "", "\u{0}", "v", "p-1", "ws", "t٣"];
            honest.push(row("240.0.0.1", &offers));
            honest
        }
        // Their offers and names get what every text gets.
        Mischief::TerminalEscapes | Mischief::Markup | Mischief::WrongUtf8 | Mischief::RawControls => {
            honest.push(row("forged.invalid", &["v1.4", "t50001"]));
            honest
        }
        _ => honest,
    }
}

/// A name that nobody has and nobody ever will (RFC 6761).
fn crowd(number: u32) -> Peer {
    row(&format!("crowd-{number}.invalid"), &["v1.4", "s50002", "t50001"])
}

fn row(host: &str, offers: &[&str]) -> Peer {
    let offers = offers.iter().map(|offer| (*offer).to_owned()).collect();
    Peer { address: host.to_owned(), host: host.to_owned(), offers }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use electrum::{Host, guard::Guard};

    use super::*;

    #[test]
    fn nobody_is_named_who_exists() {
        for kind in [Mischief::PeerBomb, Mischief::PeerCrowd, Mischief::PeerPoison] {
            for peer in peers(kind, Vec::new()) {
                let Ok(host) = peer.host.parse::<Host>().map(|host| host.to_string()) else { continue };
                let is_reserved = || [".invalid", ".example", ".onion"].iter().any(|end| host.ends_with(end));
                match host.parse::<IpAddr>() {
                    Ok(address) => assert!(Guard::PublicOnly.check(address).is_err(), "{address}"),
                    Err(_) => assert!(is_reserved() || !host.contains('.'), "{host}"),
                }
            }
        }
    }
}
