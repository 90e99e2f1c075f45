//! Where a server can be reached: host, port and transport, in one canonical form.
//!
//! Two texts that mean the same place give equal values, equal displays and equal ids, so that a
//! server learnt from ten peers is one server. Nothing here looks anything up.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    str::FromStr,
};

use data_encoding::{BASE32, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use sha3::Sha3_256;

/// Why a text is not a host or an endpoint.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Not a name, an address or an onion.
    #[error("{0:?} is not a host name, an IP address or a v3 onion")]
    Host(String),
    /// A version 2 onion: the Tor network has not carried them since 2021.
    #[error("{0:?} is a version 2 onion, which Tor no longer carries")]
    OldOnion(String),
    /// Not a port between 1 and 65535.
    #[error("{0:?} is not a port between 1 and 65535")]
    Port(String),
    /// Not one of the transports.
    #[error("{0:?} is not a transport: use tcp, ssl, ws or wss")]
    Transport(String),
    /// The parts are not there.
    #[error("{0:?} is not an endpoint: write ssl://host:port, tcp://host:port, host:port:s or host:port:t")]
    Form(String),
}

/// A host in canonical form: lower case, punycode, no trailing dot, IPv4-mapped addresses unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// An IPv4 or IPv6 literal.
    Address(IpAddr),
    /// A DNS name.
    Name(DnsName),
    /// A v3 onion service, reachable through a Tor proxy only.
    Onion(Onion),
}

/// A syntactically valid DNS name in lower-case ASCII without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(Box<str>);

/// A v3 onion name whose checksum holds (Tor rend-spec-v3, section 6), with its `.onion`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Onion(Box<str>);

impl DnsName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Onion {
    /// The onion name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(label: &str, whole: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError::Host(bounded(whole));
        if label.len() == 16 {
            return Err(EndpointError::OldOnion(bounded(whole)));
        }
        let bytes = BASE32.decode(label.to_ascii_uppercase().as_bytes()).map_err(|_| refused())?;
        let (Some(key), Some(checksum), Some(&3)) = (bytes.get(..32), bytes.get(32..34), bytes.get(34))
        else {
            return Err(refused());
        };
        let digest =
            Sha3_256::new_with_prefix(b".onion checksum").chain_update(key).chain_update([3]).finalize();
        if bytes.len() != 35 || &digest[..2] != checksum {
            return Err(refused());
        }
        Ok(Self(format!("{label}.onion").into()))
    }
}

impl Host {
    /// The address, where the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) => Some(*ip),
            Self::Name(_) | Self::Onion(_) => None,
        }
    }

    /// Whether only a Tor proxy can reach it.
    #[must_use]
    pub fn is_onion(&self) -> bool {
        matches!(self, Self::Onion(_))
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Address(ip.to_canonical())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => fmt::Display::fmt(ip, f),
            Self::Name(name) => f.pad(name.as_str()),
            Self::Onion(onion) => f.pad(onion.as_str()),
        }
    }
}

impl FromStr for Host {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || EndpointError::Host(bounded(text));
        // A DNS name is at most 253 characters; in other scripts its UTF-8 may take more, never this much.
        if text.len() > 1_024 {
            return Err(refused());
        }
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(v6) = bare.parse::<Ipv6Addr>() {
            return Ok(IpAddr::V6(v6).into());
        }
        // Mostly an address is written as it should be, and the parser below takes its time.
        if let Ok(v4) = text.parse::<Ipv4Addr>() {
            return Ok(IpAddr::V4(v4).into());
        }
        // The URL standard's host parser: it also unmasks 0x7f.1 and 2130706433 as 127.0.0.1.
        match url::Host::parse(text).map_err(|_| refused())? {
            url::Host::Ipv4(v4) => Ok(IpAddr::V4(v4).into()),
            url::Host::Ipv6(v6) => Ok(IpAddr::V6(v6).into()),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if let Some(label) = name.strip_suffix(".onion") {
                    return Onion::parse(label, text).map(Self::Onion);
                }
                let label_is_sound = |label: &str| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                };
                if name.len() > 253 || !name.split('.').all(label_is_sound) {
                    return Err(refused());
                }
                Ok(Self::Name(DnsName(name.into())))
            }
        }
    }
}

/// How bytes travel to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Lines over TCP.
    Tcp,
    /// Lines over TLS, which the Electrum world calls `ssl`.
    Tls,
    /// WebSocket messages.
    Ws,
    /// WebSocket messages over TLS.
    Wss,
}

impl Transport {
    /// The URL scheme: `tcp`, `ssl`, `ws` or `wss`.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "ssl",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Whether the bytes are encrypted.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.scheme())
    }
}

impl FromStr for Transport {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tcp" | "t" => Ok(Self::Tcp),
            "ssl" | "tls" | "s" => Ok(Self::Tls),
            "ws" => Ok(Self::Ws),
            "wss" => Ok(Self::Wss),
            _ => Err(EndpointError::Transport(bounded(text))),
        }
    }
}

/// One place where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The machine.
    pub host: Host,
    /// The port.
    pub port: NonZeroU16,
    /// The way bytes travel.
    pub transport: Transport,
}

impl Endpoint {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`EndpointError::Port`] for port 0.
    pub fn new(host: Host, port: u16, transport: Transport) -> Result<Self, EndpointError> {
        let port = NonZeroU16::new(port).ok_or_else(|| EndpointError::Port(port.to_string()))?;
        Ok(Self { host, port, transport })
    }

    /// A short name that stays the same from run to run: the first 8 bytes of the SHA-256 of the
    /// canonical URL, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.to_string())[..8])
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(v6)) => write!(f, "{}://[{v6}]:{}", self.transport, self.port),
            host => write!(f, "{}://{host}:{}", self.transport, self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Reads `scheme://host:port`, `host:port:s` and `host:port:t`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || EndpointError::Form(bounded(text));
        let (host, port, transport) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let rest = rest.strip_suffix('/').unwrap_or(rest);
                let (host, port) = rest.rsplit_once(':').ok_or_else(form)?;
                (host, port, scheme)
            }
            None => {
                let (rest, transport) = text.rsplit_once(':').ok_or_else(form)?;
                let (host, port) = rest.rsplit_once(':').ok_or_else(form)?;
                (host, port, transport)
            }
        };
        let transport = transport.parse()?;
        let port = port.parse().map_err(|_| EndpointError::Port(bounded(port)))?;
        Self::new(host.parse()?, port, transport)
    }
}

/// Host, transport and endpoint are written and read as their canonical text.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
serde_as_text!(Host, Transport, Endpoint);

/// Error texts quote what others wrote: never more than this much of it.
fn bounded(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The part of the network that politeness counts as one neighbour: the /24 of an IPv4 address,
/// the /48 of an IPv6 address (ElectrumX groups its clients the same way).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subnet {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl From<IpAddr> for Subnet {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6([a, b, c, d, e, g]) => {
                let octets = [a, b, c, d, e, g, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                write!(f, "{}/48", Ipv6Addr::from(octets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONION: &str = "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion";

    fn canonical(text: &str) -> String {
        text.parse::<Endpoint>().map_or_else(|e| panic!("{text}: {e}"), |e| e.to_string())
    }

    #[test]
    fn texts_that_mean_one_place_become_one() {
        for text in ["ssl://Example.ORG:50002", "tls://example.org.:50002/", "example.org:50002:s"] {
            assert_eq!(canonical(text), "ssl://example.org:50002");
        }
        for text in ["tcp://127.0.0.1:1", "tcp://[::ffff:127.0.0.1]:1", "tcp://0x7f.1:1", "2130706433:1:t"] {
            assert_eq!(canonical(text), "tcp://127.0.0.1:1");
        }
        for text in ["tcp://[2001:DB8:0:0::1]:50001", "2001:db8::1:50001:t"] {
            assert_eq!(canonical(text), "tcp://[2001:db8::1]:50001");
        }
        assert_eq!(canonical("wss://bücher.example:443"), "wss://xn--bcher-kva.example:443");
        assert_eq!(canonical(&format!("{}:50001:t", ONION.to_uppercase())), format!("tcp://{ONION}:50001"));
    }

    #[test]
    fn onions_are_checked_by_their_checksum() {
        assert!(ONION.parse::<Host>().is_ok_and(|h| h.is_onion()));
        let spoilt = ONION.replacen("explorer", "exploref", 1);
        assert!(matches!(spoilt.parse::<Host>(), Err(EndpointError::Host(_))));
        assert!(matches!("3g2upl4pq6kufc4m.onion".parse::<Host>(), Err(EndpointError::OldOnion(_))));
        assert!("www.example.onion".parse::<Host>().is_err());
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_words_that_teach() {
        for text in [
            "",
            "x",
            "host:50001",
            "ftp://host:21",
            "tcp://host:0",
            "tcp://host:70000",
            "tcp://:1",
            "tcp://a b:1",
            "tcp://-:x",
            "tcp://a..b:1",
            "tcp://\u{1b}[31m:1",
            "tcp://user@host:1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
        let long = format!("tcp://{}:1", "a".repeat(5_000));
        let message = long.parse::<Endpoint>().map_err(|e| e.to_string());
        assert!(message.is_err_and(|m| m.len() < 200));
    }

    #[test]
    fn the_id_is_pinned() {
        let endpoint: Endpoint = "ssl://example.org:50002".parse().expect("an endpoint");
        assert_eq!(endpoint.id(), "fae598eb107f83a9");
    }

    #[test]
    fn subnets_are_named_as_people_write_them() {
        let subnet = |text: &str| Subnet::from(text.parse::<IpAddr>().expect("an address")).to_string();
        assert_eq!(subnet("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(subnet("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(subnet("2001:db8:1:2::3"), "2001:db8:1::/48");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_survives_a_round_trip(text in ".{0,80}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }

        #[test]
        fn any_host_survives_a_round_trip(host in "[a-zA-Z0-9_.-]{1,40}|\\[?[0-9a-f:]{2,20}\\]?|[0-9.]{7,15}") {
            if let Ok(parsed) = host.parse::<Host>() {
                prop_assert_eq!(parsed.to_string().parse::<Host>(), Ok(parsed));
            }
        }
    }
}
