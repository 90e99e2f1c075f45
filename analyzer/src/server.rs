//! Servers as they are counted: one server may be reached at several hosts.

mod joining;

use std::net::IpAddr;

use electrum::{Endpoint, Host};
use model::finding::Digest;

pub(crate) use self::joining::VERSION;
pub use self::joining::join;
use crate::dossier::Dossier;

/// A server, and what visits to its hosts show.
#[derive(Clone, Debug)]
pub struct Server<'d> {
    /// Its hosts, at least one: names that it declares before others, since anybody can lead a name of his own to it, and
    /// names before addresses. The first is what it is called by.
    pub hosts: Vec<(&'d Host, &'d Dossier)>,
}

impl<'d> Server<'d> {
    /// What visits to its hosts show, host by host.
    pub fn dossiers(&self) -> impl Iterator<Item = &'d Dossier> + use<'_, 'd> {
        self.hosts.iter().map(|(_, dossier)| *dossier)
    }

    /// Where it was visited.
    pub fn endpoints(&self) -> impl Iterator<Item = &'d Endpoint> + use<'_, 'd> {
        self.dossiers().flat_map(|dossier| &dossier.endpoints)
    }

    /// What it is called by.
    #[must_use]
    pub fn name(&self) -> String {
        self.hosts.first().map(|(host, _)| host.to_string()).unwrap_or_default()
    }

    /// The digests of all visits to its hosts, host by host, each put after those before and digested with them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let digests = self.dossiers().filter_map(|dossier| dossier.digest);
        digests.reduce(Digest::then).unwrap_or_else(|| Digest::of_bytes(b""))
    }

    /// Its addresses: those that are its hosts, and those at which its names answered.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<'_, 'd> {
        self.hosts.iter().filter_map(|(host, dossier)| home(host, dossier))
    }

    /// Of each host what it said of itself, its certificate and its fee estimates, the latest of each: what a comparison
    /// with others rests on.
    #[must_use]
    pub fn anchors(&self) -> Vec<Digest> {
        let of_host = |dossier: &Dossier| {
            let certificate = dossier.tls.leaves.latest().map(|span| span.evidence);
            let estimates = dossier.node.vectors.last().map(|vector| vector.evidence);
            [dossier.identity.evidence(), certificate, estimates].into_iter().flatten().collect::<Vec<_>>()
        };
        self.dossiers().flat_map(of_host).collect()
    }
}

/// The address where a host is.
fn home(host: &Host, dossier: &Dossier) -> Option<IpAddr> {
    match host {
        Host::Address(ip) => Some(*ip),
        Host::Name(_) => dossier.place.dialled,
        Host::Onion(_) => None,
    }
}

/// The hosts that a host's features name.
pub(crate) fn declared(dossier: &Dossier) -> &[Host] {
    dossier.identity.declared.latest().map_or(&[], |span| &span.value.hosts)
}

/// Whether a host's features name a host.
pub(crate) fn declares(dossier: &Dossier, host: &Host) -> bool {
    declared(dossier).contains(host)
}
