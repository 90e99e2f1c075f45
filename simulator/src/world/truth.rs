//! What is true of a server, whatever it says.

use std::{collections::BTreeSet, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::{behaviour::Behaviour, hostile::Mischief};

/// What is true of a server: a line of `truth.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Its address.
    pub server: Ipv4Addr,
    /// Where it listens: `ssl://127.1.2.3:50002`.
    pub endpoints: Vec<String>,
    /// Its group in the scenario.
    pub group: String,
    /// The implementation that answers.
    pub implementation: String,
    /// Its version.
    pub version: String,
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
    /// Indicators that must fire for it.
    pub expected: BTreeSet<String>,
    /// ISO 3166.
    pub country: String,
    /// The number of its autonomous system.
    pub asn: u32,
    /// Who runs that.
    pub organization: String,
}

impl Truth {
    /// Of a server for which another may answer.
    pub(super) fn new(draft: &Draft<'_>, answering: &Draft<'_>) -> Self {
        let behaviours = draft.group.behaviours.iter().map(Behaviour::name);
        let hostile = draft.group.hostile.map(Mischief::name);
        let endpoint = |(protocol, port)| format!("{protocol}://{}:{port}", draft.address);
        Self {
            server: draft.address,
            endpoints: draft.ways().map(endpoint).collect(),
            group: draft.group.name.clone(),
            implementation: answering.grammar.name().to_owned(),
            version: answering.grammar.version().to_owned(),
            claims: draft.group.claims.clone(),
            operator: draft.operator(),
            node: answering.node(),
            process: answering.process(),
            behaviours: behaviours.chain(hostile).map(str::to_owned).collect(),
            expected: draft.group.must_fire.clone(),
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
