//! Whom a server treats so.

use serde::Deserialize;

use crate::grammar::Protocol;

/// How Electrum begins its name since 3.3; older ones say their version and nothing else.
const ELECTRUM: &str = "electrum/";

/// Whom a server treats so, by the name that the client greets with.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Everybody, named or not.
    #[default]
    Everybody,
    /// Clients whose names begin so.
    Named(Vec<String>),
    /// Electrum before a version.
    OlderThan(Protocol),
}

impl Audience {
    /// Whether a client is meant; none has not greeted.
    pub(crate) fn includes(&self, client: Option<&str>) -> bool {
        match (self, client) {
            (Self::Everybody, _) => true,
            (_, None) => false,
            (Self::Named(beginnings), Some(name)) => {
                beginnings.iter().any(|beginning| name.starts_with(beginning.as_str()))
            }
            (Self::OlderThan(version), Some(name)) => {
                Protocol::read(name.strip_prefix(ELECTRUM).unwrap_or(name)).is_some_and(|its| its < *version)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_their_names() {
        let named = Audience::Named(vec![ELECTRUM.to_owned()]);
        let old = Audience::OlderThan(Protocol::read("3.3.4").expect("a version"));
        for (client, is_named, is_old) in [
            (None, false, false),
            (Some("3.3.2"), false, true),
            (Some("electrum/3.2.3"), true, true),
            (Some("electrum/4.8.1"), true, false),
            (Some("Sparrow"), false, false),
        ] {
            assert!(Audience::Everybody.includes(client));
            assert_eq!((named.includes(client), old.includes(client)), (is_named, is_old), "{client:?}");
        }
    }
}
