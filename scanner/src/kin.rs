//! Servers that look like siblings: whose session tickets are worth showing to each other (T5). Only a guess at
//! whom to ask; nothing is concluded from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use electrum::{Endpoint, Host, Subnet, message::Answer, tls};
use model::Visit;

/// Values that more servers share are no family resemblance: default banners, large hosting companies.
const LARGEST_FAMILY: usize = 12;

/// Who resembles whom, from what visits showed.
#[derive(Debug, Default)]
pub struct Kin {
    families: BTreeMap<Trait, BTreeMap<Host, Endpoint>>,
    tried: HashSet<(Host, Host)>,
}

/// A value that siblings tend to share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trait {
    /// The public key of the certificate.
    Key(String),
    /// The certificate's subject without its digits: `CN=node-3` and `CN=node-4` are one template.
    Subject(String),
    /// The last two labels of the name.
    Domain(String),
    /// The /24 or /48.
    Subnet(String),
    /// The banner, as sent.
    Banner(Vec<u8>),
    /// The donation address, as sent.
    Donation(Vec<u8>),
}

impl Kin {
    /// Takes in a visit, if it was to a TLS endpoint.
    pub fn take(&mut self, visit: &Visit) {
        let certificate = visit.tls.as_ref().and_then(|facts| facts.chain.first());
        let Some(certificate) = certificate.and_then(|der| tls::describe(der.as_ref()).ok()) else { return };
        let mut traits = vec![Trait::Key(certificate.spki_sha256)];
        let subject: String = certificate.subject.chars().filter(|c| !c.is_ascii_digit()).collect();
        // A subject that is nothing but the server's own name is no template.
        if subject.len() < certificate.subject.len() && !subject.is_empty() {
            traits.push(Trait::Subject(subject));
        }
        if let Host::Name(name) = &visit.endpoint.host {
            let labels: Vec<&str> = name.as_str().rsplit('.').take(2).collect();
            traits.push(Trait::Domain(labels.join(".")));
        }
        traits.extend(visit.peer.map(|peer| Trait::Subnet(Subnet::from(peer.ip()).to_string())));
        traits.extend(said(visit, "M2").map(Trait::Banner));
        traits.extend(said(visit, "M3").map(Trait::Donation));
        for resemblance in traits {
            let family = self.families.entry(resemblance).or_default();
            family.insert(visit.endpoint.host.clone(), visit.endpoint.clone());
        }
    }

    /// Pairs of servers that are worth an attempt, each once: in every family each with the next.
    pub fn pairs(&mut self) -> Vec<(Endpoint, Endpoint)> {
        let mut pairs = BTreeSet::new();
        for family in self.families.values().filter(|family| family.len() <= LARGEST_FAMILY) {
            for ((one, at_one), (other, at_other)) in family.iter().zip(family.iter().skip(1)) {
                if self.tried.insert((one.clone(), other.clone())) {
                    pairs.insert((at_one.clone(), at_other.clone()));
                }
            }
        }
        pairs.into_iter().collect()
    }
}

/// The text a probe was answered with, if it says anything.
fn said(visit: &Visit, probe: &str) -> Option<Vec<u8>> {
    let exchange = visit.exchanges.iter().find(|exchange| exchange.probe == probe)?;
    let answer = Answer::read(exchange.answer.as_ref()?.response.bytes())?;
    let text: String = answer.result()?;
    (!text.is_empty()).then(|| text.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use electrum::tls::Facts;
    use model::{Outcome, Purpose};

    use super::*;
    use crate::acquaintance::tests::visit;

    fn certificate(name: &str) -> Vec<u8> {
        static KEYS: OnceLock<rcgen::KeyPair> = OnceLock::new();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        // The same key for all whose names begin alike.
        let own = rcgen::KeyPair::generate().expect("a key");
        let key = match name.starts_with("shared") {
            true => KEYS.get_or_init(|| rcgen::KeyPair::generate().expect("a key")),
            false => &own,
        };
        parameters.self_signed(key).expect("a certificate").der().to_vec()
    }

    fn server(host: &str, common_name: &str, banner: &str) -> Visit {
        let banner = format!("{banner:?}");
        let mut visit = visit(Purpose::Light, Outcome::Answered, &[("M2", &banner), ("M3", "\"\"")]);
        visit.endpoint = format!("ssl://{host}:50002").parse().expect("an endpoint");
        let chain = vec![certificate(common_name).as_slice().into()];
        let facts = Facts { version: None, cipher: None, group: None, alpn: None, chain, key_proven: true };
        visit.tls = Some(facts);
        visit
    }

    fn pairs(servers: &[Visit]) -> Vec<(String, String)> {
        let mut kin = Kin::default();
        servers.iter().for_each(|server| kin.take(server));
        let name = |endpoint: Endpoint| endpoint.host.to_string();
        let found = kin.pairs().into_iter().map(|(a, b)| (name(a), name(b))).collect();
        assert!(kin.pairs().is_empty(), "each pair is tried once");
        found
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn siblings_are_known_by_key_template_domain_and_banner() {
        let servers = [
            server("a.one.example", "shared", ""),
            server("b.two.example", "shared too", ""),
            server("c.three.example", "node-3", ""),
            server("d.four.example", "node-14", ""),
            server("e.five.example", "e", "our own words"),
            server("f.six.example", "f", "our own words"),
            server("g.five.example", "g", ""),
        ];
        let expected = [
            pair("a.one.example", "b.two.example"),
            pair("c.three.example", "d.four.example"),
            pair("e.five.example", "f.six.example"),
            pair("e.five.example", "g.five.example"),
        ];
        assert_eq!(pairs(&servers), expected);
    }

    #[test]
    fn what_everybody_shares_is_no_resemblance() {
        let many: Vec<Visit> =
            (0..20).map(|n| server(&format!("s.{n}x.example"), "s", "default banner")).collect();
        assert!(pairs(&many).is_empty());
        let strangers = [server("a.one.example", "a", ""), server("b.two.example", "b", "")];
        assert!(pairs(&strangers).is_empty());
    }
}
