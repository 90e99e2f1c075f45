//! The address guard: which addresses a scanner may dial at all.
//!
//! Anyone can put anything into a peer list, and poisoned lists have sent crawlers into private
//! networks before (electrumx issue 154). Only globally routable unicast addresses pass, however
//! they are dressed up: IPv4-mapped, 6to4 and NAT64 forms are judged by the address inside.
//! Sources: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890 and successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address must not be dialled.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forbidden {
    /// `0.0.0.0/8`, `::`.
    #[error("unspecified address")]
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    #[error("loopback address")]
    Loopback,
    /// RFC 1918, RFC 4193, site-local, local-use NAT64.
    #[error("private address")]
    Private,
    /// `169.254.0.0/16`, `fe80::/10`.
    #[error("link-local address")]
    LinkLocal,
    /// `100.64.0.0/10` (RFC 6598).
    #[error("carrier-grade NAT address")]
    CarrierGradeNat,
    /// `224.0.0.0/4`, `ff00::/8`.
    #[error("multicast address")]
    Multicast,
    /// Documentation ranges (RFC 5737, RFC 3849, RFC 9637).
    #[error("documentation address")]
    Documentation,
    /// Where clouds tell a machine its secrets: `169.254.169.254`, `100.100.100.200`, `fd00:ec2::254`, …
    #[error("cloud metadata address")]
    Metadata,
    /// Anything else that is not globally routable unicast: broadcast, benchmarking, Teredo, ORCHID, future use.
    #[error("reserved address")]
    Reserved,
}

/// Which addresses may be dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Globally routable addresses only.
    #[default]
    PublicOnly,
    /// One's own networks too: loopback, private, link-local, carrier-grade NAT, documentation.
    /// Metadata services, multicast, unspecified and reserved addresses stay forbidden: nobody
    /// runs an Electrum server there.
    AllowPrivate,
}

impl Guard {
    /// Judges one address.
    ///
    /// # Errors
    /// What kind of address it is, where it must not be dialled.
    pub fn check(self, ip: IpAddr) -> Result<(), Forbidden> {
        match (self, forbidden(ip)) {
            (_, None) => Ok(()),
            (
                Self::AllowPrivate,
                Some(
                    Forbidden::Loopback
                    | Forbidden::Private
                    | Forbidden::LinkLocal
                    | Forbidden::CarrierGradeNat
                    | Forbidden::Documentation,
                ),
            ) => Ok(()),
            (_, Some(reason)) => Err(reason),
        }
    }

    /// Judges an address that a server told of, which itself was met at an address; none through a proxy. Who opens
    /// his own networks opens them to the servers he names, not to whomever those name: an address that is not
    /// public must be of the kind at which the teller is.
    ///
    /// # Errors
    /// What kind of address it is, where it must not be dialled.
    pub fn check_told(self, ip: IpAddr, teller: Option<IpAddr>) -> Result<(), Forbidden> {
        match forbidden(ip) {
            Some(reason) if teller.and_then(forbidden) != Some(reason) => Err(reason),
            _ => self.check(ip),
        }
    }

    /// Judges a name that a proxy will resolve where we cannot see the address.
    ///
    /// # Errors
    /// [`Forbidden::Private`] for names that mean a local machine (RFC 6761, RFC 6762, RFC 8375).
    pub fn check_name(self, name: &str) -> Result<(), Forbidden> {
        const LOCAL: [&str; 6] = ["localhost", "local", "internal", "lan", "home.arpa", "localdomain"];
        let is_local = |suffix: &&str| {
            name.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        match self {
            Self::AllowPrivate => Ok(()),
            Self::PublicOnly if LOCAL.iter().any(is_local) || !name.contains('.') => Err(Forbidden::Private),
            Self::PublicOnly => Ok(()),
        }
    }
}

fn forbidden(ip: IpAddr) -> Option<Forbidden> {
    match ip {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

fn forbidden_v4(ip: Ipv4Addr) -> Option<Forbidden> {
    match ip.octets() {
        [169, 254, 169, 254]
        | [169, 254, 170, 2]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => Some(Forbidden::Metadata),
        [0, ..] => Some(Forbidden::Unspecified),
        [127, ..] => Some(Forbidden::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Forbidden::Private),
        [169, 254, ..] => Some(Forbidden::LinkLocal),
        [100, 64..=127, ..] => Some(Forbidden::CarrierGradeNat),
        [224..=239, ..] => Some(Forbidden::Multicast),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some(Forbidden::Documentation),
        // IETF protocol assignments, the 6to4 relay anycast, benchmarking, future use and broadcast.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => Some(Forbidden::Reserved),
        _ => None,
    }
}

fn forbidden_v6(ip: Ipv6Addr) -> Option<Forbidden> {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        forbidden_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Forbidden::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Forbidden::Loopback),
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        [0x64, 0xff9b, 1, ..] => Some(Forbidden::Private),
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => {
            Some(Forbidden::Metadata)
        }
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(Forbidden::Private),
        [0xfe80..=0xfebf, ..] => Some(Forbidden::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Forbidden::Multicast),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some(Forbidden::Documentation),
        // 2001::/23 holds Teredo, benchmarking, ORCHID and other protocol assignments.
        [0x2001, 0..=0x01ff, ..] => Some(Forbidden::Reserved),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Forbidden::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(text: &str) -> Result<(), Forbidden> {
        Guard::PublicOnly.check(text.parse().expect("an address"))
    }

    #[test]
    fn every_special_range_is_refused_at_both_its_ends() {
        use Forbidden::*;
        for (text, reason) in [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("169.254.0.0", LinkLocal),
            ("169.254.169.254", Metadata),
            ("100.100.100.200", Metadata),
            ("100.64.0.0", CarrierGradeNat),
            ("100.127.255.255", CarrierGradeNat),
            ("224.0.0.0", Multicast),
            ("239.255.255.255", Multicast),
            ("192.0.2.1", Documentation),
            ("198.51.100.1", Documentation),
            ("203.0.113.1", Documentation),
            ("192.0.0.8", Reserved),
            ("192.88.99.1", Reserved),
            ("198.18.0.0", Reserved),
            ("198.19.255.255", Reserved),
            ("240.0.0.0", Reserved),
            ("255.255.255.255", Reserved),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::7f00:1", Reserved),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fec0::1", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("ff02::1", Multicast),
            ("fd00:ec2::254", Metadata),
            ("2001:db8::1", Documentation),
            ("3fff:fff::1", Documentation),
            ("2001::1", Reserved),
            ("2001:1ff::1", Reserved),
            ("100::1", Reserved),
            ("5f00::1", Reserved),
            ("64:ff9b:1::1", Private),
        ] {
            assert_eq!(judge(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn neighbours_of_special_ranges_pass() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(judge(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn private_networks_open_by_wish_but_metadata_and_multicast_never() {
        let judge = |text: &str| Guard::AllowPrivate.check(text.parse().expect("an address"));
        for text in ["127.0.0.1", "10.0.0.1", "fe80::1", "::ffff:192.168.1.1", "100.64.0.1", "1.1.1.1"] {
            assert_eq!(judge(text), Ok(()), "{text}");
        }
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "fd00:ec2::254",
        ] {
            assert!(judge(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_told_leads_inward_only_from_inside() {
        let judge = |guard: Guard, told: &str, teller: Option<&str>| {
            let teller = teller.map(|ip| ip.parse().expect("an address"));
            guard.check_told(told.parse().expect("an address"), teller)
        };
        let open = Guard::AllowPrivate;
        assert_eq!(judge(open, "127.0.0.2", Some("127.0.0.1")), Ok(()));
        assert_eq!(judge(open, "10.0.0.2", Some("192.168.0.1")), Ok(()));
        assert_eq!(judge(open, "1.1.1.1", None), Ok(()));
        for teller in [None, Some("1.1.1.1"), Some("127.0.0.1"), Some("169.254.1.1")] {
            assert_eq!(judge(open, "192.168.1.1", teller), Err(Forbidden::Private), "{teller:?}");
            assert_eq!(judge(open, "::ffff:10.1.2.3", teller), Err(Forbidden::Private), "{teller:?}");
        }
        assert_eq!(judge(open, "224.0.0.1", Some("224.0.0.2")), Err(Forbidden::Multicast));
        assert_eq!(judge(Guard::PublicOnly, "127.0.0.2", Some("127.0.0.1")), Err(Forbidden::Loopback));
    }

    #[test]
    fn names_of_local_machines_do_not_reach_a_proxy() {
        for name in ["localhost", "a.localhost", "printer.local", "router", "db.internal", "x.home.arpa"] {
            assert_eq!(Guard::PublicOnly.check_name(name), Err(Forbidden::Private), "{name}");
        }
        for name in ["example.org", "notlocal.example", "mylocalhost.org", "local.example.org"] {
            assert_eq!(Guard::PublicOnly.check_name(name), Ok(()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_disguise_never_changes_the_verdict(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let plain = forbidden(IpAddr::V4(v4));
            for dressed in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
            ] {
                prop_assert_eq!(forbidden(IpAddr::V6(dressed)), plain);
            }
        }

        #[test]
        fn only_global_unicast_ever_passes(bits: u128) {
            let v6 = Ipv6Addr::from(bits);
            if forbidden(IpAddr::V6(v6)).is_none() {
                let global = v6.segments()[0] & 0xe000 == 0x2000;
                let translated = v6.to_ipv4_mapped().is_some() || v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
                prop_assert!(global || translated);
            }
        }
    }
}
