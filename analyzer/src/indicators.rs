//! The indicators: what each means, how much it says, what innocent explanation there is, and when it is found.
//!
//! An indicator reads what the features and the comparison of servers hold ready; it computes no features itself.
//! To add one: add its entry to a table below, with a test that fires it and one that must not.

mod availability;
mod certificates;
mod conduct;
mod contradictions;
mod crowd;
mod falsified;
mod gossip;
mod logs;
mod names;
mod software;
mod timing;

use model::{
    Finding,
    finding::{Digest, Indicator, Tier},
};

use crate::survey::Case;

/// One indicator.
#[derive(Debug)]
pub struct Definition {
    /// Its number.
    pub indicator: Indicator,
    /// How much it says.
    pub tier: Tier,
    /// Points of its tier: soft ones add up to a score of at most 29, medium ones from 30 to at most 79, hard ones
    /// from 80.
    pub weight: u8,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What else it may mean, in sentences.
    pub caveat: &'static str,
    /// Whether a server shows it.
    pub find: fn(&Case<'_, '_>) -> Option<Found>,
}

/// What was seen of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In plain words that accuse nobody: "consistent with", never "operated by". Sentences; printable.
    pub statement: String,
    /// What it rests on, not empty.
    pub evidence: Vec<Digest>,
}

impl Definition {
    /// The finding, if there is one.
    #[must_use]
    pub fn finding(&self, case: &Case<'_, '_>) -> Option<Finding> {
        let Found { statement, evidence } = (self.find)(case)?;
        let Self { indicator, tier, weight, .. } = *self;
        Some(Finding { indicator, tier, weight, statement, evidence })
    }
}

/// All indicators, in the order of their numbers.
pub fn catalogue() -> impl Iterator<Item = &'static Definition> {
    const TABLES: [&[Definition]; 10] = [
        availability::TABLE,
        certificates::TABLE,
        conduct::TABLE,
        crowd::TABLE,
        falsified::TABLE,
        gossip::TABLE,
        logs::TABLE,
        names::TABLE,
        software::TABLE,
        timing::TABLE,
    ];
    let mut all: Vec<&Definition> = TABLES.into_iter().flatten().collect();
    all.sort_by_key(|definition| definition.indicator);
    all.into_iter()
}

/// `docs/indicators.md`: every indicator as it is defined here.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Indicators\n\n\
         What may be held against a server. A hard one shows that the protocol is falsified, by the exact bytes or against a\n\
         quorum of at least five neighbourhoods (I5, and I7 by height); a medium one is hard to explain innocently; soft ones\n\
         alone never make a server suspicious. A statement says what was seen, never who is behind it. A server that only writes\n\
         down what it sees shows none of them.\n\n\
         This page is written by `cargo run -p analyzer --example indicators > docs/indicators.md`.\n\n\
         | id | tier | points | what it is | what else it may mean |\n\
         |---|---|---:|---|---|\n",
    );
    for Definition { indicator, tier, weight, title, caveat, .. } in catalogue() {
        let tier = tier.name();
        text.push_str(&format!("| {indicator} | {tier} | {weight} | {title} | {caveat} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use model::Visit;

    use super::*;
    use crate::{
        attribution::Context,
        server,
        survey::Survey,
        testing::{dossiers, knowledge},
    };

    /// What an indicator finds of a server after these visits.
    pub(super) fn found(number: u8, visits: &[Visit], host: &str) -> Option<Found> {
        let dossiers = dossiers(visits);
        let context = Context { previous: &[], system: &|_| None };
        let survey = Survey::of(electrum::Network::Regtest, server::join(&dossiers), &knowledge(), &context);
        let host = host.parse().expect("a host");
        let place =
            survey.servers.iter().position(|server| server.hosts.iter().any(|(known, _)| **known == host));
        let case = Case { survey: &survey, place: place.expect("a server") };
        let definition = catalogue().find(|definition| definition.indicator == Indicator::new(number));
        let found = (definition.expect("an indicator").find)(&case);
        if let Some(Found { statement, evidence }) = &found {
            assert!(!evidence.is_empty(), "{number}: nothing to rest on");
            assert!(is_a_sentence(statement), "{number}: {statement}");
        }
        found
    }

    fn is_a_sentence(text: &str) -> bool {
        text.ends_with('.') && !text.starts_with(char::is_lowercase)
    }

    #[test]
    fn the_page_about_indicators_is_up_to_date() {
        let page = include_str!("../../docs/indicators.md");
        assert_eq!(document(), page, "see the command at its top");
    }

    #[test]
    fn every_indicator_is_there_once_and_weighs_no_more_than_its_tier_allows() {
        let numbers: Vec<Indicator> = catalogue().map(|definition| definition.indicator).collect();
        let all: Vec<Indicator> = (1..=Indicator::COUNT).map(Indicator::new).collect();
        assert_eq!(numbers, all);
        assert!(catalogue().all(|definition| definition.weight <= 30 && is_a_sentence(definition.caveat)));
    }
}
