//! Who told of a server, and how far that may lead: one's own networks are open to the servers that one names, not
//! to whomever those name. Judges addresses of names too, which nobody knows before they are looked up.

use std::net::IpAddr;

use electrum::{
    Host,
    guard::{Forbidden, Guard},
};

use crate::{
    acquaintance::Acquaintances,
    discovery::{Frontier, Source},
};

/// Who told of a server.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// By name, first teller first.
    pub learnt_from: Vec<String>,
    /// Where its tellers were met, as far as they were met at an address. None: the user named it.
    pub(crate) tellers: Option<Vec<IpAddr>>,
}

impl Origin {
    /// Of a server on the frontier.
    pub(crate) fn of(server: &Host, frontier: &Frontier, acquaintances: &Acquaintances) -> Self {
        let met_at = |source: &Source| match source {
            Source::Peer(host) => acquaintances.of(host).met_at,
            _ => None,
        };
        let is_gossip = frontier.sources_of(server).all(Source::is_gossip);
        Self {
            learnt_from: frontier.sources_of(server).map(ToString::to_string).collect(),
            tellers: is_gossip.then(|| frontier.sources_of(server).filter_map(met_at).collect()),
        }
    }

    /// Whether it may lead to an address that the guard lets pass.
    pub(crate) fn admits(&self, ip: IpAddr, guard: Guard) -> Result<(), Forbidden> {
        let Some(tellers) = &self.tellers else { return Ok(()) };
        let from_inside = tellers.iter().any(|teller| guard.check_told(ip, Some(*teller)).is_ok());
        if from_inside { Ok(()) } else { guard.check_told(ip, None) }
    }
}

#[cfg(test)]
mod tests {
    use electrum::Network;
    use model::{Outcome, Purpose};

    use super::*;
    use crate::{
        acquaintance::tests::visit,
        discovery::{Caps, Listing, Server},
    };

    fn listing(host: &str) -> Listing {
        let port = (50_001.try_into().expect("a port"), electrum::Transport::Tcp);
        let server = Server::new(host.parse().expect("a host"), [port]).expect("an endpoint");
        Listing { server, claimed_ip: None }
    }

    #[test]
    fn names_that_are_told_lead_where_their_tellers_are_or_outward() {
        let (mut frontier, mut acquaintances) = (Frontier::new(Caps::default()), Acquaintances::default());
        frontier.admit(&Source::CommandLine, [listing("127.0.0.1"), listing("mine.example")], |_| true);
        let teller: Host = "127.0.0.1".parse().expect("a host");
        frontier.admit(&Source::Peer(teller), [listing("told.example"), listing("mine.example")], |_| true);
        let mut met = visit(Purpose::Light, Outcome::Answered, &[]);
        met.endpoint = "tcp://127.0.0.1:50001".parse().expect("an endpoint");
        met.network = Network::Regtest;
        let judge = |acquaintances: &Acquaintances, host: &str, ip: &str| {
            let host: Host = host.parse().expect("a host");
            let origin = Origin::of(&host, &frontier, acquaintances);
            origin.admits(ip.parse().expect("an address"), Guard::AllowPrivate)
        };
        assert_eq!(judge(&acquaintances, "told.example", "127.0.0.9"), Err(Forbidden::Loopback));
        met.peer = Some(([127, 0, 0, 1], 50_001).into());
        acquaintances.take(&met);
        assert_eq!(judge(&acquaintances, "told.example", "127.0.0.9"), Ok(()));
        assert_eq!(judge(&acquaintances, "told.example", "1.1.1.1"), Ok(()));
        assert_eq!(judge(&acquaintances, "told.example", "192.168.1.1"), Err(Forbidden::Private));
        assert_eq!(judge(&acquaintances, "mine.example", "192.168.1.1"), Ok(()));
    }
}
