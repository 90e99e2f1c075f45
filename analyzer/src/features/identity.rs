//! What a server says of itself: software, banner, donation address, hosts and protocols. Claims, as it makes them.

use std::collections::HashMap;

use electrum::{
    Host,
    guard::{Forbidden, Guard},
};
use model::{Purpose, finding::Digest, purpose::Arm};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::spans::{Look, Spans};
use crate::{
    mark::Mark,
    reading::{Reading, Turn},
    text::Text,
    visited::Visited,
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Longest claim, in characters.
const MAX_TEXT: usize = 200;
/// Bytes of a banner that are looked at.
const MAX_BANNER: usize = 4_096;
/// Hosts of `server.features` that are kept.
const MAX_HOSTS: usize = 32;

/// What a server says of itself.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The software, as `server.version` names it (H1, H2); printable.
    pub software: Spans<Text>,
    /// The banner (M2).
    pub banner: Spans<Banner>,
    /// The donation address (M3), where it is not empty; printable.
    pub donation: Spans<Text>,
    /// What `server.features` declares (M1).
    pub declared: Spans<Declared>,
}

/// A banner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Banner {
    /// Its words without digits and without the server's own name: one text of many servers is one mark.
    pub words: Mark,
    /// The first address in it at which a person can be reached: mail, a page, a key; printable.
    pub contact: Option<Text>,
}

/// What a server declares in `server.features`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Lowest and highest protocol version; printable.
    pub protocol: Option<[Text; 2]>,
    /// The hosts that it says are its own, at most 32, in order.
    pub hosts: Box<[Host]>,
}

impl Declared {
    /// A private address among the hosts, other than where the server was visited.
    #[must_use]
    pub fn private(&self, visited: &Host) -> Option<&Host> {
        let private = |ip| Guard::PublicOnly.check(ip) == Err(Forbidden::Private);
        self.hosts.iter().find(|host| *host != visited && host.address().is_some_and(private))
    }
}

impl Identity {
    /// What the latest visits rest on: an exchange in which the server spoke of itself.
    #[must_use]
    pub fn evidence(&self) -> Option<Digest> {
        let software = self.software.latest().map(|span| span.evidence);
        software.or_else(|| self.declared.latest().map(|span| span.evidence))
    }

    /// Takes in what a visit shows.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        let at = visited.started_at;
        note.software.iter().for_each(|look| self.software.see(look, at));
        note.banner.iter().for_each(|look| self.banner.see(look, at));
        note.donation.iter().for_each(|look| self.donation.see(look, at));
        note.declared.iter().for_each(|look| self.declared.see(look, at));
    }
}

/// What a server says of itself in one visit, which came under our own name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    software: Option<Look<Text>>,
    banner: Option<Look<Banner>>,
    donation: Option<Look<Text>>,
    declared: Option<Look<Declared>>,
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let borrowed = matches!(&reading.visit.purpose, Purpose::Twin(twin) if twin.arm == Arm::B);
        if borrowed || !reading.visit.purpose.describes() {
            return Self::default();
        }
        let host = &reading.visit.endpoint.host;
        Self {
            software: look(reading.said("H1").or_else(|| reading.said("H2")), |text| {
                let (software, _): (String, IgnoredAny) = serde_json::from_str(text).ok()?;
                Some(Text::of(&software, MAX_TEXT))
            }),
            banner: look(reading.said("M2"), |text| banner(text, host)),
            donation: look(reading.said("M3"), |text| {
                let address: String = serde_json::from_str(text).ok()?;
                let address = Text::of(address.trim(), MAX_TEXT);
                (!address.is_empty()).then_some(address)
            }),
            declared: look(reading.said("M1"), declared),
        }
    }
}

/// The software without its version: `electrs/0.11.1` is `electrs`.
pub(crate) fn program(software: &str) -> &str {
    let version = |c: char| c.is_ascii_digit() || c == '/' || c.is_whitespace();
    software.split(version).next().unwrap_or(software)
}

fn look<T>(said: Option<(&str, &Turn<'_>)>, read: impl FnOnce(&str) -> Option<T>) -> Option<Look<T>> {
    let (text, turn) = said?;
    Some(Look::at(text.as_bytes(), || Some((read(text)?, turn.digest()))))
}

fn declared(text: &str) -> Option<Declared> {
    #[derive(Deserialize)]
    struct Features {
        #[serde(default)]
        protocol_min: serde_json::Value,
        #[serde(default)]
        protocol_max: serde_json::Value,
        #[serde(default)]
        hosts: HashMap<String, IgnoredAny>,
    }
    let features: Features = serde_json::from_str(text).ok()?;
    let version = |value: &serde_json::Value| Some(Text::of(value.as_str()?, 16));
    let protocol = version(&features.protocol_min).zip(version(&features.protocol_max));
    let mut hosts: Vec<Host> = features.hosts.keys().filter_map(|host| host.parse().ok()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.truncate(MAX_HOSTS);
    Some(Declared { protocol: protocol.map(<[_; 2]>::from), hosts: hosts.into() })
}

fn banner(text: &str, host: &Host) -> Option<Banner> {
    let mut banner: String = serde_json::from_str(text).ok()?;
    banner.truncate(banner.floor_char_boundary(MAX_BANNER));
    Some(Banner { words: words(&banner, host), contact: contact(&banner) })
}

/// The mark of a text's words: in small letters, without digits and without a host's own name.
pub(crate) fn words(text: &str, host: &Host) -> Mark {
    let nameless = text.to_lowercase().replace(&host.to_string(), "");
    let words = nameless.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    Mark::of_parts(words.map(str::as_bytes))
}

fn contact(banner: &str) -> Option<Text> {
    let bare = |c: char| !c.is_alphanumeric() && c != '@';
    let words = banner.split_whitespace().map(|word| word.trim_matches(bare));
    let reaches = |word: &&str| {
        let mail = word.split_once('@').is_some_and(|(name, place)| !name.is_empty() && place.contains('.'));
        let page = word.starts_with("https://") || word.starts_with("http://");
        let handle = word.starts_with('@') || word.starts_with("npub1") || word.contains("t.me/");
        (6..=MAX_TEXT).contains(&word.len()) && (mail || page || handle)
    };
    words.clone().find(reaches).map(|word| Text::of(&word.to_lowercase(), MAX_TEXT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{answers, fold};

    fn identity(said: &[(&'static str, &str)]) -> Identity {
        let mut identity = Identity::default();
        fold(&[answers("ssl://a.example:50002", 0, said)], |visited, reading| {
            identity.take(visited, &Note::of(reading));
        });
        identity
    }

    #[test]
    fn programs_have_no_versions() {
        for (software, name) in [
            ("ElectrumX 1.20.0", "ElectrumX"),
            ("electrs/0.11.1", "electrs"),
            ("mempool-electrs 3.1.0-abc", "mempool-electrs"),
            ("", ""),
        ] {
            assert_eq!(program(software), name);
        }
    }

    #[test]
    fn claims_are_read() {
        let features = r#"{"hosts":{"B.example":{"tcp_port":1},"192.168.0.7":{},"no host!":{}},"protocol_min":"1.4","protocol_max":"1.6"}"#;
        let identity = identity(&[
            ("H1", r#"["ElectrumX 1.20.0","1.6"]"#),
            ("M1", features),
            ("M2", r#""Welcome to a.example, node 7!\nWrite to (Admin@b.example).""#),
            ("M3", r#"" bc1qxyz ""#),
        ]);
        assert_eq!(&*identity.software.latest().expect("software").value, "ElectrumX 1.20.0");
        assert_eq!(&*identity.donation.latest().expect("an address").value, "bc1qxyz");
        let banner = &identity.banner.latest().expect("a banner").value;
        assert_eq!(banner.contact.as_deref(), Some("admin@b.example"));
        let elsewhere = "welcome to C.example, node 12! write to admin@b.example";
        assert_eq!(banner.words, words(elsewhere, &"c.example".parse().expect("a host")));
        let declared = &identity.declared.latest().expect("features").value;
        let private: Host = "192.168.0.7".parse().expect("a host");
        assert_eq!(declared.hosts.len(), 2);
        assert_eq!(declared.private(&"a.example".parse().expect("a host")), Some(&private));
        assert_eq!(declared.private(&private), None, "who visits his own network knows");
    }

    #[test]
    fn empty_claims_are_none() {
        let identity = identity(&[("H1", "null"), ("M1", "7"), ("M2", "7"), ("M3", "\"\"")]);
        assert!(identity.software.latest().is_none() && identity.donation.latest().is_none());
        assert!(identity.banner.latest().is_none() && identity.declared.latest().is_none());
    }

    proptest! {
        #[test]
        fn any_claim_is_read_and_bounded(text in ".{0,300}", json in any::<bool>()) {
            let said = if json { serde_json::to_string(&text).expect("writes") } else { text };
            let identity = identity(&[("H1", &said), ("M1", &said), ("M2", &said), ("M3", &said)]);
            if let Some(span) = identity.donation.latest() {
                prop_assert!(span.value.chars().count() <= MAX_TEXT);
            }
        }
    }
}
