//! What of a server is compared with others: values of each kind, as marks.

use std::{collections::HashSet, net::IpAddr};

use electrum::{Host, Subnet};
use jiff::Timestamp;

use super::{defaults, evidence::Kind};
use crate::{
    dossier::Dossier,
    features::{names, uptime::Outage},
    mark::Mark,
    server::{self, Server},
};

/// A value that a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) mark: Mark,
}

/// A value that is shown on top of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AtBlock {
    pub(super) block: Mark,
    pub(super) tag: Tag,
}

/// A certificate that may be one of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OfTemplate {
    pub(super) template: Mark,
    pub(super) since: Timestamp,
}

/// Something that happened after one time and not after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// What exactly.
    pub(super) what: Mark,
    pub(super) after: Timestamp,
    pub(super) by: Timestamp,
}

/// What of a server is compared with others.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    /// Values of kinds that are weighed by who else shows them, in order, each once.
    pub(super) tags: Vec<Tag>,
    /// Values that only mean something beside those of others on top of the same block.
    pub(super) at_blocks: Vec<AtBlock>,
    /// The neighbourhood that it speaks for; none of an onion, which costs nothing.
    pub(super) voice: Option<Subnet>,
    /// Blocks, by height.
    pub(super) blocks: Vec<(u32, Mark)>,
    /// Certificates that may be of a series.
    pub(super) templates: Vec<OfTemplate>,
    /// Since when all its outages are remembered.
    pub(super) since: Option<Timestamp>,
    /// Outages that more than one visit saw, since then.
    pub(super) outages: Vec<Event>,
    /// Changes of software.
    pub(super) upgrades: Vec<Event>,
    /// The /16 or /32 it is in, and its autonomous systems: outages there are the place's.
    pub(super) regions: Vec<Mark>,
}

impl Profile {
    pub(super) fn of(server: &Server<'_>, system: &dyn Fn(IpAddr) -> Option<u32>) -> Self {
        let mut this = Self {
            voice: server.dossiers().find_map(|dossier| dossier.claims.neighbourhood),
            since: watched_since(server),
            ..Self::default()
        };
        let declared: HashSet<&Host> = server.dossiers().flat_map(server::declared).collect();
        for (host, dossier) in &server.hosts {
            this.identity(dossier);
            // Anybody can lead a name of his own to it.
            if server.hosts.len() == 1 || declared.contains(host) {
                this.domain(host);
            }
            this.handshake(host, dossier);
            this.node(dossier);
            this.events(dossier);
        }
        for ip in server.addresses() {
            this.tag(Kind::Neighbourhood, Subnet::from(ip).to_string().as_bytes());
            this.regions.push(region(ip));
            if let Some(number) = system(ip) {
                this.tag(Kind::System, &number.to_le_bytes());
                this.regions.push(Mark::of_parts([&b"AS"[..], &number.to_le_bytes()]));
            }
        }
        this.outages = of_one_server(this.outages);
        this.outages.retain(|outage| this.since.is_none_or(|since| outage.after >= since));
        this.upgrades = of_one_server(this.upgrades);
        this.ports(server);
        this.tags.sort_unstable();
        this.tags.dedup();
        this.at_blocks.sort_unstable();
        this.at_blocks.dedup();
        this.blocks.sort_unstable();
        this.blocks.dedup();
        this.regions.sort_unstable();
        this
    }

    fn tag(&mut self, kind: Kind, value: &[u8]) {
        self.tags.push(Tag { kind, mark: Mark::of(value) });
    }

    fn identity(&mut self, dossier: &Dossier) {
        let identity = &dossier.identity;
        if let Some(donation) = identity.donation.latest().filter(|span| !defaults::is_authors(&span.value)) {
            self.tag(Kind::Donation, donation.value.as_bytes());
        }
        if let Some(banner) = identity.banner.latest().map(|span| &span.value) {
            if !defaults::is_programs(banner.words) {
                self.tags.push(Tag { kind: Kind::Banner, mark: banner.words });
            }
            if let Some(contact) = &banner.contact {
                self.tag(Kind::Contact, contact.as_bytes());
            }
        }
        for (before, after) in identity.software.turns().filter(|(before, after)| before.value != after.value)
        {
            let what = Mark::of_parts([before.value.as_bytes(), after.value.as_bytes()]);
            self.upgrades.push(Event { what, after: before.last, by: after.first });
        }
    }

    fn domain(&mut self, host: &Host) {
        if let Some(domain) = names::registered(host) {
            self.tag(Kind::Domain, domain.as_bytes());
        }
    }

    fn handshake(&mut self, host: &Host, dossier: &Dossier) {
        let tls = &dossier.tls;
        for leaf in tls.leaves.iter().map(|span| &span.value) {
            self.tag(Kind::CertificateKey, leaf.key.to_string().as_bytes());
            // Tools that ask for a day begin it at midnight.
            if leaf.not_before.as_second() % 86_400 != 0 {
                self.tag(Kind::CertificateSecond, &leaf.not_before.as_second().to_le_bytes());
            }
            if let Some(template) = leaf.template(host) {
                let template = Mark::of_parts([template.as_bytes(), &leaf.days().to_le_bytes()]);
                self.templates.push(OfTemplate { template, since: leaf.not_before });
            }
        }
        let software = dossier.identity.software.latest();
        if let Some(software) = software.filter(|_| tls.stack.len() == 3) {
            let stack = tls.stack.values().flat_map(|answer| answer.to_bytes());
            let value: Vec<u8> = stack.chain(software.value.bytes()).collect();
            self.tag(Kind::Stack, &value);
        }
    }

    fn node(&mut self, dossier: &Dossier) {
        let node = &dossier.node;
        let vectors = node.vectors.iter().filter_map(|vector| {
            Some(AtBlock {
                block: vector.block,
                tag: Tag { kind: Kind::FeeEstimates, mark: vector.telling()? },
            })
        });
        let histograms = node.histograms.iter().map(|seen| {
            let mark = Mark::of_parts([&seen.block.to_bytes()[..], &seen.bins.to_bytes()]);
            AtBlock { block: seen.block, tag: Tag { kind: Kind::Histogram, mark } }
        });
        self.at_blocks.extend(vectors.chain(histograms));
        self.blocks.extend(node.tips.iter().map(|told| (told.height, told.block)));
    }

    fn events(&mut self, dossier: &Dossier) {
        // One visit that failed may have failed on the way.
        let outages = dossier.uptime.outages.iter().filter(|outage| outage.visits > 1);
        self.outages.extend(outages.map(|outage: &Outage| Event {
            what: Mark::of(b"outage"),
            after: outage.last_up,
            by: outage.first_down,
        }));
    }

    fn ports(&mut self, server: &Server<'_>) {
        let mut ports: Vec<_> = server.dossiers().flat_map(|dossier| dossier.place.answered.iter()).collect();
        ports.sort_unstable();
        ports.dedup();
        if ports.iter().any(|(_, port)| !defaults::is_usual(port.get())) {
            let text: Vec<String> = ports.iter().map(|(way, port)| format!("{way}{port}")).collect();
            self.tag(Kind::Ports, text.join(" ").as_bytes());
        }
    }
}

/// Since when all outages of a server are remembered: of a host that fails often the latest alone are.
fn watched_since(server: &Server<'_>) -> Option<Timestamp> {
    let cut = server.dossiers().filter(|dossier| !dossier.uptime.is_whole());
    let remembered = cut.filter_map(|dossier| Some(dossier.uptime.outages.first()?.last_up)).max();
    remembered.or_else(|| server.dossiers().filter_map(|dossier| dossier.uptime.first).min())
}

/// What is seen at several hosts of one server at a time happened once: after the latest of the times that it is after,
/// and by the earliest.
fn of_one_server(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_unstable_by_key(|event| (event.what, event.after, event.by));
    events.dedup_by(|next, event| {
        let same = next.what == event.what && next.after <= event.by;
        if same {
            (event.after, event.by) = (next.after, event.by.min(next.by));
        }
        same
    });
    events
}

/// The /16 of an IPv4 address, the /32 of an IPv6 address.
fn region(ip: IpAddr) -> Mark {
    match ip.to_canonical() {
        IpAddr::V4(v4) => Mark::of(&v4.octets()[..2]),
        IpAddr::V6(v6) => Mark::of(&v6.octets()[..4]),
    }
}
