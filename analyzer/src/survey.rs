//! All servers side by side, and what their comparison shows. Indicators read it; nothing is concluded here.

use std::{collections::BTreeSet, time::Duration};

use electrum::Network;
use rayon::prelude::*;

use crate::{
    attribution::{Attribution, Context},
    behaviour::Behaviour,
    gossip::Gossip,
    identify::Knowledge,
    server::Server,
    software::Speech,
    truth::{Truth, judge},
};

/// All servers side by side.
#[derive(Debug)]
pub struct Survey<'d> {
    /// The network that they serve.
    pub network: Network,
    /// The servers, in the order of their names.
    pub servers: Vec<Server<'d>>,
    /// Who names whom.
    pub gossip: Gossip,
    /// Which of them belong together.
    pub attribution: Attribution,
    /// Which behave alike, and which like nobody else.
    pub behaviour: Behaviour,
    /// What is not so of what they say, in the same order.
    pub truth: Vec<Truth>,
    /// What they claim to be and what they speak like, in the same order.
    pub speech: Vec<Speech>,
    /// What 95 of 100 servers need at most for their quickest answer, beyond the way there and back.
    pub usual_overhead: Option<Duration>,
    /// Pages that one server alone was told of and that somebody opened, by what their addresses end in.
    pub opened: BTreeSet<String>,
}

impl<'d> Survey<'d> {
    /// Compares servers.
    #[must_use]
    pub fn of(
        network: Network,
        servers: Vec<Server<'d>>,
        knowledge: &Knowledge,
        context: &Context<'_>,
    ) -> Self {
        let gossip = Gossip::of(&servers);
        let attribution = Attribution::of(&servers, &gossip, context);
        let behaviour = Behaviour::of(&servers, &attribution);
        let truth = judge(&servers);
        let speech = servers.par_iter().map(|server| Speech::of(server, knowledge)).collect();
        let usual_overhead = usual_overhead(&servers);
        Self {
            network,
            servers,
            gossip,
            attribution,
            behaviour,
            truth,
            speech,
            usual_overhead,
            opened: BTreeSet::new(),
        }
    }
}

fn usual_overhead(servers: &[Server<'_>]) -> Option<Duration> {
    let least = |server: &Server<'_>| server.dossiers().filter_map(|dossier| dossier.timing.overhead).min();
    let mut all: Vec<Duration> = servers.iter().filter_map(least).collect();
    all.sort_unstable();
    all.get((all.len() * 95).div_ceil(100).checked_sub(1)?).copied()
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

    /// What is not so of what it says.
    #[must_use]
    pub fn truth(&self) -> &'s Truth {
        &self.survey.truth[self.place]
    }

    /// What it claims to be, and what it speaks like.
    #[must_use]
    pub fn speech(&self) -> &'s Speech {
        &self.survey.speech[self.place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        indicators, server,
        testing::{answers, dossiers, knowledge},
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
            let context = Context { previous: &[], system: &|_| Some(1) };
            let survey = Survey::of(Network::Regtest, server::join(&dossiers), &knowledge(), &context);
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
