//! A server before it is one: its group, its number in it, and what follows from those alone.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use super::{Calendar, life::Life};
use crate::{
    SimTime,
    chance::Chance,
    scenario::{Group, Place, Ports, pattern},
};

pub(super) const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
/// Letters of a word in a name.
const LETTERS: usize = 8;

/// A server to be.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) group: Arc<Group>,
    /// Its number in the group, from 0.
    pub(super) number: usize,
    /// Whose names and ports it has: its own, or those of somebody who is gone.
    pub(super) heir_of: Option<(Arc<Group>, usize)>,
    /// Never none.
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) place: Place,
    pub(super) life: Life,
}

impl Draft {
    /// A name that no other server has.
    pub(super) fn name(&self) -> String {
        name(&self.group, self.number)
    }

    /// The name of its operator, shared or its own.
    pub(super) fn operator(&self) -> String {
        self.group.operator.clone().unwrap_or_else(|| self.name())
    }

    /// The name of its node, shared or its own.
    pub(super) fn node(&self) -> String {
        self.group.node.clone().unwrap_or_else(|| self.name())
    }

    /// The name of its process, shared or its own.
    pub(super) fn process(&self) -> String {
        self.group.process.clone().unwrap_or_else(|| self.name())
    }

    /// The address at which it listens first.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.addresses.first().copied().unwrap_or(Ipv4Addr::LOCALHOST)
    }

    /// The names or, without any, the addresses by which it is known at a moment.
    pub(super) fn hosts(&self, calendar: Calendar, now: SimTime) -> Vec<String> {
        let (group, number) = self.called();
        if group.names.is_empty() {
            return self.addresses.iter().map(ToString::to_string).collect();
        }
        let whole = |hours: u32| (now - calendar.day(0)).as_secs() / (HOUR.as_secs() * u64::from(hours));
        let turn = group.renamed_after.map_or(0, |hours| whole(hours.get()));
        let stream = format!("word {}", name(group, number));
        let filled = |(place, pattern): (u64, &String)| {
            let mut chance = Chance::new(calendar.seed, &stream, &[place, turn]);
            let word: String = (0..LETTERS).map(|_| char::from(b'a' + letter(&mut chance))).collect();
            pattern::fill(pattern, &group.name, number + 1, &word)
        };
        (0..).zip(&group.names).map(filled).collect()
    }

    /// When its names change up to the last day.
    pub(super) fn renamings(&self, calendar: Calendar) -> impl Iterator<Item = SimTime> + use<> {
        let hours = self.called().0.renamed_after;
        let end = calendar.day(calendar.last_day + 1);
        let moment = move |turn| hours.map(|hours| calendar.day(0) + HOUR * hours.get() * turn);
        (1..).map_while(moment).take_while(move |moment| *moment <= end)
    }

    /// Where it listens.
    pub(super) fn ports(&self) -> Ports {
        self.called().0.ports
    }

    /// Its ways in, by the names that `server.features` has for them.
    pub(super) fn ways(&self) -> impl Iterator<Item = (&'static str, u16)> + use<> {
        let ports = self.ports();
        let ways = [("tcp", ports.tcp), ("ssl", ports.tls), ("ws", ports.ws), ("wss", ports.wss)];
        ways.into_iter().filter_map(|(protocol, port)| Some((protocol, port?)))
    }

    fn called(&self) -> (&Arc<Group>, usize) {
        self.heir_of.as_ref().map_or((&self.group, self.number), |(group, number)| (group, *number))
    }
}

/// The name of the server of a group with this number, from 0.
pub(super) fn name(group: &Group, number: usize) -> String {
    format!("{}-{}", group.name, number + 1)
}

fn letter(chance: &mut Chance) -> u8 {
    u8::try_from(chance.below(26)).unwrap_or_default()
}

/// Whose turn it is at a place in a row of so many, where each has a weight: everybody gets his share of the row.
pub(super) fn turn<T: Copy>(weighted: &[(T, u64)], place: usize, length: usize) -> Option<T> {
    let total: u64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut left = (2 * place as u64 + 1) * total / (2 * length.max(1) as u64);
    for (thing, weight) in weighted {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return Some(*thing),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::turn;

    #[test]
    fn everybody_gets_his_share() {
        let row = |length| {
            (0..length).filter_map(|place| turn(&[('a', 2), ('b', 1)], place, length)).collect::<String>()
        };
        assert_eq!([1, 2, 3, 6].map(row), ["a", "ab", "aab", "aaaabb"]);
        assert_eq!(turn::<char>(&[], 0, 1), None);
    }
}
