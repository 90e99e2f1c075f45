//! What is true of a server, whatever it says.

use std::{collections::BTreeSet, net::Ipv4Addr, ops::Range};

use serde::{Deserialize, Serialize};

use super::{Calendar, draft::Draft};
use crate::{SimTime, behaviour::Behaviour, hostile::Mischief};

/// What is true of a server: a line of `truth.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Its host, a name or an address: the first of them.
    pub server: String,
    /// All its hosts when the world begins, or when it appears. They are one server.
    pub hosts: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Where it listens, by each host: `ssl://127.1.2.3:50002`.
    pub endpoints: Vec<String>,
    /// Its group in the scenario.
    pub group: String,
    /// The implementation that answers when the world begins.
    pub implementation: String,
    /// Its version.
    pub version: String,
    /// What it becomes later, or has become before the world begins.
    pub upgrades: Vec<Upgraded>,
    /// From when until when it is there. None: always.
    pub exists: Option<Span>,
    /// When it is down.
    pub outages: Vec<Span>,
    /// After so many hours it has other names.
    pub renamed_after: Option<u32>,
    /// What it calls itself, where that is not the truth.
    pub claims: Option<String>,
    /// Who runs it.
    pub operator: String,
    /// The node behind it.
    pub node: String,
    /// The process that answers.
    pub process: String,
    /// What it does.
    pub behaviours: Vec<String>,
    /// What it does at its further addresses, where that differs.
    pub behaviours_also_at: Option<Vec<String>>,
    /// Indicators that must fire for it.
    pub expected: BTreeSet<String>,
    /// ISO 3166.
    pub country: String,
    /// The number of its autonomous system.
    pub asn: u32,
    /// Who runs that.
    pub organization: String,
}

/// A span of time, in seconds since the beginning of day 0.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first second.
    pub from: u64,
    /// The second after it; none where it has no end.
    pub until: Option<u64>,
}

/// An upgrade.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Upgraded {
    /// When, in seconds since the beginning of day 0.
    pub at: u64,
    /// The implementation from then on.
    pub implementation: String,
    /// Its version.
    pub version: String,
}

impl Truth {
    /// Of a server for which another may answer, in a world that begins at a moment.
    pub(super) fn new(calendar: Calendar, begins: SimTime, draft: &Draft, answering: &Draft) -> Self {
        let seconds = |moment: SimTime| (moment - calendar.day(0)).as_secs();
        let span = |span: &Range<SimTime>| Span {
            from: seconds(span.start),
            until: Some(span.end).filter(|end| *end < SimTime::END).map(seconds),
        };
        let existence = draft.life.existence();
        let hosts = draft.hosts(calendar, begins.max(existence.start));
        let endpoint = |host: &String| {
            let host = host.clone();
            draft.ways().map(move |(protocol, port)| format!("{protocol}://{host}:{port}"))
        };
        let always = existence.start == SimTime::START && existence.end == SimTime::END;
        let names = |behaviours: &Vec<Behaviour>| {
            let names = behaviours.iter().map(Behaviour::name);
            names.chain(draft.group.hostile.map(Mischief::name)).map(str::to_owned).collect()
        };
        let grammar = answering.life.grammar(begins);
        let group = &draft.group;
        Self {
            server: hosts.first().cloned().unwrap_or_default(),
            endpoints: hosts.iter().flat_map(endpoint).collect(),
            hosts,
            addresses: draft.addresses.clone(),
            group: group.name.clone(),
            implementation: grammar.name().to_owned(),
            version: grammar.version().to_owned(),
            upgrades: answering
                .life
                .upgrades()
                .iter()
                .map(|(moment, grammar)| Upgraded {
                    at: seconds(*moment),
                    implementation: grammar.name().to_owned(),
                    version: grammar.version().to_owned(),
                })
                .collect(),
            exists: (!always).then(|| span(existence)),
            outages: draft.life.outages().iter().map(span).collect(),
            renamed_after: group.renamed_after.map(std::num::NonZero::get),
            claims: group.claims.clone(),
            operator: draft.operator(),
            node: answering.node(),
            process: answering.process(),
            behaviours: names(&group.behaviours),
            behaviours_also_at: group.behaviours_also_at.as_ref().map(names),
            expected: group.must_fire.clone(),
            country: draft.place.country.clone(),
            asn: draft.place.asn,
            organization: draft.place.organization.clone(),
        }
    }

    /// Whether nothing is to be found out about it.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        let attacks = Mischief::ALL.iter().any(|kind| self.behaviours.iter().any(|name| name == kind.name()));
        self.expected.is_empty() && self.claims.is_none() && !attacks
    }
}
