//! Indicators of whom a server names: I17, I18.

use electrum::Subnet;
use model::finding::{Indicator, Tier};

use super::{Definition, Found};
use crate::survey::Case;

/// Peers that nobody else has, from which on they are worth a word, and the share of the list they must be.
const ALONE: usize = 5;
const ALONE_ONE_IN: usize = 5;
/// Lists of others without which nothing follows.
const LISTS: usize = 5;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(17),
        tier: Tier::Medium,
        weight: 20,
        title: "names only its own kind",
        caveat: "A list can be configured by hand; an empty one, or one of itself alone, is not meant.",
        find: own_kind,
    },
    Definition {
        indicator: Indicator::new(18),
        tier: Tier::Soft,
        weight: 5,
        title: "names peers that nobody else names",
        caveat: "Lists are stale for hours, and new servers are known to few.",
        find: unknown_peers,
    },
];

/// All that it names are of its own group or neighbourhood, while others know many who are not.
fn own_kind(case: &Case<'_, '_>) -> Option<Found> {
    let survey = case.survey;
    let named = survey.gossip.named.get(case.place)?.as_ref()?;
    let group = survey.attribution.group_of(case.place);
    let own: Vec<Subnet> = case.server().addresses().map(Subnet::from).collect();
    let near = |other: &usize| {
        survey.servers[*other].addresses().any(|address| own.contains(&Subnet::from(address)))
    };
    let linked = |other: &usize| group.is_some_and(|group| group.members.binary_search(other).is_ok());
    let confined = named.strangers == 0 && named.servers.iter().all(|other| linked(other) || near(other));
    let kind = group.map_or(0, |group| group.members.len()).max(named.servers.len() + 1);
    let others = survey.gossip.known.saturating_sub(kind);
    let many = others >= 3 && others * 2 >= named.servers.len();
    (confined && named.servers.len() > 1 && many).then(|| Found {
        statement: format!(
            "The {} servers that it names are all linked to it or in its own network, while others name at least \
             {others} more.",
            named.servers.len()
        ),
        evidence: vec![named.evidence],
    })
}

fn unknown_peers(case: &Case<'_, '_>) -> Option<Found> {
    let gossip = &case.survey.gossip;
    let named = gossip.named.get(case.place)?.as_ref()?;
    let all = named.servers.len() + named.strangers;
    (gossip.lists > LISTS && named.alone >= ALONE && named.alone * ALONE_ONE_IN >= all).then(|| Found {
        statement: format!("{} of the {all} servers that it names are named by nobody else.", named.alone),
        evidence: vec![named.evidence],
    })
}

#[cfg(test)]
mod tests {
    use crate::{indicators::tests::found, testing::naming};

    fn host(n: usize) -> String {
        format!("192.0.{}.{}", if n < 4 { 2 } else { n }, n + 1)
    }

    fn network(own: bool) -> Vec<model::Visit> {
        let list = |n: usize| {
            let hosts = if own && n < 4 { 0..4 } else { 0..12 };
            hosts.map(host).collect::<Vec<_>>()
        };
        (0..12).map(|n| naming(&format!("tcp://{}:50001", host(n)), &list(n))).collect()
    }

    #[test]
    fn i17_fires_for_those_who_name_their_own_neighbourhood_alone() {
        for server in 0..12 {
            assert_eq!(found(17, &network(true), &host(server)).is_some(), server < 4, "{server}");
            assert!(found(17, &network(false), &host(server)).is_none(), "{server}");
        }
    }

    #[test]
    fn i17_does_not_mean_who_names_nobody_or_himself() {
        let mut visits = network(false);
        visits[0] = naming(&format!("tcp://{}:50001", host(0)), &[]);
        visits[1] = naming(&format!("tcp://{}:50001", host(1)), &[host(1)]);
        assert!(found(17, &visits, &host(0)).is_none() && found(17, &visits, &host(1)).is_none());
    }

    #[test]
    fn i18_fires_for_peers_that_nobody_else_names() {
        let mut visits = network(false);
        let hosts: Vec<String> = (0..4).map(host).chain((0..6).map(|n| format!("n{n}.example"))).collect();
        visits[0] = naming(&format!("tcp://{}:50001", host(0)), &hosts);
        assert!(found(18, &visits, &host(0)).is_some());
        assert!(found(18, &visits, &host(1)).is_none());
    }
}
