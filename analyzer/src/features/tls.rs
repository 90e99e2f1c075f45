//! What a server shows when it shakes hands: certificates over time, answers to unusual hellos, and whose session
//! tickets it takes.

use std::collections::BTreeMap;

use electrum::{Endpoint, Host, tls};
use jiff::Timestamp;
use model::{Purpose, finding::Digest};
use serde::{Deserialize, Serialize};

use super::spans::{Look, Spans};
use crate::{mark::Mark, reading::Reading, text::Text, visited::Visited};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Others whose tickets are remembered.
const MAX_TICKETS: usize = 64;

/// What a server shows when it shakes hands.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Its certificates, of those whose key it proved to hold.
    pub leaves: Spans<Leaf>,
    /// The latest version of the protocol: `TLSv1.3`.
    pub version: Option<Box<str>>,
    /// What it answered to unusual hellos (T4).
    pub stack: BTreeMap<&'static str, Mark>,
    /// What became of tickets that it was shown (T5), by whose they are.
    pub tickets: BTreeMap<Endpoint, Shown>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaf {
    /// SHA-256 of its public key.
    pub key: Digest,
    /// Whom it names; printable.
    pub subject: Text,
    /// Who is said to have signed it; printable.
    pub issuer: Text,
    /// Its number, in hex.
    pub serial: Text,
    /// The first second of its validity.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub not_before: Timestamp,
    /// The last second of its validity.
    #[serde(with = "jiff::fmt::serde::timestamp::nanosecond::required")]
    pub not_after: Timestamp,
    /// Whether subject and issuer are one name.
    pub self_signed: bool,
}

/// What became of a ticket when it was shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Whether it was taken.
    pub taken: bool,
    /// When it was shown the last time.
    pub at: Timestamp,
    /// The visit, where it was taken.
    pub evidence: Option<Digest>,
}

/// What a server showed when it shook hands once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Whether it proved to hold the key of its certificate.
    proven: bool,
    /// Its certificate, where it did.
    leaf: Option<Look<Leaf>>,
    /// The unusual hello that the visit was for, and the answer.
    stack: Option<(tls::Hello, Mark)>,
    /// Whose ticket the visit was for, and whether it was taken.
    ticket: Option<(Endpoint, bool)>,
}

impl Leaf {
    /// The certificate's subject without its digits, where it is one of a series: `CN=node-3` and `CN=node-4` are of
    /// one template. A name that is the server's own, or an address, is none.
    #[must_use]
    pub fn template(&self, own: &Host) -> Option<String> {
        let (_, common) = self.subject.rsplit_once("CN=")?;
        let common = common.split(',').next()?.trim();
        if common.parse::<Host>().is_ok_and(|host| host == *own || host.address().is_some()) {
            return None;
        }
        let template: String = self.subject.chars().filter(|c| !c.is_ascii_digit()).collect();
        (template.len() < self.subject.len()).then_some(template)
    }

    /// How long it is good for, in days.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.not_after.as_second().saturating_sub(self.not_before.as_second()) / 86_400
    }
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let visit = reading.visit;
        let stack = match (&visit.purpose, &visit.tls_stack) {
            (Purpose::TlsStack { hello }, Some(answer)) => {
                serde_json::to_vec(answer).ok().map(|text| (*hello, Mark::of(&text)))
            }
            _ => None,
        };
        let ticket = match (&visit.purpose, visit.redemption) {
            (Purpose::Resumption { from }, Some(tls::Redemption::Resumed)) => Some((from.clone(), true)),
            (Purpose::Resumption { from }, Some(tls::Redemption::Refused)) => Some((from.clone(), false)),
            _ => None,
        };
        let facts = visit.tls.as_ref().filter(|facts| facts.key_proven);
        let leaf = facts.and_then(|facts| facts.chain.first()).map(|der| {
            Look::at(der.as_ref(), || {
                let leaf = Leaf::of(&tls::describe(der.as_ref()).ok()?)?;
                Some((leaf, Digest::of_bytes(der.as_ref())))
            })
        });
        Self { proven: facts.is_some(), leaf, stack, ticket }
    }
}

impl Tls {
    /// Takes in a visit.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        if let Some((hello, answer)) = note.stack {
            self.stack.insert(name(hello), answer);
        }
        if let Some((from, taken)) = &note.ticket {
            self.shown(visited, from, *taken);
        }
        if note.proven && visited.tls_version.is_some() && self.version != visited.tls_version {
            self.version.clone_from(&visited.tls_version);
        }
        if let Some(leaf) = &note.leaf {
            self.leaves.see(leaf, visited.started_at);
        }
    }

    fn shown(&mut self, visited: &Visited, from: &Endpoint, taken: bool) {
        let shown = Shown { taken, at: visited.started_at, evidence: taken.then_some(visited.digest) };
        if let Some(known) = self.tickets.get_mut(from) {
            *known = shown;
        } else if self.tickets.len() < MAX_TICKETS {
            self.tickets.insert(from.clone(), shown);
        }
    }
}

impl Leaf {
    fn of(certificate: &tls::Certificate) -> Option<Self> {
        Some(Self {
            key: certificate.spki_sha256.parse().ok()?,
            subject: certificate.subject.as_str().into(),
            issuer: certificate.issuer.as_str().into(),
            serial: certificate.serial.as_str().into(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            self_signed: certificate.self_signed,
        })
    }
}

fn name(hello: tls::Hello) -> &'static str {
    match hello {
        tls::Hello::Reversed => "reversed",
        tls::Hello::Shareless => "shareless",
        tls::Hello::Outdated => "outdated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, certificate, fold, light};

    fn tls(visits: &[model::Visit]) -> Tls {
        let mut tls = Tls::default();
        fold(visits, |visited, reading| tls.take(visited, &Note::of(reading)));
        tls
    }

    #[test]
    fn certificates_are_kept_once_and_their_changes_are_seen() {
        let names = ["CN=node-3", "CN=node-3", "CN=node-14"];
        let visits: Vec<_> = names
            .iter()
            .zip(0..)
            .map(|(name, hour)| {
                certificate(light("ssl://a.example:50002", hour * 3_600), &name[3..], 1_000, "key")
            })
            .collect();
        let tls = tls(&visits);
        assert_eq!((tls.leaves.iter().len(), tls.leaves.changes()), (2, 1));
        let own: Host = "a.example".parse().expect("a host");
        let templates: Vec<_> = tls.leaves.iter().map(|span| span.value.template(&own)).collect();
        assert!(templates[0].is_some() && templates[0] == templates[1]);
        let leaf = &tls.leaves.latest().expect("a certificate").value;
        assert!(leaf.self_signed && leaf.not_before.as_second() == 1_000, "{leaf:?}");
    }

    #[test]
    fn what_names_the_server_itself_is_no_template() {
        for (host, name) in
            [("a1.example", "a1.example"), ("192.0.2.7", "192.0.2.7"), ("192.0.2.7", "10.0.0.1")]
        {
            let visit = certificate(light(&format!("ssl://{host}:50002"), 0), name, 1_000, "key");
            let leaf = tls(&[visit]).leaves.latest().expect("a certificate").value.clone();
            assert_eq!(leaf.template(&host.parse().expect("a host")), None, "{host} {name}");
        }
    }

    #[test]
    fn tickets_are_remembered_by_whose_they_are() {
        let shown = |second, redemption| {
            let from = "ssl://b.example:50002".parse().expect("an endpoint");
            let mut visit = light("ssl://a.example:50002", second);
            (visit.purpose, visit.redemption) = (Purpose::Resumption { from }, Some(redemption));
            visit
        };
        let tls = tls(&[
            shown(0, tls::Redemption::Refused),
            shown(9, tls::Redemption::Resumed),
            shown(12, tls::Redemption::NoTicket),
        ]);
        let (_, shown) = tls.tickets.first_key_value().expect("one");
        assert!(shown.taken && shown.at == at(9) && shown.evidence.is_some());
    }
}
