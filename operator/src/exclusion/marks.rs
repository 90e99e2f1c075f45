//! What is to be said of exclusions and of the servers that they cover: only what is not said yet. Pure.

use std::fmt::Display;

use crds::{ElectrumServer, ScanExclusion, ScanExclusionStatus};
use electrum::Host;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use scanner::discovery::{Exclusions, Rule};

use super::EXCLUDED;
use crate::{
    conditions::{Holds, Said, find},
    writer::Note,
};

const APPLIED: &str = "Applied";

/// What a server is to be told. Nothing, where it is not excluded any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The server's namespace.
    pub namespace: String,
    /// The server's name.
    pub name: String,
    /// The condition.
    pub condition: Option<Condition>,
}

/// What an exclusion is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The exclusion.
    pub name: String,
    /// Its status, as far as it is told here.
    pub status: ScanExclusionStatus,
    /// What a person would want to know.
    pub note: Option<Note>,
}

impl Mark {
    /// Whether the server is told so already.
    #[must_use]
    pub fn is_told(&self, server: &ElectrumServer) -> bool {
        let told = server.status.as_ref().and_then(|status| find(&status.conditions, EXCLUDED));
        let what = |said: &Condition| {
            (said.status.clone(), said.reason.clone(), said.message.clone(), said.observed_generation)
        };
        told.map(what) == self.condition.as_ref().map(what)
    }
}

impl Verdict {
    /// Whether the exclusion is told so already.
    #[must_use]
    pub fn is_told(&self, exclusion: &ScanExclusion) -> bool {
        let wrong = |status: &ScanExclusionStatus| wrong(&status.conditions).map(|said| said.message.clone());
        exclusion.status.as_ref().is_some_and(|told| {
            told.observed_generation == self.status.observed_generation
                && told.servers == self.status.servers
                && wrong(told) == wrong(&self.status)
        })
    }
}

/// What is said here of whether an exclusion is applied: that it cannot be. That it is, others say.
fn wrong(conditions: &[Condition]) -> Option<&Condition> {
    find(conditions, APPLIED).filter(|said| said.reason == "InvalidRule")
}

struct Reading<'a> {
    exclusion: &'a ScanExclusion,
    rules: Exclusions,
    wrong: Option<String>,
    servers: i32,
}

/// What is to be said, where it is not said yet.
#[must_use]
pub fn decide(
    exclusions: &[&ScanExclusion],
    servers: &[&ElectrumServer],
    now: Timestamp,
) -> (Vec<Mark>, Vec<Verdict>) {
    let mut readings: Vec<_> = exclusions.iter().map(|exclusion| read(exclusion)).collect();
    readings.sort_by_key(|reading| reading.exclusion.name_any());
    let marks = servers.iter().filter_map(|server| mark(server, &mut readings, now)).collect();
    let verdicts = readings.into_iter().filter_map(|reading| verdict(reading, now)).collect();
    (marks, verdicts)
}

fn read(exclusion: &ScanExclusion) -> Reading<'_> {
    let spec = &exclusion.spec;
    let (mut rules, mut wrong) = (Exclusions::default(), None);
    let mut add = |text: &str, rule: Result<Rule, String>| match rule {
        Ok(rule) => rules.insert(rule, None),
        Err(error) => {
            wrong.get_or_insert(format!("{text:?} protects nobody: {error}"));
        }
    };
    for text in &spec.hosts {
        add(text, text.parse::<Host>().map(Rule::Host).map_err(said));
    }
    for text in &spec.domains {
        add(text, format!(".{text}").parse().map_err(said));
    }
    for text in &spec.cidrs {
        add(text, text.parse().map_err(said));
    }
    Reading { exclusion, rules, wrong, servers: 0 }
}

fn said(error: impl Display) -> String {
    error.to_string()
}

/// By its name, or by an address that it was last seen at.
fn covers(rules: &Exclusions, host: Option<&Host>, server: &ElectrumServer) -> bool {
    let addresses = server.status.iter().flat_map(|status| &status.addresses);
    host.is_some_and(|host| rules.covers_host(host).is_some())
        || addresses.into_iter().any(|address| rules.covers_address(address.ip).is_some())
}

fn mark(server: &ElectrumServer, readings: &mut [Reading<'_>], now: Timestamp) -> Option<Mark> {
    let host = server.spec.host.parse::<Host>().ok();
    let mut first = None;
    for reading in readings {
        if covers(&reading.rules, host.as_ref(), server) {
            reading.servers += 1;
            let (name, reason) = (reading.exclusion.name_any(), &reading.exclusion.spec.reason);
            first.get_or_insert_with(|| ("ScanExclusion", format!("{name}: {reason}")));
        }
    }
    if server.spec.exclude {
        first = Some(("ByItself", "its spec.exclude is set; unset it to have it visited".to_owned()));
    }
    let conditions = server.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let wanted = first.map(|(reason, message)| {
        Said { of: EXCLUDED, holds: Holds::True, reason, message }.after(
            conditions,
            server.metadata.generation,
            now,
        )
    });
    (wanted.as_ref() != find(conditions, EXCLUDED)).then(|| Mark {
        namespace: server.namespace().unwrap_or_default(),
        name: server.name_any(),
        condition: wanted,
    })
}

fn verdict(reading: Reading<'_>, now: Timestamp) -> Option<Verdict> {
    let exclusion = reading.exclusion;
    let before = exclusion.status.clone().unwrap_or_default();
    let generation = exclusion.metadata.generation;
    let wrong = reading.wrong.map(|message| {
        let message = format!("{message}; correct it");
        Said { of: APPLIED, holds: Holds::False, reason: "InvalidRule", message }.after(
            &before.conditions,
            generation,
            now,
        )
    });
    let said = self::wrong(&before.conditions);
    let same = before.observed_generation == generation && before.servers == Some(reading.servers);
    if same && wrong.as_ref() == said {
        return None;
    }
    let news = wrong.as_ref().filter(|wrong| said.is_none_or(|said| said.message != wrong.message));
    Some(Verdict {
        name: exclusion.name_any(),
        note: news.map(|wrong| Note {
            warns: true,
            reason: "InvalidRule",
            action: "Read",
            text: wrong.message.clone(),
            of: None,
        }),
        status: ScanExclusionStatus {
            observed_generation: generation,
            servers: Some(reading.servers),
            conditions: wrong.into_iter().collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exclusion(name: &str, spec: &serde_json::Value) -> ScanExclusion {
        serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
            "metadata": {"name": name, "generation": 1}, "spec": spec,
        }))
        .expect("an exclusion")
    }

    fn server(host: &str, more: &serde_json::Value) -> ElectrumServer {
        let mut value = json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": host, "namespace": "scans", "generation": 1},
            "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}]},
        });
        if let Some(exclude) = more.get("exclude") {
            value["spec"]["exclude"] = exclude.clone();
        }
        if let Some(status) = more.get("status") {
            value["status"] = status.clone();
        }
        serde_json::from_value(value).expect("a server")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn servers_are_covered_by_name_by_domain_and_by_address_and_told_why() {
        let rules = exclusion(
            "asked",
            &json!({"hosts": ["a.example"], "domains": ["b.example"], "cidrs": ["192.0.2.0/24"], "reason": "They asked."}),
        );
        let servers = [
            server("a.example", &json!({})),
            server("x.b.example", &json!({})),
            server("c.example", &json!({"status": {"addresses": [{"ip": "192.0.2.7"}]}})),
            server("d.example", &json!({"exclude": true})),
            server("e.example", &json!({})),
        ];
        let (marks, verdicts) = decide(&[&rules], &servers.iter().collect::<Vec<_>>(), at(10));
        let told: Vec<_> = marks
            .iter()
            .map(|mark| {
                let condition = mark.condition.as_ref().expect("excluded");
                (mark.name.as_str(), condition.reason.as_str(), condition.message.as_str())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a.example", "ScanExclusion", "asked: They asked."),
                ("x.b.example", "ScanExclusion", "asked: They asked."),
                ("c.example", "ScanExclusion", "asked: They asked."),
                ("d.example", "ByItself", "its spec.exclude is set; unset it to have it visited"),
            ]
        );
        assert_eq!(verdicts[0].status.servers, Some(3));
        assert!(verdicts[0].status.conditions.is_empty() && verdicts[0].note.is_none());
    }

    #[test]
    fn what_is_said_is_not_said_again_and_taken_back_when_it_is_over() {
        let mut rules = exclusion("asked", &json!({"hosts": ["a.example"], "reason": "They asked."}));
        let mut server = server("a.example", &json!({}));
        let (marks, verdicts) = decide(&[&rules], &[&server], at(10));
        server.status.get_or_insert_default().conditions = marks[0].condition.clone().into_iter().collect();
        rules.status = Some(verdicts[0].status.clone());
        assert_eq!(decide(&[&rules], &[&server], at(20)), (Vec::new(), Vec::new()));
        assert!(marks[0].is_told(&server) && verdicts[0].is_told(&rules));
        let (marks, _) = decide(&[], &[&server], at(30));
        assert_eq!(marks[0].condition, None);
        assert!(!marks[0].is_told(&server));
    }

    #[test]
    fn a_rule_that_protects_nobody_is_complained_of_and_the_others_hold() {
        let rules = exclusion("bad", &json!({"hosts": ["a.example", "a..b"], "reason": "They asked."}));
        let server = server("a.example", &json!({}));
        let (marks, verdicts) = decide(&[&rules], &[&server], at(10));
        assert_eq!(marks.len(), 1);
        let condition = &verdicts[0].status.conditions[0];
        assert_eq!((condition.type_.as_str(), condition.reason.as_str()), ("Applied", "InvalidRule"));
        assert!(condition.message.starts_with("\"a..b\" protects nobody: "), "{}", condition.message);
        assert!(verdicts[0].note.is_some());
    }
}
