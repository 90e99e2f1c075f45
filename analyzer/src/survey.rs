//! All servers side by side, and what their comparison shows. Indicators read it; nothing is concluded here.

use crate::{
    attribution::{Attribution, Context},
    behaviour::Behaviour,
    gossip::Gossip,
    server::Server,
};

/// All servers side by side.
#[derive(Debug)]
pub struct Survey<'d> {
    /// The servers, in the order of their names.
    pub servers: Vec<Server<'d>>,
    /// Who names whom.
    pub gossip: Gossip,
    /// Which of them belong together.
    pub attribution: Attribution,
    /// Which behave alike, and which like nobody else.
    pub behaviour: Behaviour,
}

impl<'d> Survey<'d> {
    /// Compares servers.
    #[must_use]
    pub fn of(servers: Vec<Server<'d>>, context: &Context<'_>) -> Self {
        let gossip = Gossip::of(&servers);
        let attribution = Attribution::of(&servers, &gossip, context);
        let behaviour = Behaviour::of(&servers);
        Self { servers, gossip, attribution, behaviour }
    }
}

/// One server among all.
#[derive(Clone, Copy, Debug)]
pub struct Case<'s, 'd> {
    /// All of them.
    pub survey: &'s Survey<'d>,
    /// Its place among them.
    pub place: usize,
}

impl<'s, 'd> Case<'s, 'd> {
    /// The server.
    #[must_use]
    pub fn server(&self) -> &'s Server<'d> {
        &self.survey.servers[self.place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        indicators, server,
        testing::{answers, dossiers},
    };

    /// Every probe that a feature reads.
    const PROBES: [&str; 9] = ["H1", "H2", "M1", "M2", "M3", "M4", "M7", "C1", "F1"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_servers_say_they_are_compared(
            texts in proptest::collection::vec(r#"[\[\]{}",:0-9a-z.]{0,40}|"[^"\\]{0,60}"|\[\["","[a-z.]{1,9}",\[\]\]\]"#, 12),
            hosts in proptest::collection::vec("[a-c]\\.example|10\\.0\\.0\\.[1-3]", 4),
        ) {
            let visits: Vec<_> = hosts
                .iter()
                .zip(texts.chunks(3))
                .zip(0..)
                .map(|((host, texts), second)| {
                    let said: Vec<_> = PROBES.iter().zip(texts.iter().cycle()).map(|(p, t)| (*p, t.as_str())).collect();
                    answers(&format!("tcp://{host}:50001"), second, &said)
                })
                .collect();
            let dossiers = dossiers(&visits);
            let survey = Survey::of(server::join(&dossiers), &Context { previous: &[], system: &|_| Some(1) });
            prop_assert_eq!(survey.attribution.of_server.len(), survey.servers.len());
            for place in 0..survey.servers.len() {
                for definition in indicators::catalogue() {
                    let found = definition.finding(&Case { survey: &survey, place });
                    prop_assert!(found.is_none_or(|finding| !finding.evidence.is_empty()));
                }
            }
        }
    }
}
