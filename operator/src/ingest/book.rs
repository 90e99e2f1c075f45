//! The servers of one campaign, by host, and the ElectrumServers that tell of them. Pure.

use std::collections::HashMap;

use crds::{ElectrumServer, ElectrumServerSpec, ScanCampaign, adopts, belongs};
use data_encoding::BASE32_NOPAD;
use electrum::Host;
use kube::{Resource as _, ResourceExt as _};
use scanner::discovery::Exclusions;
use sha2::{Digest as _, Sha256};

use super::server::Server;
use crate::names;

/// A server, and its object where there is one.
#[derive(Debug, Default)]
pub struct Entry {
    /// What is known of it.
    pub server: Server,
    /// Its object.
    pub object: Option<Object>,
}

/// An ElectrumServer, as far as it must be known to write to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Of its spec.
    pub generation: Option<i64>,
    /// Whether the operator made it.
    pub ours: bool,
    /// Whether it is left alone by itself.
    pub excluded: bool,
}

/// All servers of a campaign.
#[derive(Debug, Default)]
pub struct Book {
    entries: HashMap<Host, Entry>,
}

impl Book {
    /// Takes in the objects that are there and not known yet.
    pub fn learn<'a>(
        &mut self,
        campaign: &ScanCampaign,
        campaigns: impl IntoIterator<Item = &'a ScanCampaign>,
        servers: impl IntoIterator<Item = &'a ElectrumServer>,
    ) {
        let adopts = adopts(campaign, campaigns);
        for found in servers.into_iter().filter(|server| belongs(server, campaign, adopts)) {
            let Ok(host) = found.spec.host.parse::<Host>() else { continue };
            let entry = self.entries.entry(host).or_default();
            let object = Object {
                name: found.name_any(),
                generation: found.metadata.generation,
                ours: names::is_ours(found),
                excluded: found.spec.exclude,
            };
            match &mut entry.object {
                // Of two the one that a person made.
                Some(known) if known.name != object.name && (known.ours <= object.ours) => {}
                Some(known) if known.name == object.name => *known = object,
                _ => {
                    let named = found.labels().get(names::NAMED).is_some_and(|named| named == "true");
                    entry.server =
                        Server::of(found.spec.ports.clone(), named, found.status.clone().unwrap_or_default());
                    entry.object = Some(object);
                }
            }
        }
    }

    /// Whether there are hosts of which no object is known.
    #[must_use]
    pub fn lacks<'a>(&self, mut hosts: impl Iterator<Item = &'a Host>) -> bool {
        hosts.any(|host| self.entries.get(host).is_none_or(|entry| entry.object.is_none()))
    }

    /// A server's entry, made where there is none.
    pub fn entry(&mut self, host: &Host) -> &mut Entry {
        self.entries.entry(host.clone()).or_default()
    }

    /// Nothing is known any more of a server whose object is gone.
    pub fn forget(&mut self, name: &str) {
        self.entries.retain(|_, entry| entry.object.as_ref().is_none_or(|object| object.name != name));
    }

    /// Objects that the operator made.
    #[must_use]
    pub fn ours(&self) -> usize {
        self.entries.values().filter(|entry| entry.object.as_ref().is_some_and(|object| object.ours)).count()
    }

    /// Lets go of servers without objects: what strangers make up is not kept.
    pub fn trim(&mut self) {
        self.entries.retain(|_, entry| entry.object.is_some());
    }
}

/// Whether a server is to have an object: it answered, or a person named it. What other servers tell of and never
/// answered would fill the cluster with what liars make up.
#[must_use]
pub fn deserves(host: &Host, entry: &Entry, excluded: &Exclusions) -> bool {
    let seen = entry.server.now.reachability.as_ref().is_some_and(|reach| reach.first_seen.is_some());
    (seen || entry.server.named) && !is_excluded(host, entry, excluded)
}

/// Whether somebody wishes that it be left alone.
#[must_use]
pub fn is_excluded(host: &Host, entry: &Entry, excluded: &Exclusions) -> bool {
    entry.object.as_ref().is_some_and(|object| object.excluded)
        || excluded.covers_host(host).is_some()
        || entry.server.now.addresses.iter().any(|address| excluded.covers_address(address.ip).is_some())
}

/// The object of a server that a campaign found. It is the campaign's, and goes with it.
#[must_use]
pub fn object(campaign: &ScanCampaign, host: &Host, server: &Server) -> ElectrumServer {
    let name = campaign.name_any();
    let spec = ElectrumServerSpec {
        network: campaign.spec.network,
        host: host.to_string(),
        ports: server.ports.clone(),
        exclude: false,
        campaign: Some(name.clone()),
    };
    let mut object = ElectrumServer::new(&server_name(&name, host), spec);
    object.metadata.namespace = campaign.namespace();
    let mut labels = names::of_server(&name, campaign.spec.network.name());
    labels.insert(names::NAMED.to_owned(), server.named.to_string());
    object.metadata.labels = Some(labels);
    object.metadata.owner_references = campaign.owner_ref(&()).map(|owner| vec![owner]);
    object
}

/// The name of a server's object: the same for the same campaign and host, and a DNS label.
#[must_use]
pub fn server_name(campaign: &str, host: &Host) -> String {
    let host = host.to_string();
    let digest = BASE32_NOPAD.encode(&Sha256::digest(&host)[..5]).to_lowercase();
    let plain: String = host
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(16)
        .collect();
    let name = format!("{campaign}-{}-{digest}", plain.trim_matches('-'));
    name.replace("--", "-")
}

#[cfg(test)]
mod tests;
