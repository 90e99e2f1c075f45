//! The whole way from dossiers to assessments. Pure: the same dossiers give the same analysis.

use std::net::IpAddr;

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

impl Analysis {
    /// Analyses a network. `previous` are the groups of the run before, whose names last; `place` says where an
    /// address is.
    #[must_use]
    pub fn of(
        collection: &Collection,
        knowledge: &Knowledge,
        previous: &[Group],
        place: &dyn Fn(IpAddr) -> Address,
    ) -> Self {
        let context = Context { previous, system: &|ip| place(ip).asn };
        let survey = Survey::of(collection.network, join(&collection.dossiers), knowledge, &context);
        let assessments = assess(&survey, place);
        let groups: Vec<Group> =
            survey.attribution.groups.iter().map(|group| group.published(&survey.servers)).collect();
        let summary = Summary::of(collection.network, collection.latest, &assessments, &groups);
        Self { assessments, groups, summary }
    }
}
