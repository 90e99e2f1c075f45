//! From findings to a score, a level and an assessment.
//!
//! A score is carried by the weightiest tier: soft findings alone stay below 30, a medium one lifts to 30 and stays
//! below 80, a hard one lifts to 80. More findings never lower it.

use std::{collections::BTreeSet, net::IpAddr};

use model::{
    Assessment, Finding,
    assessment::{Address, Implementation, Level, Membership, TlsSummary},
    finding::Tier,
};
use rayon::prelude::*;

use crate::{
    attribution, behaviour,
    dossier::Dossier,
    features,
    identify::{self, Identified},
    indicators::catalogue,
    server,
    signs::Signs,
    software::Speech,
    survey::{Case, Survey},
    truth,
};

/// Rises when the same features, groups and contradictions give other findings, scores or levels.
const VERSION: u32 = 2;

/// The rules by which servers are assessed: `observatory-`, the version of the assessment, a dot, and the versions of
/// all that it rests on, added up. Each only rises, so that two runs of one model went by the same rules.
#[must_use]
pub fn model() -> String {
    let below = features::VERSION
        + identify::VERSION
        + server::VERSION
        + truth::VERSION
        + attribution::VERSION
        + behaviour::VERSION;
    format!("observatory-{VERSION}.{below}")
}

/// The score of findings, from 0 to 100.
#[must_use]
pub fn score(findings: &[Finding]) -> u8 {
    let points = |tier| -> u32 {
        findings.iter().filter(|finding| finding.tier == tier).map(|finding| u32::from(finding.weight)).sum()
    };
    let has = |tier| findings.iter().any(|finding| finding.tier == tier);
    let (soft, medium, hard) = (points(Tier::Soft), points(Tier::Medium), points(Tier::Hard));
    // What is lighter counts a tenth beside what is heavier.
    let score = if has(Tier::Hard) {
        (80 + hard + medium / 10 + soft / 100).min(100)
    } else if has(Tier::Medium) {
        (30 + medium + soft / 10).min(79)
    } else {
        soft.min(29)
    };
    u8::try_from(score).unwrap_or(100)
}

/// Assesses every server, in the order of the survey. `place` says where an address is, `signs` what is known of
/// companies.
#[must_use]
pub fn assess(
    survey: &Survey<'_>,
    place: impl Fn(IpAddr) -> Address + Sync,
    signs: &Signs,
) -> Vec<Assessment> {
    let places = (0..survey.servers.len()).into_par_iter();
    places.map(|number| one(&Case { survey, place: number }, &place, signs)).collect()
}

fn one(case: &Case<'_, '_>, place: &impl Fn(IpAddr) -> Address, signs: &Signs) -> Assessment {
    let mut findings: Vec<Finding> = catalogue().filter_map(|definition| definition.finding(case)).collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse((finding.tier, finding.weight)), finding.indicator));
    let score = score(&findings);
    let server = case.server();
    let addresses: BTreeSet<IpAddr> = server.addresses().collect();
    let addresses: Vec<Address> = addresses.into_iter().map(place).collect();
    Assessment {
        server: server.name(),
        network: case.survey.network,
        endpoints: server.endpoints().cloned().collect(),
        reachable: server.dossiers().any(|dossier| dossier.uptime.is_up()),
        implementation: implementation(case.speech()),
        group: case.survey.attribution.group_of(case.place).map(|group| Membership {
            id: group.id.clone(),
            size: group.members.len(),
            posterior: group.posterior,
        }),
        score,
        level: Level::of(score),
        findings,
        tls: server.dossiers().find_map(tls),
        signs: signs.of(server, &addresses),
        addresses,
        model: model(),
        features: server.digest(),
        visits: server.dossiers().map(|dossier| dossier.visits).sum(),
    }
}

fn tls(dossier: &Dossier) -> Option<TlsSummary> {
    let leaf = &dossier.tls.leaves.latest()?.value;
    Some(TlsSummary {
        version: dossier.tls.version.as_deref().map(str::to_owned),
        subject: leaf.subject.to_string(),
        issuer: leaf.issuer.to_string(),
        spki_sha256: leaf.key.to_string(),
        not_before: leaf.not_before,
        not_after: leaf.not_after,
        self_signed: leaf.self_signed,
    })
}

fn implementation(speech: &Speech) -> Implementation {
    let identified = speech.identified.as_ref();
    Implementation {
        claimed: speech.claimed.clone(),
        confidence: identified.map_or(0.0, |found| found.confidence),
        identified: identified.map(Identified::range),
    }
}

#[cfg(test)]
mod tests {
    use model::finding::{Digest, Indicator};
    use proptest::prelude::*;

    use super::*;

    fn finding(tier: Tier, weight: u8) -> Finding {
        Finding {
            indicator: Indicator::new(1),
            tier,
            weight,
            statement: String::new(),
            evidence: vec![Digest::of_bytes(b"")],
        }
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        let tier = prop_oneof![Just(Tier::Soft), Just(Tier::Medium), Just(Tier::Hard)];
        let one = (tier, 1..=30_u8).prop_map(|(tier, weight)| finding(tier, weight));
        proptest::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn the_weightiest_tier_decides_the_band(findings in findings()) {
            let level = Level::of(score(&findings));
            match findings.iter().map(|finding| finding.tier).max() {
                None => prop_assert_eq!(score(&findings), 0),
                Some(Tier::Soft) => prop_assert!(level <= Level::Notable),
                Some(Tier::Medium) => prop_assert_eq!(level, Level::Suspicious),
                Some(Tier::Hard) => prop_assert_eq!(level, Level::Dishonest),
            }
        }

        #[test]
        fn more_findings_never_lower_a_score_nor_does_their_order(mut all in findings(), more in findings()) {
            let before = score(&all);
            all.extend(more);
            let after = score(&all);
            all.reverse();
            prop_assert!(after >= before);
            prop_assert_eq!(score(&all), after);
        }
    }
}
