//! What can be wrong with a group that is of the right form.

use electrum::endpoint::Host;

use super::{Group, MOST_FORKS, Scenario, pattern as patterns};
use crate::{grammar::Library, hostile::Mischief};

/// What can be wrong with a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No grammar of that name.
    #[error("no grammar is named {0}")]
    Software(String),
    /// Servers of nothing.
    #[error("it needs software")]
    NoSoftware,
    /// Another group has the name.
    #[error("another group has this name")]
    SameName,
    /// It answers through a group that is not there, or that answers through others itself.
    #[error("through {0}, which is no group with processes of its own")]
    Through(String),
    /// It takes over names of nobody, or of somebody who still has them.
    #[error("hosts-of {0}, which is no group with names that is gone by then")]
    HostsOf(String),
    /// No name, or one that could be somebody's.
    #[error("{0} gives no names that end in .example")]
    Name(String),
    /// Several servers would have one name.
    #[error("{0} gives several servers one name: it needs {{n}} or {{word}}")]
    OneName(String),
    /// It is gone before it appears.
    #[error("its until-day is not after its from-day")]
    Never,
    /// A share of more than everything.
    #[error("fork-share is from 0 to 1")]
    Share,
    /// More forks than fit.
    #[error("forks-per-day is at most {MOST_FORKS}")]
    Forks,
    /// No port at all.
    #[error("it needs a port")]
    NoPort,
    /// Some of its ports would be honest.
    #[error("{0} is not done at all of these ports")]
    HonestPort(&'static str),
    /// Nowhere.
    #[error("it needs a place")]
    NoPlace,
    /// An indicator must fire and must not.
    #[error("{0} must fire and must not fire")]
    Contradiction(String),
}

/// The first thing that is wrong with the group at a place of a scenario.
pub(super) fn of(scenario: &Scenario, place: usize, group: &Group, grammars: &Library) -> Option<Flaw> {
    let others = &scenario.servers;
    let is_unknown = |name: &&String| grammars.get(name).is_none();
    let contradicts = |indicator: &&String| scenario.must_not_fire.contains(*indicator);
    let cannot_answer =
        |name: &&String| !others.iter().any(|other| other.name == **name && other.through.is_none());
    let stays = |name: &&String| {
        let gone = |day: u32| day <= group.from_day;
        !others
            .iter()
            .any(|other| other.name == **name && !other.names.is_empty() && other.until_day.is_some_and(gone))
    };
    let upgraded = group.upgrades.iter().map(|upgrade| &upgrade.to);
    let plain = [
        (group.software.is_empty(), Flaw::NoSoftware),
        (others[..place].iter().any(|other| other.name == group.name), Flaw::SameName),
        (group.places.is_empty(), Flaw::NoPlace),
        (group.ports.is_empty(), Flaw::NoPort),
        (group.until_day.is_some_and(|until| until <= group.from_day), Flaw::Never),
        (group.fork_share.is_some_and(|share| !(0.0..=1.0).contains(&share)), Flaw::Share),
        (scenario.forks_per_day.is_some_and(|forks| forks > MOST_FORKS), Flaw::Forks),
    ];
    let plain = plain.into_iter().find_map(|(is_so, flaw)| is_so.then_some(flaw));
    let is_honest_somewhere = |kind: &Mischief| !group.ports.suit(*kind);
    plain
        .or_else(|| group.hostile.filter(is_honest_somewhere).map(|kind| Flaw::HonestPort(kind.name())))
        .or_else(|| group.software.keys().chain(upgraded).find(is_unknown).cloned().map(Flaw::Software))
        .or_else(|| group.must_fire.iter().find(contradicts).cloned().map(Flaw::Contradiction))
        .or_else(|| group.through.iter().find(cannot_answer).cloned().map(Flaw::Through))
        .or_else(|| group.hosts_of.iter().find(stays).cloned().map(Flaw::HostsOf))
        .or_else(|| group.names.iter().find_map(|pattern| nameless(group, pattern)))
}

fn nameless(group: &Group, pattern: &str) -> Option<Flaw> {
    let name = patterns::fill(pattern, &group.name, group.count.get(), "word");
    // Nobody has such a name, so that no list of a simulated world leads anywhere else.
    let sound = name.ends_with(".example") && matches!(name.parse(), Ok(Host::Name(_)));
    if !sound {
        return Some(Flaw::Name(pattern.to_owned()));
    }
    let alike = group.count.get() > 1 && !patterns::tells_apart(pattern);
    alike.then(|| Flaw::OneName(pattern.to_owned()))
}
