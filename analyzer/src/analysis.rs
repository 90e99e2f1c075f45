//! The whole way from dossiers to assessments. Pure: the same dossiers give the same analysis.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use model::{
    Assessment,
    assessment::{Address, Group},
};

use crate::{
    assess::assess, attribution::Context, collect::Collection, identify::Knowledge, outputs::Summary,
    server::join, survey::Survey,
};

/// What is concluded of a network.
#[derive(Debug)]
pub struct Analysis {
    /// Of each server, in the order of their names.
    pub assessments: Vec<Assessment>,
    /// Of those that belong together, the largest group first.
    pub groups: Vec<Group>,
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
    pub place: &'b dyn Fn(IpAddr) -> Address,
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
        let Beside { previous, opened, place } = *beside;
        let context = Context { previous, system: &|ip| place(ip).asn };
        let survey = Survey::of(collection.network, join(&collection.dossiers), knowledge, &context);
        let survey = Survey { opened: opened.clone(), ..survey };
        let assessments = assess(&survey, place);
        let groups: Vec<Group> =
            survey.attribution.groups.iter().map(|group| group.published(&survey.servers)).collect();
        let summary = Summary::of(collection.network, collection.latest, &assessments, &groups);
        Self { assessments, groups, summary }
    }
}
