//! Who is to be left alone: hosts, domains and networks that nobody visits or even looks up.
//!
//! One rule a line, with a reason after `#`:
//!
//! ```text
//! example.org         # this host and no other
//! .example.org        # the domain: example.org and every name beneath it
//! *.example.org       # the same: whoever writes it wants to be left alone, so its top is covered too
//! 192.0.2.7           # this address, as a literal or as what a name resolves to
//! 2001:db8::/32       # every address of the network; bits beyond the prefix do not matter
//! ```
//!
//! Names are compared in canonical form. Ports play no part: a rule covers the whole machine.
//! IPv4-mapped networks are IPv4 networks, and no other IPv6 network (not even `::/0`) covers an IPv4
//! address. A rule that cannot be read protects nobody, so a caller should not scan until it is mended.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use electrum::{Host, endpoint::DnsName};
use ipnet::{IpNet, Ipv4Net};

use super::text::{Problems, TooLong, lines};

/// The most bytes a file of rules may have: more than 100,000 lines of the usual length.
pub const MAX_EXCLUSIONS_BYTES: usize = 16 << 20;

/// Whom a rule covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// One host, exactly.
    Host(Host),
    /// A name and every name beneath it.
    Domain(DnsName),
    /// Every address of a network.
    Network(IpNet),
}

/// The text is no rule.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no rule: write a host, .domain, an address or a network such as 192.0.2.0/24")]
pub struct RuleError(String);

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || RuleError(text.chars().take(80).collect());
        if text.contains('/') {
            return text.parse().map(|net| Self::Network(canonical(net))).map_err(|_| refused());
        }
        let domain = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        match (domain, domain.unwrap_or(text).parse().map_err(|_| refused())?) {
            (Some(_), Host::Name(name)) => Ok(Self::Domain(name)),
            (Some(_), Host::Address(_) | Host::Onion(_)) => Err(refused()),
            (None, Host::Address(ip)) => Ok(Self::Network(canonical(ip.into()))),
            (None, host @ (Host::Name(_) | Host::Onion(_))) => Ok(Self::Host(host)),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => fmt::Display::fmt(host, f),
            Self::Domain(name) => write!(f, ".{}", name.as_str()),
            Self::Network(net) => fmt::Display::fmt(net, f),
        }
    }
}

fn canonical(net: IpNet) -> IpNet {
    let unmapped = match net {
        IpNet::V6(v6) => v6
            .addr()
            .to_ipv4_mapped()
            .zip(v6.prefix_len().checked_sub(96))
            .and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()),
        IpNet::V4(_) => None,
    };
    unmapped.map_or(net, IpNet::V4).trunc()
}

/// A rule and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Whom it covers.
    pub rule: Rule,
    /// Why, in the words of whoever wrote it.
    pub reason: Option<String>,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} ({reason})", self.rule),
            None => fmt::Display::fmt(&self.rule, f),
        }
    }
}

/// The rules in force. Asking takes a few hash look-ups, however many there are.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    rules: Vec<Exclusion>,
    hosts: HashMap<Host, usize>,
    domains: HashMap<Box<str>, usize>,
    networks: HashMap<IpNet, usize>,
    v4_prefixes: BTreeSet<u8>,
    v6_prefixes: BTreeSet<u8>,
}

impl Exclusions {
    /// Reads rules, one a line, and says which lines are none.
    ///
    /// # Errors
    /// [`TooLong`] beyond [`MAX_EXCLUSIONS_BYTES`].
    pub fn parse(text: &str) -> Result<(Self, Problems<RuleError>), TooLong> {
        TooLong::check(text, MAX_EXCLUSIONS_BYTES)?;
        let (mut exclusions, mut problems) = (Self::default(), Problems::default());
        for line in lines(text) {
            match line.content.parse() {
                Ok(rule) => exclusions.insert(rule, line.comment.map(str::to_owned)),
                Err(error) => problems.add(|| line.number, error),
            }
        }
        Ok((exclusions, problems))
    }

    /// Adds a rule. Of two equal ones the first stays, with its reason.
    pub fn insert(&mut self, rule: Rule, reason: Option<String>) {
        let rule = match rule {
            Rule::Host(Host::Address(ip)) => Rule::Network(canonical(ip.into())),
            Rule::Network(net) => Rule::Network(canonical(net)),
            rule @ (Rule::Host(_) | Rule::Domain(_)) => rule,
        };
        let next = self.rules.len();
        let place = match &rule {
            Rule::Host(host) => *self.hosts.entry(host.clone()).or_insert(next),
            Rule::Domain(name) => *self.domains.entry(name.as_str().into()).or_insert(next),
            Rule::Network(net) => {
                let prefixes = match net {
                    IpNet::V4(_) => &mut self.v4_prefixes,
                    IpNet::V6(_) => &mut self.v6_prefixes,
                };
                prefixes.insert(net.prefix_len());
                *self.networks.entry(*net).or_insert(next)
            }
        };
        if place == next {
            self.rules.push(Exclusion { rule, reason });
        }
    }

    /// The rule that covers a host, if one does: to be asked before the host is looked up.
    #[must_use]
    pub fn covers_host(&self, host: &Host) -> Option<&Exclusion> {
        let name = match host {
            Host::Address(ip) => return self.covers_address(*ip),
            Host::Name(name) => name.as_str(),
            Host::Onion(onion) => onion.as_str(),
        };
        let beneath = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
        let place = self.hosts.get(host).copied().or_else(|| {
            std::iter::once(name).chain(beneath).find_map(|domain| self.domains.get(domain).copied())
        })?;
        self.rules.get(place)
    }

    /// The narrowest rule that covers an address, if one does: to be asked of every address that a
    /// look-up gives, before it is dialled.
    #[must_use]
    pub fn covers_address(&self, ip: IpAddr) -> Option<&Exclusion> {
        let ip = ip.to_canonical();
        let prefixes = if ip.is_ipv4() { &self.v4_prefixes } else { &self.v6_prefixes };
        let covering = |length: &u8| self.networks.get(&IpNet::new(ip, *length).ok()?.trunc()).copied();
        self.rules.get(prefixes.iter().rev().find_map(covering)?)
    }

    /// Every rule, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Exclusion> {
        self.rules.iter()
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether nobody is excluded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The rules as they are now, and can be changed while visits are made. Whoever asks is answered by the latest: there is no
/// other way to ask, so nobody keeps old ones.
#[derive(Debug, Default)]
pub struct InForce(RwLock<Exclusions>);

impl InForce {
    /// These rules, for the time being.
    #[must_use]
    pub fn new(exclusions: Exclusions) -> Self {
        Self(RwLock::new(exclusions))
    }

    /// Others, from now on.
    pub fn replace(&self, exclusions: Exclusions) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = exclusions;
    }

    /// Whether somebody is to be left alone: to be asked before a look-up.
    #[must_use]
    pub fn cover_host(&self, host: &Host) -> bool {
        self.rules().covers_host(host).is_some()
    }

    /// The same of an address that a look-up gave: to be asked before it is dialled.
    #[must_use]
    pub fn cover_address(&self, ip: IpAddr) -> bool {
        self.rules().covers_address(ip).is_some()
    }

    fn rules(&self) -> RwLockReadGuard<'_, Exclusions> {
        // The rules are replaced whole.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONION: &str = "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion";

    fn exclusions(text: &str) -> Exclusions {
        let (exclusions, problems) = Exclusions::parse(text).expect("short enough");
        assert!(problems.is_empty(), "{problems:?}");
        exclusions
    }

    fn covered(rules: &str, host: &str) -> bool {
        exclusions(rules).covers_host(&host.parse().expect("a host")).is_some()
    }

    #[test]
    fn who_is_covered_by_what() {
        for (rule, host, expected) in [
            ("example.org", "example.org", true),
            ("Example.ORG.", "example.org", true),
            ("example.org", "www.example.org", false),
            ("example.org", "org", false),
            (".example.org", "example.org", true),
            (".example.org", "a.b.example.org", true),
            (".example.org", "badexample.org", false),
            (".example.org", "example.org.evil.test", false),
            ("*.example.org", "example.org", true),
            ("*.example.org", "www.example.org", true),
            ("*.bücher.example", "a.xn--bcher-kva.example", true),
            (".org", "example.org", true),
            (".onion", ONION, true),
            (ONION, ONION, true),
            (ONION, "example.onion.example", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0xc0.0.2.7", "192.0.2.7", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.9/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "2001:db8::1", false),
            ("::ffff:192.0.2.0/120", "192.0.2.1", true),
            ("::ffff:192.0.2.0/120", "192.0.3.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("0.0.0.0/0", "example.org", false),
        ] {
            assert_eq!(covered(rule, host), expected, "{rule} covers {host}");
        }
    }

    #[test]
    fn what_is_no_rule_is_named() {
        let text =
            "a.example # fine\n*\n.\n*.1.2.3.4\n1.2.3.4/33\na.example/24\na b\nssl://a:1\na:1:s\n**.a\n";
        let (exclusions, problems) = Exclusions::parse(text).expect("short enough");
        assert_eq!(exclusions.len(), 1);
        let lines: Vec<_> = problems.described().iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(problems.described()[0].to_string().starts_with("line 2: \"*\" is no rule: write"));
    }

    #[test]
    fn the_answer_says_why() {
        let rules = exclusions("10.0.0.0/8 # wide\n10.1.0.0/16 # narrow\n.a.example#b\n.c.example # asked\n");
        let why = |ip: &str| rules.covers_address(ip.parse().expect("an address")).map(ToString::to_string);
        assert_eq!(why("10.1.2.3").as_deref(), Some("10.1.0.0/16 (narrow)"));
        assert_eq!(why("::ffff:10.2.2.3").as_deref(), Some("10.0.0.0/8 (wide)"));
        assert_eq!(why("11.0.0.1"), None);
        let host = "x.c.example".parse().expect("a host");
        assert_eq!(rules.covers_host(&host).map(ToString::to_string).as_deref(), Some(".c.example (asked)"));
    }

    #[test]
    fn equal_rules_are_one_and_the_first_reason_stays() {
        let mut rules = exclusions("1.2.3.4 # first\n1.2.3.4/32 # second\n::ffff:1.2.3.4\n");
        rules.insert(Rule::Host(Host::Address("1.2.3.4".parse().expect("an address"))), None);
        assert_eq!(rules.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.2.3.4/32 (first)"]);
    }

    #[test]
    fn a_hundred_thousand_rules_are_asked_in_a_few_look_ups() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for n in 0..50_000 {
            writeln!(text, "h{n}.example\n10.{}.{}.0/24", n / 256, n % 256).expect("room");
        }
        let rules = exclusions(&text);
        assert_eq!((rules.len(), rules.v4_prefixes.len(), rules.v6_prefixes.len()), (100_000, 1, 0));
        assert!(rules.covers_host(&"h49999.example".parse().expect("a host")).is_some());
        assert!(rules.covers_address("10.195.79.1".parse().expect("an address")).is_some());
        assert!(rules.covers_address("10.195.80.1".parse().expect("an address")).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s:[*.]?[^ ]{0,30}[ #]?.{0,30})") {
            let _ = Exclusions::parse(&text);
        }

        #[test]
        fn a_rule_survives_a_round_trip(text in "[*.]{0,2}[a-z0-9.:-]{1,20}(/[0-9]{1,3})?") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
            }
        }

        #[test]
        fn networks_agree_with_plain_arithmetic(a: u32, b: u32, length in 0_u8..=32) {
            let (net, ip) = (IpAddr::from(a.to_be_bytes()), IpAddr::from(b.to_be_bytes()));
            let expected = (a ^ b).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0;
            prop_assert_eq!(exclusions(&format!("{net}/{length}")).covers_address(ip).is_some(), expected);
        }
    }
}
