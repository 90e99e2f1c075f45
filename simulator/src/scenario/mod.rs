//! What a network is like, as a file says it: groups of servers, what is true of them, and what must be found.
//!
//! A scenario is prose and data. It knows no addresses and no keys: those follow from it and a seed, in
//! [`world`](crate::world).

mod flaw;
mod group;
mod library;
mod life;
pub(crate) mod pattern;

use std::collections::BTreeSet;

use serde::Deserialize;

pub use self::{
    flaw::Flaw,
    group::{Addresses, Announces, Certificate, Chain, Group, Peers, Place, Ports, Template},
    library::{named, names},
    life::{Outages, Upgrade},
    pattern::Collision,
};
use crate::grammar::Library;

/// A network, and what must be found in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// One line.
    pub title: String,
    /// What it is about.
    pub prose: String,
    /// Where that was seen, or who described it.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Indicators that must not fire for anybody.
    #[serde(default)]
    pub must_not_fire: BTreeSet<String>,
    /// How often in a day some nodes see other blocks than others for a while, at most [`MOST_FORKS`]. None: twice.
    pub forks_per_day: Option<u32>,
    /// The servers.
    pub servers: Vec<Group>,
}

/// The most forks in a day: they may not overlap.
pub const MOST_FORKS: u32 = 36;

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not of the form; says the line.
    #[error("{origin}: {error}")]
    Form {
        /// The file.
        origin: String,
        /// What is wrong and where.
        error: Box<toml::de::Error>,
    },
    /// Of the form, and makes no sense.
    #[error("{origin}: the group {group}: {flaw}")]
    Sense {
        /// The file.
        origin: String,
        /// Which servers it is about.
        group: String,
        /// What is wrong.
        flaw: Flaw,
    },
    /// Two of its servers would have one name.
    #[error("{origin}: {collision}")]
    Collision {
        /// The file.
        origin: String,
        /// Which, and whose.
        collision: Collision,
    },
    /// Nobody is in it.
    #[error("{0}: no servers")]
    Empty(String),
}

impl Scenario {
    /// Reads a scenario. `origin` names the text in errors.
    ///
    /// # Errors
    /// [`ScenarioError`], which says where.
    pub fn read(text: &str, origin: &str, grammars: &Library) -> Result<Self, ScenarioError> {
        let form = |error| ScenarioError::Form { origin: origin.to_owned(), error: Box::new(error) };
        let scenario: Self = toml::from_str(text).map_err(form)?;
        if scenario.servers.is_empty() {
            return Err(ScenarioError::Empty(origin.to_owned()));
        }
        for (place, group) in scenario.servers.iter().enumerate() {
            if let Some(flaw) = flaw::of(&scenario, place, group, grammars) {
                let (origin, group) = (origin.to_owned(), group.name.clone());
                return Err(ScenarioError::Sense { origin, group, flaw });
            }
        }
        match scenario.collision(&scenario.sizes(None)) {
            Some(collision) => Err(ScenarioError::Collision { origin: origin.to_owned(), collision }),
            None => Ok(scenario),
        }
    }

    /// A name that two servers would have, in a network in which groups have these sizes.
    #[must_use]
    pub(crate) fn collision(&self, sizes: &[usize]) -> Option<Collision> {
        pattern::collision(self, sizes)
    }

    /// Indicators that must fire for somebody.
    #[must_use]
    pub fn must_fire(&self) -> BTreeSet<&str> {
        self.servers.iter().flat_map(|group| &group.must_fire).map(String::as_str).collect()
    }

    /// How many servers each group has, in a network of about so many: every group keeps its share, and at least
    /// one. None stands for as many as the scenario says.
    #[must_use]
    pub fn sizes(&self, servers: Option<usize>) -> Vec<usize> {
        let counts: Vec<usize> = self.servers.iter().map(|group| group.count.get()).collect();
        let Some(wanted) = servers else { return counts };
        let total: usize = counts.iter().sum();
        // Rounded at the ends of the shares laid side by side, so that the errors do not add up.
        let mut before = 0;
        let mut end = 0;
        let share = |count: &usize| {
            before += count;
            let until = (before * wanted + total / 2) / total;
            let size = until.saturating_sub(end).max(1);
            end += size;
            size
        };
        counts.iter().map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::Mischief;

    const GROUP: &str = r#"
[[servers]]
name = "homes"
count = 3
software = { "ElectrumX-1.20.0" = 1 }
places = [{ country = "DE", asn = 3320, organization = "Deutsche Telekom AG" }]
"#;

    fn read(more: &str) -> Result<Scenario, ScenarioError> {
        let grammars = Library::embedded().expect("grammars");
        Scenario::read(&format!("title = \"t\"\nprose = \"p\"\n{GROUP}{more}"), "a.toml", &grammars)
    }

    #[test]
    fn errors_say_where_and_what() {
        assert!(read("").is_ok());
        for (more, words) in [
            ("colour = \"red\"", &["a.toml", "line 9", "colour"][..]),
            ("behaviours = [{ phishing = { text = \"x\", too = 1 } }]", &["line 9", "too"]),
            ("behaviours = [\"phishing\"]", &["line 9"]),
            ("count = 0", &["line 9", "duplicate"]),
            ("through = \"nobody\"", &["a.toml", "homes", "nobody"]),
            (GROUP, &["homes", "another group"]),
            ("ports = {}", &["homes", "port"]),
            ("hostile = \"flood\"", &["line 9", "flood-line"]),
            ("hostile = \"reset-handshake\"", &["homes", "reset-handshake"]),
            ("hostile = \"markup\"\nports = { ws = 1 }", &["homes", "markup"]),
            ("names = [\"electrum.com\"]", &["homes", "electrum.com", ".example"]),
            ("names = [\"a.example\"]", &["homes", "a.example", "{n}"]),
            ("names = [\"{x}.example\"]", &["homes", "{x}.example"]),
            ("hosts-of = \"homes\"", &["homes", "hosts-of"]),
            ("from-day = 3\nuntil-day = 3", &["homes", "until-day"]),
            ("outages = [{ per-30-days = 1, minutes = 1, for = 1 }]", &["line 9", "for"]),
            ("upgrades = [{ day = 1, to = \"Fulcrum-9\", within-minutes = 1 }]", &["homes", "Fulcrum-9"]),
            ("fork-share = 2.0", &["homes", "fork-share"]),
        ] {
            let error = read(more).expect_err(more).to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    /// Two groups of three servers, with what is said of each.
    fn two(homes: &str, hosts: &str) -> Result<Scenario, ScenarioError> {
        read(&format!("{homes}\n{}{hosts}", GROUP.replace("homes", "hosts")))
    }

    #[test]
    fn no_two_servers_have_one_name_at_the_same_time() {
        let leave = "names = ['a{n}.example']\nuntil-day = 4";
        for (homes, hosts, name) in [
            ("names = ['a{n}.example']", "names = ['a{n}.example']", "a1.example"),
            ("names = ['{n}1.example']", "names = ['3{n}.example']", "31.example"),
            (leave, "names = ['a{n}.example']\nfrom-day = 3", "a1.example"),
        ] {
            let error = two(homes, hosts).expect_err(name).to_string();
            assert!(["a.toml", "homes", "hosts", name].iter().all(|word| error.contains(word)), "{error}");
        }
        assert!(read("names = ['a{n}.example', 'a{n}.example']").is_err(), "one of them twice");
        for (homes, hosts) in [
            ("names = ['a{n}.example']", "names = ['b{n}.example', '{word}.example', '{word}.example']"),
            ("names = ['{group}{n}.example']", "names = ['{group}{n}.example']"),
            (leave, "names = ['a{n}.example']\nfrom-day = 4"),
            (leave, "hosts-of = 'homes'\nfrom-day = 4"),
        ] {
            assert!(two(homes, hosts).is_ok(), "{homes}, {hosts}");
        }
    }

    #[test]
    fn names_may_be_enough_for_a_small_network_and_not_for_a_large_one() {
        let scenario = two("names = ['a{n}0.example']", "names = ['a{n}.example']").expect("a scenario");
        assert_eq!(scenario.collision(&scenario.sizes(None)), None);
        let collision = scenario.collision(&scenario.sizes(Some(24))).expect("too many");
        assert_eq!(collision.name, "a10.example");
    }

    #[test]
    fn a_smaller_network_keeps_its_proportions() {
        let other = GROUP.replace("homes", "hosts").replace("count = 3", "count = 97");
        let scenario = read(&other).expect("a scenario");
        assert_eq!(scenario.sizes(None), [3, 97]);
        assert_eq!(scenario.sizes(Some(1_000)), [30, 970]);
        assert_eq!(scenario.sizes(Some(10)), [1, 9]);
        assert_eq!(scenario.sizes(Some(1)), [1, 1]);
    }

    #[test]
    fn every_scenario_that_comes_with_this_crate_can_be_read() {
        let grammars = Library::embedded().expect("grammars");
        for name in names() {
            let scenario = named(name, &grammars).expect("known").unwrap_or_else(|error| panic!("{error}"));
            assert!(!scenario.prose.trim().is_empty() && !scenario.title.is_empty(), "{name}");
            let honest = name.starts_with('n');
            assert!(!honest || scenario.must_fire().is_empty(), "{name}");
        }
        assert!(named("x99-nothing", &grammars).is_none());
    }

    #[test]
    fn every_mischief_is_done_once() {
        let grammars = Library::embedded().expect("grammars");
        let hostile = named("hostile", &grammars).expect("known").expect("a scenario");
        let done: Vec<Mischief> = hostile.servers.iter().filter_map(|group| group.hostile).collect();
        assert_eq!(done, Mischief::ALL);
        assert!(
            hostile.servers.iter().all(|group| group.hostile.is_none_or(|kind| kind.name() == group.name))
        );
    }
}
