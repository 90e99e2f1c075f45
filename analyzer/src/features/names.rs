//! What a host's name says without a look-up: under which domain it is registered, whether anybody can have a name
//! there, and whether it is made of words that everybody uses.

use electrum::{Host, endpoint::DnsName};
use psl::{List, Psl as _, Type};

/// Rises when the same names give other features.
pub(super) const VERSION: u32 = 2;

/// Words of which names of servers are made everywhere.
const GENERIC: [&str; 24] = [
    "bitcoin",
    "blockchain",
    "btc",
    "cloud",
    "coin",
    "crypto",
    "electrs",
    "electrum",
    "electrumx",
    "fulcrum",
    "host",
    "main",
    "mainnet",
    "net",
    "node",
    "pool",
    "server",
    "srv",
    "ssl",
    "tcp",
    "the",
    "us",
    "vps",
    "wallet",
];

/// Domains under which hosters name the machines that they rent out, as far as the public suffix list does not know
/// them. A short list from general knowledge as well.
const HOSTERS: [&str; 7] = [
    "contaboserver.net",
    "your-server.de",
    "ovh.net",
    "vultrusercontent.com",
    "linodeusercontent.com",
    "bc.googleusercontent.com",
    "stratoserver.net",
];

/// Domains under which anybody can have a name that follows a changing address, as far as the public suffix list
/// does not know them (it does know duckdns.org, dyndns.org, no-ip.com's and many more). A short list from general
/// knowledge, not a survey of such services.
const DYNAMIC: [&str; 8] = [
    "dynv6.net",
    "freeddns.org",
    "ddnsfree.com",
    "mooo.com",
    "chickenkiller.com",
    "strangled.net",
    "ignorelist.com",
    "crabdance.com",
];

/// The domain under which a name is registered: `example.co.uk` for `a.example.co.uk`. None for addresses and
/// onions, and for names under which anybody can have one, where a common domain means nothing.
#[must_use]
pub fn registered(host: &Host) -> Option<&str> {
    let Host::Name(name) = host else { return None };
    let domain = psl::domain_str(name.as_str())?;
    // What the list does not know it takes for a suffix of one label; a name of one label is nobody's.
    let is_rented = HOSTERS.iter().any(|hoster| is_under(name, hoster));
    (!is_rented && !is_dynamic(host)).then_some(domain)
}

/// Whether the name is of a kind that anybody can have without registering a domain.
#[must_use]
pub fn is_dynamic(host: &Host) -> bool {
    let Host::Name(name) = host else { return false };
    let private =
        List.suffix(name.as_str().as_bytes()).is_some_and(|suffix| suffix.typ() == Some(Type::Private));
    private || DYNAMIC.iter().any(|domain| is_under(name, domain))
}

/// Whether the registered domain is made of nothing but words that everybody uses, and digits.
#[must_use]
pub fn is_generic(host: &Host) -> bool {
    let label = registered(host).and_then(|domain| domain.split('.').next());
    let mut words = label.into_iter().flat_map(|label| label.split(|c: char| !c.is_ascii_alphabetic()));
    let named = words.clone().any(|word| !word.is_empty());
    named && words.all(is_made_of_generic)
}

fn is_made_of_generic(word: &str) -> bool {
    word.is_empty()
        || GENERIC.iter().any(|generic| word.strip_prefix(generic).is_some_and(is_made_of_generic))
}

fn is_under(name: &DnsName, domain: &str) -> bool {
    name.as_str().strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> Host {
        text.parse().expect("a host")
    }

    #[test]
    fn domains_are_known_by_the_public_suffix_list() {
        for (name, domain) in [
            ("a.b.example.com", Some("example.com")),
            ("a.example.co.uk", Some("example.co.uk")),
            ("mine.duckdns.org", None),
            ("mine.mooo.com", None),
            ("ec2-1-2-3-4.compute-1.amazonaws.com", None),
            ("vmd71287.contaboserver.net", None),
            ("com", None),
            ("192.0.2.1", None),
        ] {
            assert_eq!(registered(&host(name)), domain, "{name}");
        }
        assert!(is_dynamic(&host("mine.duckdns.org")) && !is_dynamic(&host("notmooo.com")));
    }

    #[test]
    fn generic_names_are_made_of_generic_words() {
        for name in ["a.btcnode7.com", "electrum-server.net", "node01-bitcoin.org"] {
            assert!(is_generic(&host(name)), "{name}");
        }
        for name in
            ["electrum.blockstream.info", "electrum.acinq.co", "node.example.org", "0.com", "127.0.0.1"]
        {
            assert!(!is_generic(&host(name)), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read(text in "[a-z0-9.-]{1,80}") {
            if let Ok(host) = text.parse::<Host>() {
                let _ = (registered(&host), is_dynamic(&host), is_generic(&host));
            }
        }
    }
}
