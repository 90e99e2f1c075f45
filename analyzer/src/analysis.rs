//! The whole way from dossiers to assessments. Pure: the same dossiers give the same analysis.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use electrum::Endpoint;
use model::{
    Assessment,
    assessment::{Address, Group},
};

use crate::{
    assess::assess,
    attribution::Context,
    collect::Collection,
    exposure::{Exposure, Play, Snapshot},
    figures::Figures,
    identify::{Identified, Knowledge, Version},
    measures::Measures,
    operators::Operators,
    outputs::Summary,
    server::join,
    signs::Signs,
    software::Speech,
    survey::Survey,
    tables::servers::Row,
};

/// What is concluded of a network.
#[derive(Debug)]
pub struct Analysis {
    /// Of each server, in the order of their names.
    pub assessments: Vec<Assessment>,
    /// What else was measured of each, in the same order.
    pub measures: Vec<Measures>,
    /// Of those that belong together, the largest group first.
    pub groups: Vec<Group>,
    /// The network in figures.
    pub figures: Figures,
    /// What wallets give away by the way they choose servers.
    pub exposure: Exposure,
    /// In a few figures.
    pub summary: Summary,
}

/// What an analysis rests on beside visits.
#[derive(Clone, Copy)]
pub struct Beside<'b> {
    /// The groups of the run before, whose names last.
    pub previous: &'b [Group],
    /// Pages that one server alone was told of and that somebody opened, by what their addresses end in.
    pub opened: &'b BTreeSet<String>,
    /// Where an address is.
    pub place: &'b (dyn Fn(IpAddr) -> Address + Sync),
    /// The endpoints that Electrum carries for the network.
    pub defaults: &'b [Endpoint],
    /// What is known of companies that analyse blockchains.
    pub signs: &'b Signs,
    /// How wallets are played.
    pub play: Play,
    /// Partitions that are drawn for the intervals of figures; of none there are no intervals.
    pub draws: u64,
}

impl fmt::Debug for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (previous, opened) = (self.previous.len(), self.opened.len());
        f.debug_struct("Beside").field("previous", &previous).field("opened", &opened).finish_non_exhaustive()
    }
}

impl Analysis {
    /// Analyses a network.
    #[must_use]
    pub fn of(collection: &Collection, knowledge: &Knowledge, beside: &Beside<'_>) -> Self {
        let Beside { previous, opened, place, defaults, signs, play, draws } = *beside;
        let context = Context { previous, system: &|ip| place(ip).asn };
        let survey = Survey::of(collection.network, join(&collection.dossiers), knowledge, &context);
        let survey = Survey { opened: opened.clone(), ..survey };
        let assessments = assess(&survey, place, signs);
        let groups: Vec<Group> =
            survey.attribution.groups.iter().map(|group| group.published(&survey.servers)).collect();
        let measures = survey.servers.iter().map(Measures::of).collect();
        let operators = Operators::of(&survey.servers, &survey.attribution);
        let snapshot = Snapshot::of(&survey, &operators, defaults);
        let (exposure, selection) = Exposure::of(&snapshot, &pads(&survey), play);
        let figures = Figures::of(&survey, &assessments, &operators, &selection, (draws, play.seed));
        let summary =
            Summary::of(collection.network, collection.latest, &assessments, &groups, &figures, &exposure);
        Self { assessments, measures, groups, figures, exposure, summary }
    }

    /// The rows of the table of servers.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let members = self.assessments.iter().zip(&self.figures.members);
        members.zip(&self.measures).map(|((assessment, member), measures)| Row {
            assessment,
            member,
            measures,
        })
    }
}

/// For each host whether its server pads its answers, as only ElectrumX does since 1.18.
fn pads(survey: &Survey<'_>) -> Vec<bool> {
    let pads = |speech: &Speech| {
        speech.identified.as_ref().map(Identified::range).is_some_and(|found| {
            found.name == "ElectrumX" && Version::read(&found.min) >= Version::read("1.18")
        })
    };
    let servers = survey.servers.iter().zip(&survey.speech);
    servers.flat_map(|(server, speech)| server.hosts.iter().map(move |_| pads(speech))).collect()
}
