//! A server before it is one: its group, its number in it, and what follows from those alone.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{
    grammar::Grammar,
    scenario::{Group, Place},
};

/// A server to be.
#[derive(Debug)]
pub(super) struct Draft<'s> {
    pub(super) group: &'s Group,
    /// Its number in the group, from 0.
    pub(super) number: usize,
    pub(super) address: Ipv4Addr,
    pub(super) place: &'s Place,
    pub(super) grammar: Arc<Grammar>,
}

impl Draft<'_> {
    /// A name that no other server has.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.group.name, self.number + 1)
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

    /// Its ways in, by the names that `server.features` has for them.
    pub(super) fn ways(&self) -> impl Iterator<Item = (&'static str, u16)> + use<> {
        let ports = self.group.ports;
        let ways = [("tcp", ports.tcp), ("ssl", ports.tls), ("ws", ports.ws), ("wss", ports.wss)];
        ways.into_iter().filter_map(|(protocol, port)| Some((protocol, port?)))
    }
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
