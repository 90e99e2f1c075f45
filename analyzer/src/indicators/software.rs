//! What a server claims to be, against how it speaks.

use model::finding::{Digest, Indicator, Tier};

use super::{Definition, Found};
use crate::{identify::Fit, survey::Case, text::plural};

/// How surely another implementation must be named before the claim is doubted.
const SURE: f64 = 0.9;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(10),
        tier: Tier::Medium,
        weight: 15,
        title: "speaks like another implementation than it claims",
        caveat: "A proxy in front of a server, and a fork that kept the name, look like this too.",
        find: another_implementation,
    },
    Definition {
        indicator: Indicator::new(11),
        tier: Tier::Medium,
        weight: 10,
        title: "speaks unlike the version that it claims",
        caveat: "Builds from a repository carry the number of the version before or after.",
        find: another_version,
    },
    Definition {
        indicator: Indicator::new(12),
        tier: Tier::Medium,
        weight: 5,
        title: "answers some questions as no known server of its version does",
        caveat: "Patched builds and unusual settings look like this; a new release is unknown, not guilty.",
        find: odd_answers,
    },
];

fn another_implementation(case: &Case<'_, '_>) -> Option<Found> {
    let speech = case.speech();
    let (claim, identified) = (speech.claim.as_ref()?, speech.identified.as_ref()?);
    let differs = claim.name != identified.name && speech.is_known && identified.confidence >= SURE;
    differs.then(|| Found {
        statement: format!(
            "It calls itself {} and its answers are consistent with {identified}.",
            claimed(case)
        ),
        evidence: witnesses(case),
    })
}

fn another_version(case: &Case<'_, '_>) -> Option<Found> {
    let fit = case.speech().fit.filter(Fit::is_contradicted)?;
    Some(Found {
        statement: format!(
            "It calls itself {}. {} of writing and {} are not those of that version, {}.",
            claimed(case),
            plural(fit.grammar, "habit"),
            plural(fit.answers, "answer"),
            explained(fit)
        ),
        evidence: witnesses(case),
    })
}

fn odd_answers(case: &Case<'_, '_>) -> Option<Found> {
    let fit = case.speech().fit.filter(|fit| !fit.is_contradicted() && fit.answers > 1)?;
    Some(Found {
        statement: format!(
            "{} of its answers are not those of {}, {}.",
            fit.answers,
            claimed(case),
            explained(fit)
        ),
        evidence: witnesses(case),
    })
}

fn explained(fit: Fit) -> String {
    let are = if fit.explained == 1 { "is" } else { "are" };
    format!("{} {are}", plural(fit.explained, "observation"))
}

fn claimed<'s>(case: &Case<'s, '_>) -> &'s str {
    case.speech().claimed.as_deref().unwrap_or("nothing")
}

fn witnesses(case: &Case<'_, '_>) -> Vec<Digest> {
    let eras = case.server().dossiers().filter_map(|dossier| dossier.software.latest());
    eras.flat_map(|era| era.witnesses.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attribution::Context,
        identify::Identified,
        server::join,
        software::{Claim, Speech},
        survey::Survey,
        testing::{answers, dossiers, knowledge},
    };

    /// Which of I10 to I12 fire for a server that claims to be ElectrumX 1.20.0.
    fn fired(speaks_like: &str, confidence: f64, fit: Fit) -> Vec<String> {
        let greeting = ("H1", r#"["ElectrumX 1.20.0","1.4"]"#);
        let dossiers = dossiers(&[answers("tcp://10.0.0.1:50001", 0, &[greeting])]);
        let identified = Identified { name: speaks_like.to_owned(), min: None, max: None, confidence };
        let speech = Speech {
            claimed: Some("ElectrumX 1.20.0".to_owned()),
            claim: Claim::read("ElectrumX 1.20.0"),
            identified: Some(identified),
            fit: Some(fit),
            is_known: true,
        };
        let context = Context { previous: &[], system: &|_| None };
        let compared = Survey::of(electrum::Network::Regtest, join(&dossiers), &knowledge(), &context);
        let survey = Survey { speech: vec![speech], ..compared };
        let findings = TABLE.iter().filter_map(|one| one.finding(&Case { survey: &survey, place: 0 }));
        findings.map(|finding| finding.indicator.to_string()).collect()
    }

    #[test]
    fn claims_are_doubted_where_the_bytes_speak_against_them_and_only_there() {
        let fit = |grammar, answers| Fit { grammar, answers, allowed: 3, explained: 60 };
        assert_eq!(fired("ElectrumX", 0.99, fit(0, 0)), [""; 0]);
        assert_eq!(fired("ElectrumX", 0.99, fit(0, 1)), [""; 0], "one answer may differ anywhere");
        assert_eq!(fired("ElectrumX", 0.99, fit(0, 2)), ["I12"]);
        assert_eq!(fired("ElectrumX", 0.99, fit(1, 0)), ["I11"]);
        assert_eq!(fired("ElectrumX", 0.99, fit(0, 4)), ["I11"]);
        assert_eq!(fired("Fulcrum", 0.99, fit(4, 9)), ["I10", "I11"]);
        assert_eq!(fired("Fulcrum", 0.5, fit(0, 0)), [""; 0], "that is not sure enough");
    }
}
