//! Servers as they are counted: one server may be reached at several hosts.

use electrum::{Endpoint, Host};

use crate::dossier::Dossier;

/// A server, and what visits to its hosts show.
#[derive(Clone, Debug)]
pub struct Server<'d> {
    /// Its hosts, at least one: names before addresses. The first is what it is called by.
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
}
