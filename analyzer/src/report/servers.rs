//! The table of servers, the most suspicious first, and what its filters offer.

use std::collections::{BTreeMap, BTreeSet};

use electrum::text::printable;
use model::{Assessment, Finding, finding::Indicator};

use super::{words::percent, world};
use crate::{
    analysis::Analysis,
    identify::versions,
    indicators::{Definition, catalogue},
    tables::servers::Row,
};

/// Most characters of what a server is called by, or calls itself.
const LONGEST: usize = 80;
/// Most characters of a statement.
const LONGEST_STATEMENT: usize = 600;
/// Addresses that are shown of a server.
const MOST_ADDRESSES: usize = 4;
/// Operators that can be chosen.
const MOST_OPERATORS: usize = 60;

/// A line of the table.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) score: u8,
    pub(super) level: &'static str,
    pub(super) server: String,
    pub(super) addresses: String,
    pub(super) network: String,
    pub(super) reachable: bool,
    pub(super) software: String,
    pub(super) implementation: String,
    pub(super) claimed: String,
    pub(super) code: String,
    pub(super) country: &'static str,
    pub(super) operator: String,
    pub(super) uptime: Option<(f64, String)>,
    pub(super) latency: Option<(f64, String)>,
    pub(super) findings: Vec<Shown>,
    pub(super) signs: Vec<String>,
}

/// A finding.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) indicator: Indicator,
    pub(super) tier: &'static str,
    pub(super) statement: String,
    pub(super) digest: String,
    /// Digests that are not shown.
    pub(super) more: usize,
}

/// The lines, the most suspicious first.
pub(super) fn lines(analysis: &Analysis) -> Vec<Line> {
    let mut rows: Vec<Row<'_>> = analysis.rows().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.assessment.score));
    rows.iter().map(line).collect()
}

fn line(row: &Row<'_>) -> Line {
    let Assessment { implementation, .. } = row.assessment;
    let identified = implementation.identified.as_ref();
    let first = row.assessment.addresses.first();
    let code = first.and_then(|address| address.country.clone()).unwrap_or_default();
    let addresses = row.assessment.addresses.iter().map(|address| row.shown(address.ip));
    let addresses: BTreeSet<String> = addresses.filter(|shown| *shown != row.assessment.server).collect();
    Line {
        score: row.assessment.score,
        level: row.assessment.level.name(),
        server: printable(&row.assessment.server, LONGEST),
        addresses: addresses.into_iter().take(MOST_ADDRESSES).collect::<Vec<_>>().join(", "),
        network: first
            .and_then(|address| address.organisation.as_deref())
            .map_or_else(String::new, |name| printable(name, LONGEST)),
        reachable: row.assessment.reachable,
        software: identified.map_or_else(|| "unknown".to_owned(), versions),
        implementation: identified.map_or_else(|| "unknown".to_owned(), |found| found.name.clone()),
        claimed: implementation
            .claimed
            .as_deref()
            .map_or_else(String::new, |claimed| printable(claimed, LONGEST)),
        country: world::country(&code).map_or("", |country| country.name),
        code,
        operator: row.assessment.group.as_ref().map_or_else(String::new, |group| group.id.clone()),
        uptime: row.member.availability.map(|share| (share, percent(share))),
        latency: row.member.latency_ms.map(|latency| (latency, format!("{latency:.0} ms"))),
        findings: row.assessment.findings.iter().map(|finding| shown(row, finding)).collect(),
        signs: row
            .assessment
            .signs
            .iter()
            .map(|sign| printable(&sign.statement, LONGEST_STATEMENT))
            .collect(),
    }
}

fn shown(row: &Row<'_>, finding: &Finding) -> Shown {
    Shown {
        indicator: finding.indicator,
        tier: finding.tier.name(),
        statement: printable(&row.discreet(&finding.statement), LONGEST_STATEMENT),
        digest: finding.evidence.first().map(ToString::to_string).unwrap_or_default(),
        more: finding.evidence.len().saturating_sub(1),
    }
}

/// What the table can be narrowed to.
#[derive(Debug, Default)]
pub(super) struct Choices {
    pub(super) software: BTreeSet<String>,
    pub(super) countries: BTreeMap<String, String>,
    pub(super) operators: Vec<String>,
}

impl Choices {
    pub(super) fn of(lines: &[Line], analysis: &Analysis) -> Self {
        let countries = lines.iter().filter(|line| !line.code.is_empty());
        let name =
            |line: &Line| if line.country.is_empty() { line.code.clone() } else { line.country.to_owned() };
        Self {
            software: lines.iter().map(|line| line.implementation.clone()).collect(),
            countries: countries.map(|line| (name(line), line.code.clone())).collect(),
            operators: analysis.groups.iter().take(MOST_OPERATORS).map(|group| group.id.clone()).collect(),
        }
    }
}

/// An indicator that was found, and of how many servers.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) indicator: Indicator,
    pub(super) tier: &'static str,
    pub(super) title: &'static str,
    pub(super) caveat: &'static str,
    pub(super) servers: usize,
}

/// Indicators that were found of anybody, in the order of their numbers.
pub(super) fn held(assessments: &[Assessment]) -> Vec<Held> {
    let mut counts: BTreeMap<Indicator, usize> = BTreeMap::new();
    for finding in assessments.iter().flat_map(|assessment| &assessment.findings) {
        *counts.entry(finding.indicator).or_default() += 1;
    }
    let held = |Definition { indicator, tier, title, caveat, .. }: &Definition| {
        let servers = *counts.get(indicator)?;
        Some(Held { indicator: *indicator, tier: tier.name(), title, caveat, servers })
    };
    catalogue().filter_map(held).collect()
}
