//! Signs of companies that analyse blockchains: public facts, each with its source, that a reader may hold beside what
//! was found. A sign has no points and is no indicator; it says nothing against anybody.

use ipnet::IpNet;
use jiff::civil::Date;
use model::assessment::{Address, Sign};
use serde::Deserialize;

use crate::server::Server;

/// What is known of such companies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    sign: Vec<Fact>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    organisation: String,
    fact: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    networks: Vec<IpNet>,
    #[serde(default)]
    organisations: Vec<String>,
    source: String,
    noted: Date,
}

impl Signs {
    /// What came with the program (`analyzer/data/signs.toml`).
    ///
    /// # Errors
    /// None in practice: a test reads it.
    pub fn embedded() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("../data/signs.toml"))
    }

    /// The signs that a server shows, at most one for each fact.
    #[must_use]
    pub fn of(&self, server: &Server<'_>, addresses: &[Address]) -> Vec<Sign> {
        let names = Names::of(server);
        let sign = |fact: &Fact| {
            let seen = fact.seen(&names, addresses)?;
            let statement = format!(
                "{seen}. {} is {}. This is consistent with a server of theirs, and with many other things; it is nothing \
                 against anybody.",
                fact.organisation, fact.fact
            );
            Some(Sign {
                organisation: fact.organisation.clone(),
                statement,
                source: fact.source.clone(),
                noted: fact.noted,
            })
        };
        self.sign.iter().filter_map(sign).collect()
    }
}

/// The names of a server, and where each was seen.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn of(server: &Server<'_>) -> Self {
        let mut names = Vec::new();
        for (host, dossier) in &server.hosts {
            names.push(("Its host", host.to_string()));
            names.extend(
                dossier
                    .place
                    .pointer
                    .iter()
                    .map(|name| ("The name that its address claims", name.to_string())),
            );
            let leaf = dossier.tls.leaves.latest();
            let said = leaf.into_iter().flat_map(|leaf| words(&leaf.value.subject));
            names.extend(said.map(|name| ("Its certificate", name)));
        }
        for (_, name) in &mut names {
            *name = name.trim_end_matches('.').to_ascii_lowercase();
        }
        Self(names)
    }
}

/// What may be a host's name in the subject of a certificate.
fn words(subject: &str) -> impl Iterator<Item = String> {
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-';
    subject.split(apart).filter(|word| word.contains('.')).map(str::to_owned)
}

impl Fact {
    /// In what a server shows it.
    fn seen(&self, names: &Names, addresses: &[Address]) -> Option<String> {
        let under = |name: &str, domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        for domain in &self.domains {
            if let Some((place, _)) = names.0.iter().find(|(_, name)| under(name, domain)) {
                return Some(format!("{place} has a name in {domain}, which anybody may write"));
            }
        }
        for network in &self.networks {
            if addresses.iter().any(|address| network.contains(&address.ip)) {
                return Some(format!("It has an address in {network}"));
            }
        }
        let named = |organisation: &String| {
            let holds = |address: &&Address| {
                address.organisation.as_ref().is_some_and(|holder| holder.contains(organisation.as_str()))
            };
            addresses.iter().find(holds)
        };
        self.organisations.iter().find(|organisation| named(organisation).is_some()).map(|organisation| {
            format!("Its address belongs to an autonomous system that is registered for {organisation}")
        })
    }
}

#[cfg(test)]
mod tests {
    use model::Visit;

    use super::*;
    use crate::{
        server::join,
        testing::{answers, certificate, dossiers},
    };

    fn signs(visit: Visit, addresses: &[Address]) -> Vec<String> {
        let dossiers = dossiers(&[visit]);
        let servers = join(&dossiers);
        let found = Signs::embedded().expect("facts").of(&servers[0], addresses);
        found.into_iter().map(|sign| sign.organisation).collect()
    }

    fn address(ip: &str, organisation: &str) -> Address {
        let ip = ip.parse().expect("an address");
        Address { ip, asn: Some(1), organisation: Some(organisation.to_owned()), country: None }
    }

    #[test]
    fn every_fact_has_a_source_a_day_and_something_to_see() {
        for fact in &Signs::embedded().expect("facts").sign {
            assert!(fact.source.starts_with("https://"), "{fact:?}");
            assert!(fact.domains.len() + fact.networks.len() + fact.organisations.len() > 0, "{fact:?}");
        }
    }

    #[test]
    fn who_uses_the_name_shows_it() {
        let plain = || answers("ssl://a.example:50002", 0, &[]);
        assert_eq!(signs(answers("ssl://e.chainalysis.com:50002", 0, &[]), &[]), ["Chainalysis"]);
        let mut pointed = plain();
        pointed.resolution.pointer = Some("Node1.TRMLabs.com.".to_owned());
        assert_eq!(signs(pointed, &[]), ["TRM Labs"]);
        assert_eq!(signs(certificate(plain(), "x.elliptic.co", 1_000, "1"), &[]), ["Elliptic"]);
        assert_eq!(signs(plain(), &[address("162.218.65.9", "x")]), ["LinkingLion"]);
        assert_eq!(signs(plain(), &[address("192.0.2.1", "Chainalysis Inc.")]), ["Chainalysis"]);
    }

    #[test]
    fn who_only_sounds_alike_shows_nothing() {
        assert_eq!(signs(answers("ssl://notchainalysis.com:50002", 0, &[]), &[]), [""; 0]);
        assert_eq!(signs(answers("ssl://chainalysis.com.example:50002", 0, &[]), &[]), [""; 0]);
        assert_eq!(
            signs(answers("ssl://a.example:50002", 0, &[]), &[address("162.218.66.9", "Example")]),
            [""; 0]
        );
    }
}
