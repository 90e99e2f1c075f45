//! What is to be said of exclusions and of the servers that they cover: only what is not said yet. Pure.

use crds::{ElectrumServer, ScanExclusion, ScanExclusionStatus};
use electrum::Host;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use scanner::discovery::Exclusions;

use super::{
    publish::Published,
    rules::{self, Meaning},
};
use crate::writer::Note;
use crds::conditions::{EXCLUDED, Holds, Said, find};

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
        told.map(what) == self.condition.as_ref().map(what)
    }
}

impl Verdict {
    /// Whether the exclusion is told so already.
    #[must_use]
    pub fn is_told(&self, exclusion: &ScanExclusion) -> bool {
        let applied = |status: &ScanExclusionStatus| find(&status.conditions, APPLIED).map(what);
        exclusion.status.as_ref().is_some_and(|told| {
            told.observed_generation == self.status.observed_generation
                && told.servers == self.status.servers
                && applied(told) == applied(&self.status)
        })
    }
}

/// What a condition says, whenever it began to.
fn what(said: &Condition) -> (String, String, String, Option<i64>) {
    (said.status.clone(), said.reason.clone(), said.message.clone(), said.observed_generation)
}

struct Reading<'a> {
    exclusion: &'a ScanExclusion,
    meaning: Meaning,
    servers: i32,
}

/// What is to be said, where it is not said yet.
#[must_use]
pub fn decide<'a>(
    exclusions: &[&'a ScanExclusion],
    servers: &[&ElectrumServer],
    published: &Published,
    now: Timestamp,
) -> (Vec<Mark>, Vec<Verdict>) {
    let read =
        |exclusion: &&'a ScanExclusion| Reading { exclusion, meaning: rules::read(exclusion), servers: 0 };
    let mut readings: Vec<_> = exclusions.iter().map(read).collect();
    readings.sort_by_key(|reading| reading.exclusion.name_any());
    let marks = servers.iter().filter_map(|server| mark(server, &mut readings, now)).collect();
    let verdicts = readings.iter().filter_map(|reading| verdict(reading, published, now)).collect();
    (marks, verdicts)
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
        if covers(&reading.meaning.rules, host.as_ref(), server) {
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

fn verdict(reading: &Reading<'_>, published: &Published, now: Timestamp) -> Option<Verdict> {
    let exclusion = reading.exclusion;
    let before = exclusion.status.clone().unwrap_or_default();
    let generation = exclusion.metadata.generation;
    let said = find(&before.conditions, APPLIED);
    let applied = match applied(reading, published) {
        Some(applied) => Some(applied.after(&before.conditions, generation, now)),
        // Nobody knows yet: what was said of the same wish holds.
        None => said.filter(|said| said.observed_generation == generation).cloned(),
    };
    let same = before.observed_generation == generation && before.servers == Some(reading.servers);
    if same && applied.as_ref() == said {
        return None;
    }
    let wrong = applied.as_ref().filter(|applied| applied.status == "False");
    let news = wrong.filter(|wrong| {
        said.is_none_or(|said| (&said.reason, said.observed_generation) != (&wrong.reason, generation))
    });
    Some(Verdict {
        name: exclusion.name_any(),
        note: news.map(|wrong| Note {
            warns: true,
            reason: "NotApplied",
            action: "Publish",
            text: wrong.message.clone(),
            of: None,
        }),
        status: ScanExclusionStatus {
            observed_generation: generation,
            servers: Some(reading.servers),
            conditions: applied.into_iter().collect(),
        },
    })
}

/// Whether scanners have it; nothing where that is not known.
fn applied(reading: &Reading<'_>, published: &Published) -> Option<Said> {
    let say = |holds, reason, message| Some(Said { of: APPLIED, holds, reason, message });
    if let Some(wrong) = &reading.meaning.wrong {
        return say(Holds::False, "InvalidRule", format!("{wrong}; correct it"));
    }
    let exclusion = reading.exclusion;
    if published.has.get(&exclusion.name_any()) == Some(&exclusion.metadata.generation.unwrap_or_default()) {
        let servers = match reading.servers {
            1 => "1 known server".to_owned(),
            servers => format!("{servers} known servers"),
        };
        return say(
            Holds::True,
            "Published",
            format!("the scanners of every campaign have it; it covers {servers}"),
        );
    }
    let trouble = published.trouble.as_ref()?;
    say(Holds::False, trouble.reason, trouble.message.clone())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn exclusion(name: &str, spec: &serde_json::Value) -> ScanExclusion {
        serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
            "metadata": {"name": name, "generation": 1}, "spec": spec,
        }))
        .expect("an exclusion")
    }

    pub(crate) fn server(host: &str, more: &serde_json::Value) -> ElectrumServer {
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
        let (marks, verdicts) =
            decide(&[&rules], &servers.iter().collect::<Vec<_>>(), &Published::default(), at(10));
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
        let (marks, verdicts) = decide(&[&rules], &[&server], &Published::default(), at(10));
        server.status.get_or_insert_default().conditions = marks[0].condition.clone().into_iter().collect();
        rules.status = Some(verdicts[0].status.clone());
        assert_eq!(decide(&[&rules], &[&server], &Published::default(), at(20)), (Vec::new(), Vec::new()));
        assert!(marks[0].is_told(&server) && verdicts[0].is_told(&rules));
        let (marks, _) = decide(&[], &[&server], &Published::default(), at(30));
        assert_eq!(marks[0].condition, None);
        assert!(!marks[0].is_told(&server));
    }

    #[test]
    fn a_rule_that_protects_nobody_is_complained_of_and_the_others_hold() {
        let rules = exclusion("bad", &json!({"hosts": ["a.example", "a..b"], "reason": "They asked."}));
        let server = server("a.example", &json!({}));
        let (marks, verdicts) = decide(&[&rules], &[&server], &Published::default(), at(10));
        assert_eq!(marks.len(), 1);
        let condition = &verdicts[0].status.conditions[0];
        assert_eq!((condition.type_.as_str(), condition.reason.as_str()), ("Applied", "InvalidRule"));
        assert!(condition.message.starts_with("\"a..b\" protects nobody: "), "{}", condition.message);
        assert!(verdicts[0].note.is_some());
    }

    #[test]
    fn an_exclusion_is_applied_when_scanners_have_it_in_this_form_and_says_why_not() {
        let mut rules = exclusion("asked", &json!({"hosts": ["a.example"], "reason": "They asked."}));
        let said = |rules: &ScanExclusion, published: &Published| {
            let (_, verdicts) = decide(&[rules], &[&server("a.example", &json!({}))], published, at(10));
            let verdict = verdicts.into_iter().next()?;
            let applied = verdict.status.conditions.into_iter().next()?;
            Some((applied.status, applied.reason, applied.message, verdict.note.is_some()))
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(said(&rules, &Published::default()), None, "nobody knows yet");
        let has = |generation| Published { has: [(text("asked"), generation)].into(), trouble: None };
        let message = text("the scanners of every campaign have it; it covers 1 known server");
        assert_eq!(said(&rules, &has(1)), Some((text("True"), text("Published"), message, false)));
        let trouble = super::super::publish::Trouble { reason: "RedisAway", message: text("away") };
        let away = |generation| Published { trouble: Some(trouble.clone()), ..has(generation) };
        assert_eq!(said(&rules, &away(1)).map(|said| said.0), Some(text("True")), "what they have they keep");
        rules.metadata.generation = Some(2);
        assert_eq!(said(&rules, &away(1)), Some((text("False"), text("RedisAway"), text("away"), true)));
    }
}
