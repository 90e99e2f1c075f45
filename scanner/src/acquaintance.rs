//! What earlier visits tell of a server that decides what it is asked next. Learnt from visits alone, so that an
//! archive teaches the same as the scan that wrote it.

use std::{collections::BTreeSet, net::IpAddr};

use electrum::{Endpoint, Host};
use jiff::Timestamp;
use model::{Outcome, Purpose, Visit, facts::Facts};
use serde::{Deserialize, Serialize};

use crate::probe::{Occasion, probe};

/// The card that every deck begins with.
pub(crate) const FIRST_CARD: &str = "E10";

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Acquaintance {
    /// Deep visits so far.
    pub deep_visits: u32,
    /// When the latest deep visit began.
    pub latest_deep: Option<Timestamp>,
    /// When it was last sent what is no JSON.
    pub latest_parse_error: Option<Timestamp>,
    /// Cards played so far, of visits of their own too.
    pub played: usize,
    /// Unusual TLS hellos that it was met with.
    pub hellos: usize,
    /// Whether its name has addresses of both families.
    pub dual_stack: bool,
    /// Endpoints that answered when they were last visited.
    pub answering: BTreeSet<Endpoint>,
    /// How much it can take.
    pub constitution: Constitution,
    /// The address at which it was last met; none through a proxy.
    pub met_at: Option<IpAddr>,
    /// What it called itself the latest time.
    pub software: Option<String>,
}

/// How much a server can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constitution {
    /// Nothing is known against it.
    #[default]
    Robust,
    /// It hung up on a greeting with a range of versions, as old personal servers do.
    Unsure,
    /// A personal server, which serves one client at a time and ends when it meets what it does not expect.
    Fragile,
}

impl Acquaintance {
    /// Takes in a visit.
    pub fn take(&mut self, visit: &Visit) {
        let claimed = Facts::of(visit).software;
        self.constitution = self.constitution.max(constitution(visit, claimed.as_deref()));
        let asked = visit.exchanges.iter().map(|exchange| &*exchange.probe).collect();
        self.asked(&visit.purpose, &asked, visit.started_at);
        // Other software, and perhaps another server: the deck begins anew, from its first card.
        if claimed.is_some() && claimed != self.software {
            if self.software.is_some() {
                (self.played, self.hellos) = (0, 0);
            }
            self.software = claimed;
        }
        let addresses = &visit.resolution.addresses;
        self.dual_stack |= addresses.iter().any(IpAddr::is_ipv4) && addresses.iter().any(IpAddr::is_ipv6);
        if matches!(visit.purpose, Purpose::Light | Purpose::Deep | Purpose::Watch) {
            if visit.outcome == Outcome::Answered {
                self.answering.insert(visit.endpoint.clone());
            } else {
                self.answering.remove(&visit.endpoint);
            }
        }
        self.met_at = visit.peer.map(|peer| peer.ip()).or(self.met_at);
    }

    /// Takes in what a visit asked, whatever the answers were.
    pub(crate) fn asked(&mut self, purpose: &Purpose, asked: &BTreeSet<&str>, at: Timestamp) {
        let occasion = |id: &&str| probe(id).map(|probe| probe.occasion);
        // Cards of the deck that was drawn from before the server became something else do not count.
        if self.played > 0 || asked.contains(FIRST_CARD) {
            let is_card = |id: &&&str| {
                matches!(occasion(id), Some(Occasion::Card | Occasion::Opening | Occasion::Last))
            };
            self.played += asked.iter().filter(is_card).count();
        }
        match purpose {
            // Where there was no session nothing was asked.
            Purpose::Deep | Purpose::Opening | Purpose::Disguised if !asked.is_empty() => {
                // The greeting alone may be refused to that name, which is an answer too.
                self.played += usize::from(*purpose == Purpose::Disguised);
                self.deep_visits += 1;
                self.latest_deep = self.latest_deep.max(Some(at));
            }
            Purpose::ParseError => self.latest_parse_error = self.latest_parse_error.max(Some(at)),
            Purpose::TlsStack { .. } => self.hellos += 1,
            _ => {}
        }
    }
}

/// What a visit shows of how much its server can take.
fn constitution(visit: &Visit, software: Option<&str>) -> Constitution {
    let greeted = |usual: &Purpose| matches!(usual, Purpose::Light | Purpose::Deep | Purpose::Twin(_));
    let greeting = visit.exchanges.iter().find(|exchange| exchange.probe == "H1");
    let Some(greeting) = greeting.filter(|_| greeted(&visit.purpose)) else { return Constitution::Robust };
    if software.is_some_and(claims_to_be_fragile) {
        return Constitution::Fragile;
    }
    let hung_up = greeting.answer.is_none() && matches!(visit.outcome, Outcome::Closed);
    if hung_up { Constitution::Unsure } else { Constitution::Robust }
}

/// Whether a server names itself as one that ends when it meets what it does not expect. Nobody gains by a lie
/// here: it is asked less.
pub(crate) fn claims_to_be_fragile(software: &str) -> bool {
    software.starts_with("ElectrumPersonalServer")
}

/// What is known of all servers.
#[derive(Clone, Debug, Default)]
pub struct Acquaintances(std::collections::HashMap<Host, Acquaintance>);

impl Acquaintances {
    /// Takes in a visit.
    pub fn take(&mut self, visit: &Visit) {
        self.0.entry(visit.endpoint.host.clone()).or_default().take(visit);
    }

    /// What is known of a server.
    #[must_use]
    pub fn of(&self, server: &Host) -> Acquaintance {
        self.0.get(server).cloned().unwrap_or_default()
    }

    /// Takes in that a visit was made, whatever the answers were.
    pub(crate) fn asked(&mut self, server: &Host, purpose: &Purpose, asked: &BTreeSet<&str>, at: Timestamp) {
        self.0.entry(server.clone()).or_default().asked(purpose, asked, at);
    }

    /// What is known of one server, and of nobody else.
    pub(crate) fn only(&self, server: &Host) -> Self {
        Self(
            self.0
                .get_key_value(server)
                .map(|(host, known)| (host.clone(), known.clone()))
                .into_iter()
                .collect(),
        )
    }

    /// Everybody.
    pub fn iter(&self) -> impl Iterator<Item = (&Host, &Acquaintance)> {
        self.0.iter()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use model::{Exchange, Recorded, Seconds, exchange::Reply};

    use super::*;

    /// A visit in which these probes were asked, and answered with these results, empty for silence.
    pub(crate) fn visit(purpose: Purpose, outcome: Outcome, exchanges: &[(&'static str, &str)]) -> Visit {
        let none = Seconds::from(Duration::ZERO);
        let exchange = |(probe, result): &(&'static str, &str)| Exchange {
            probe: (*probe).into(),
            request: Recorded::new(b"{}", 99),
            sent: none,
            answer: (!result.is_empty()).then(|| Reply {
                response: Recorded::new(format!(r#"{{"id":1,"result":{result}}}"#).as_bytes(), 9_999),
                first_byte: none,
                last_byte: none,
            }),
        };
        let endpoint = "ssl://a.example:50002".parse().expect("an endpoint");
        let began = "2026-11-25T00:00:00Z".parse().expect("a time");
        let begun = Visit::begun(electrum::Network::Regtest, endpoint, "test".to_owned(), purpose, began);
        Visit { outcome, exchanges: exchanges.iter().map(exchange).collect(), ..begun }
    }

    fn after(visits: &[Visit]) -> Acquaintance {
        let mut acquaintances = Acquaintances::default();
        visits.iter().for_each(|visit| acquaintances.take(visit));
        acquaintances.of(&"a.example".parse().expect("a host"))
    }

    const GREETED: (&str, &str) = ("H1", r#"["ElectrumX 1.20.0","1.6"]"#);

    #[test]
    fn cards_count_once_a_visit_and_deep_visits_only_where_there_was_a_session() {
        let deep = visit(
            Purpose::Deep,
            Outcome::Answered,
            &[GREETED, ("M5", "null"), (FIRST_CARD, ""), ("C9", "1")],
        );
        let opening = visit(Purpose::Opening, Outcome::Answered, &[("H4", "1")]);
        let refused = visit(Purpose::Deep, Outcome::ConnectionRefused, &[]);
        let known = after(&[deep, opening, refused]);
        assert_eq!((known.deep_visits, known.played), (2, 3));
        assert_eq!(known.latest_deep, "2026-11-25T00:00:00Z".parse().ok());
        assert_eq!(known.constitution, Constitution::Robust);
    }

    #[test]
    fn what_a_server_can_take_is_learnt_from_how_it_greets() {
        let silent = ("H1", "");
        let claims = ("H1", r#"["ElectrumPersonalServer 0.2.4","1.4"]"#);
        for (visits, expected) in [
            (vec![visit(Purpose::Light, Outcome::Closed, &[silent])], Constitution::Unsure),
            (vec![visit(Purpose::Light, Outcome::TimedOut, &[silent])], Constitution::Robust),
            // It hung up on a version that it was right to refuse.
            (vec![visit(Purpose::Opening, Outcome::Closed, &[("H4", "")])], Constitution::Robust),
            (vec![visit(Purpose::Light, Outcome::Answered, &[claims])], Constitution::Fragile),
            (
                vec![
                    visit(Purpose::Light, Outcome::Answered, &[claims]),
                    visit(Purpose::Light, Outcome::Answered, &[GREETED]),
                ],
                Constitution::Fragile,
            ),
        ] {
            assert_eq!(after(&visits).constitution, expected);
        }
    }

    #[test]
    fn who_becomes_something_else_is_asked_everything_anew() {
        let is =
            |name: &str| visit(Purpose::Light, Outcome::Answered, &[("H1", &format!(r#"["{name}","1.4"]"#))]);
        let deep = visit(Purpose::Deep, Outcome::Answered, &[GREETED, ("E10", "1")]);
        assert_eq!(after(&[deep.clone(), is("ElectrumX 1.20.0")]).played, 1);
        assert_eq!(after(&[deep.clone(), is("Fulcrum 2.1.1")]).played, 0);
        let met_deeply = visit(
            Purpose::Deep,
            Outcome::Answered,
            &[("H1", r#"["Fulcrum 2.1.1","1.4"]"#), ("E1", "1"), ("C9", "1")],
        );
        assert_eq!(after(&[deep.clone(), met_deeply.clone()]).played, 0, "they are of the deck before");
        assert_eq!(
            after(&[deep, is("Fulcrum 2.1.1"), met_deeply]).played,
            0,
            "and so if another visit was first"
        );
    }

    #[test]
    fn both_families_make_a_dual_stack() {
        let mut seen = visit(Purpose::Light, Outcome::Answered, &[GREETED]);
        assert!(!after(std::slice::from_ref(&seen)).dual_stack);
        let addresses = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().expect("an address"));
        seen.resolution.addresses = BTreeSet::from(addresses);
        assert!(after(&[seen]).dual_stack);
    }
}
