//! Who reads the servers' logs.

use model::finding::{Digest, Indicator, Tier};

use super::{Definition, Found};
use crate::survey::Case;

pub(super) const TABLE: &[Definition] = &[Definition {
    indicator: Indicator::new(30),
    tier: Tier::Soft,
    weight: 5,
    title: "somebody opened a page whose address this server alone was told",
    caveat: "Administrators are curious, and may look up who visits them.",
    find: opened,
}];

fn opened(case: &Case<'_, '_>) -> Option<Found> {
    let told = case.server().dossiers().flat_map(|dossier| &dossier.canaries.told);
    let opened = told.filter(|(canary, _)| case.survey.opened.contains(&***canary));
    let evidence: Vec<Digest> = opened.map(|(_, digest)| *digest).collect();
    (!evidence.is_empty()).then(|| Found {
        statement: "The page that our name tells this server alone was opened: consistent with somebody reading its log."
            .to_owned(),
        evidence,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        attribution::Context,
        server::join,
        survey::Survey,
        testing::{answers, dossiers, knowledge},
    };

    #[test]
    fn a_page_that_was_opened_counts_against_the_one_that_was_told_it() {
        let told = |host: &str, canary: &str| {
            let mut visit =
                answers(&format!("tcp://{host}:50001"), 0, &[("H1", r#"["ElectrumX 1.20.0","1.4"]"#)]);
            let request = format!(
                r#"{{"id":1,"method":"server.version","params":["x (+https://o.example/?canary={canary})","1.4"]}}"#
            );
            visit.exchanges[0].request = model::Recorded::new(request.as_bytes(), 999);
            visit
        };
        let dossiers =
            dossiers(&[told("10.0.0.1", "00112233445566aa"), told("10.0.0.2", "00112233445566bb")]);
        let opened = BTreeSet::from(["00112233445566bb".to_owned()]);
        let context = Context { previous: &[], system: &|_| None };
        let survey = Survey {
            opened,
            ..Survey::of(electrum::Network::Regtest, join(&dossiers), &knowledge(), &context)
        };
        let found = [0, 1].map(|place| super::opened(&Case { survey: &survey, place }).is_some());
        assert_eq!(found, [false, true]);
    }
}
