//! The rules that scanners follow: those of all exclusions, and the servers that are to be left alone by themselves. Pure.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

use crds::{ElectrumServer, ScanExclusion};
use electrum::Host;
use kube::ResourceExt as _;
use scanner::discovery::{Exclusions, Rule};

/// What an exclusion means.
pub(super) struct Meaning {
    /// Those of its rules that can be read.
    pub(super) rules: Exclusions,
    /// What is wrong with the first that cannot.
    pub(super) wrong: Option<String>,
}

/// The rules of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// One a line, each once, in order; after `#` whose it is.
    pub text: String,
    /// The exclusions that are in it, and in which generation.
    pub of: BTreeMap<String, i64>,
}

/// What an exclusion means.
pub(super) fn read(exclusion: &ScanExclusion) -> Meaning {
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
    Meaning { rules, wrong }
}

fn said(error: impl Display) -> String {
    error.to_string()
}

/// The rules of all of them.
#[must_use]
pub fn all(exclusions: &[&ScanExclusion], servers: &[&ElectrumServer]) -> Rules {
    let (mut lines, mut of) = (BTreeMap::new(), BTreeMap::new());
    for exclusion in exclusions {
        let name = exclusion.name_any();
        for each in read(exclusion).rules.iter() {
            lines.entry(each.rule.to_string()).or_insert_with(|| format!("ScanExclusion {name}"));
        }
        of.insert(name, exclusion.metadata.generation.unwrap_or_default());
    }
    for server in servers.iter().filter(|server| server.spec.exclude) {
        if let Ok(host) = server.spec.host.parse::<Host>() {
            let whose =
                || format!("ElectrumServer {}/{}", server.namespace().unwrap_or_default(), server.name_any());
            lines.entry(Rule::Host(host).to_string()).or_insert_with(whose);
        }
    }
    let text = lines.into_iter().fold(String::new(), |mut text, (rule, whose)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{rule} # {whose}");
        text
    });
    Rules { text, of }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exclusion::marks::tests::{exclusion, server};
    use serde_json::json;

    #[test]
    fn what_can_be_read_of_all_is_published_and_scanners_read_it() {
        let asked = json!({"hosts": ["A.example", "192.0.2.7", "a..b"], "domains": ["b.example"],
            "cidrs": ["2001:db8::/32"], "reason": "They # asked."});
        let (one, two) = (exclusion("asked", &asked), exclusion("again", &asked));
        let servers = [
            server("c.example", &json!({"exclude": true})),
            server("2001:db9::1", &json!({"exclude": true})),
            server("d.example", &json!({})),
        ];
        let rules = all(&[&one, &two], &servers.iter().collect::<Vec<_>>());
        insta::assert_snapshot!(rules.text, @r"
        .b.example # ScanExclusion asked
        192.0.2.7/32 # ScanExclusion asked
        2001:db8::/32 # ScanExclusion asked
        2001:db9::1 # ElectrumServer scans/2001:db9::1
        a.example # ScanExclusion asked
        c.example # ElectrumServer scans/c.example
        ");
        assert_eq!(
            rules.of.into_iter().collect::<Vec<_>>(),
            [("again".to_owned(), 1), ("asked".to_owned(), 1)]
        );
    }

    proptest! {
        #[test]
        fn scanners_can_read_whatever_is_published(
            hosts in prop::collection::vec(r"[^\s/]{1,20}", 0..6),
            domains in prop::collection::vec(r"[^\s/:.*][^\s/:*]{0,12}", 0..6),
            cidrs in prop::collection::vec("[0-9a-f.:]{1,12}/[0-9]{1,3}", 0..6),
        ) {
            let spec = json!({"hosts": hosts, "domains": domains, "cidrs": cidrs, "reason": "They asked."});
            let wish = exclusion("asked", &spec);
            let rules = all(&[&wish], &[]);
            let (read_again, problems) = Exclusions::parse(&rules.text).expect("short enough");
            prop_assert!(problems.is_empty(), "{problems:?}");
            prop_assert_eq!(read_again.len(), read(&wish).rules.len());
        }
    }
}
