//! What statuses say of an analysis, and which of them say something else than before. Pure.

use std::collections::HashMap;

use crds::{
    ElectrumServer, Text,
    campaign::AnalysisSummary,
    conditions::Said,
    server::{Finding, Group, Suspicion},
};
use electrum::Host;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use model::{Assessment, assessment::Level};
use serde::Serialize;

use crate::{
    analysis::Analysis,
    figures::{Dimension, Weighting},
};

/// The most findings of a status, and digests of a finding.
const MOST_FINDINGS: usize = 10;
const MOST_DIGESTS: usize = 2;
/// So many visits say half of what visits can say.
const HALF: f64 = 10.0;
/// For so long a status stays as it is though it rests on other visits by now.
const LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the status of a server is told: what is held against it, and whether that makes it suspicious.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    suspicion: Suspicion,
    conditions: [Condition; 1],
}

impl Told {
    fn after(suspicion: Suspicion, server: &ElectrumServer, now: Timestamp) -> Self {
        let previous = server.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
        let reason = match suspicion.level {
            Level::Clear => "Clear",
            Level::Notable => "Notable",
            Level::Suspicious => "Suspicious",
            Level::Dishonest => "Dishonest",
        };
        let weightiest = suspicion.findings.first().map(|finding| finding.statement.to_string());
        let said = Said {
            of: "Suspicious",
            holds: (suspicion.level >= Level::Suspicious).into(),
            reason,
            message: weightiest.unwrap_or_else(|| "nothing was found".to_owned()),
        };
        let condition = said.after(previous, server.metadata.generation, now);
        Self { suspicion, conditions: [condition] }
    }
}

/// What is to be written: names of servers, and what they are told.
pub(super) fn changes(
    assessments: &[Assessment],
    servers: &[ElectrumServer],
    now: Timestamp,
) -> Vec<(String, Told)> {
    let hosts = assessments
        .iter()
        .flat_map(|assessment| assessment.endpoints.iter().map(move |endpoint| (&endpoint.host, assessment)));
    let by_host: HashMap<&Host, &Assessment> = hosts.collect();
    let change = |server: &ElectrumServer| {
        let host: Host = server.spec.host.parse().ok()?;
        let wanted = suspicion(by_host.get(&host)?, now);
        let found = server.status.as_ref().and_then(|status| status.suspicion.as_ref());
        let is_news = found.is_none_or(|found| differ(found, &wanted));
        is_news.then(|| (server.name_any(), Told::after(wanted, server, now)))
    };
    servers.iter().filter_map(change).collect()
}

fn suspicion(assessment: &Assessment, now: Timestamp) -> Suspicion {
    let finding = |finding: &model::Finding| Finding {
        indicator: finding.indicator,
        tier: finding.tier,
        weight: finding.weight.into(),
        statement: Text::new(&finding.statement),
        evidence: finding.evidence.iter().take(MOST_DIGESTS).copied().collect(),
    };
    Suspicion {
        score: assessment.score.into(),
        level: assessment.level,
        confidence: confidence(assessment),
        group: assessment.group.as_ref().map(|group| Group {
            id: group.id.clone(),
            size: whole(group.size),
            posterior: rounded(group.posterior),
        }),
        findings: assessment.findings.iter().take(MOST_FINDINGS).map(finding).collect(),
        analyzed_at: Timestamp::from_second(now.as_second()).unwrap_or(now),
        model: assessment.model.clone(),
        evidence_digest: assessment.features,
        visits: i64::try_from(assessment.visits).unwrap_or(i64::MAX),
    }
}

/// That the protocol is falsified is sure; anything else is as sure as there are visits to tell it from.
fn confidence(assessment: &Assessment) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody makes so many visits")]
    let visits = assessment.visits as f64;
    if assessment.level == Level::Dishonest { 1.0 } else { rounded(1.0 - 0.5_f64.powf(visits / HALF)) }
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn whole(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Whether they say something else of a server. When it was concluded, from how many visits and in which words is nothing
/// else: it would be written after each analysis, and read by nobody. What is too old is said again.
fn differ(found: &Suspicion, wanted: &Suspicion) -> bool {
    let held = |suspicion: &Suspicion| -> Vec<_> {
        suspicion
            .findings
            .iter()
            .map(|finding| (finding.indicator, finding.tier, finding.weight.to_bits()))
            .collect()
    };
    let group = |suspicion: &Suspicion| suspicion.group.as_ref().map(|group| (group.id.clone(), group.size));
    (found.score, found.level, &found.model) != (wanted.score, wanted.level, &wanted.model)
        || held(found) != held(wanted)
        || group(found) != group(wanted)
        || wanted.analyzed_at.duration_since(found.analyzed_at) >= LASTS
}

/// The figures of an analysis for the status of its campaign.
pub(super) fn summary(analysis: &Analysis) -> AnalysisSummary {
    let level = |level| whole(analysis.summary.levels.get(&level).copied().unwrap_or_default());
    let operators = analysis
        .figures
        .centralisation
        .get(&Weighting::Adverts)
        .and_then(|dimensions| dimensions.get(&Dimension::Operator))
        .filter(|operators| operators.holders > 0);
    let visits: u64 = analysis.assessments.iter().map(|assessment| assessment.visits).sum();
    AnalysisSummary {
        servers: whole(analysis.summary.servers),
        visits: i64::try_from(visits).unwrap_or(i64::MAX),
        clear: level(Level::Clear),
        notable: level(Level::Notable),
        suspicious: level(Level::Suspicious),
        dishonest: level(Level::Dishonest),
        effective_operators: operators.map(|operators| rounded(operators.figure.effective)),
        nakamoto50: operators.map(|operators| whole(operators.figure.nakamoto_50)),
    }
}

#[cfg(test)]
mod tests;
