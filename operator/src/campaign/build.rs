//! Third step: the objects that a campaign is to be made of. Pure, and the same for the same campaign.

mod analysis;
mod digest;
mod pod;
mod scanners;

use std::marker::PhantomData;

use crds::{
    ScanCampaign,
    campaign::{ConfigMapKey, Mode, SeedSource, Vantage},
};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

pub use self::digest::digest;
use super::{persons, validate::Validated};
use crate::{
    Error, Settings,
    names::{self, Component},
};

/// The key of the campaign's own text in its ConfigMap.
pub const CAMPAIGN_FILE: &str = "campaign.yaml";

/// Objects that are to be.
#[derive(Debug)]
pub struct Prepared;

/// Objects that are, as the API server has them.
#[derive(Debug)]
pub struct Applied;

/// The objects of a campaign.
#[derive(Debug)]
pub struct Resources<Stage> {
    /// What scanners and the analyzer read.
    pub config_map: ConfigMap,
    /// Scanners that go on, one for each vantage.
    pub deployments: Vec<Deployment>,
    /// Scanners that visit everybody once, one for each vantage; when they are done, the analysis.
    pub jobs: Vec<Job>,
    /// Analyses that come again.
    pub cron_jobs: Vec<CronJob>,
    pub(super) stage: PhantomData<Stage>,
}

/// The objects of a campaign.
///
/// # Errors
/// None in practice: every campaign can be written as YAML.
pub fn build(campaign: &Validated, settings: &Settings) -> Result<Resources<Prepared>, Error> {
    let config_map = config_map(campaign)?;
    let (mut deployments, mut jobs, mut cron_jobs) = (Vec::new(), Vec::new(), Vec::new());
    match campaign.spec.mode {
        Mode::Continuous => {
            for vantage in &campaign.spec.vantages {
                deployments.push(scanners::deployment(campaign, vantage, settings)?);
            }
            cron_jobs.push(analysis::cron_job(campaign, settings));
        }
        Mode::Once => {
            for vantage in &campaign.spec.vantages {
                jobs.push(scanners::job(campaign, vantage, settings)?);
            }
            let done =
                |job: &Job| job.metadata.name.as_ref().is_some_and(|name| campaign.done.contains(name));
            if jobs.iter().all(done) {
                jobs.push(analysis::job(campaign, &jobs, settings)?);
            }
        }
    }
    Ok(Resources { config_map, deployments, jobs, cron_jobs, stage: PhantomData })
}

fn config_map(campaign: &Validated) -> Result<ConfigMap, Error> {
    let mut resource = ScanCampaign::new(&campaign.name, campaign.spec.clone());
    resource.spec.discovery.sources.push(SeedSource {
        name: names::PERSONS.to_owned(),
        seeds: Vec::new(),
        seeds_from: Some(ConfigMapKey {
            config_map: names::config_map(&campaign.name),
            key: persons::file(),
        }),
    });
    resource.metadata.namespace = Some(campaign.namespace.clone());
    let mut data = campaign.seeds.clone();
    data.insert(CAMPAIGN_FILE.to_owned(), digest::yaml(&resource)?);
    for vantage in &campaign.spec.vantages {
        let read = scanners::read_at_start(&campaign.spec, vantage)?;
        data.insert(start_mark(&vantage.name, &read), String::new());
    }
    let metadata = metadata(campaign, names::config_map(&campaign.name), Component::Campaign, None);
    Ok(ConfigMap { metadata, data: Some(data), ..ConfigMap::default() })
}

/// An empty file that stands for what scanners of a vantage read when they start. A node may hold an older ConfigMap for
/// a while, and who started with that would never know.
fn start_mark(vantage: &str, read: &str) -> String {
    format!("start-{vantage}-{read}")
}

fn metadata(
    campaign: &Validated,
    name: String,
    component: Component,
    vantage: Option<&Vantage>,
) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(campaign.namespace.clone()),
        labels: Some(names::labels(&campaign.name, component, vantage.map(|vantage| vantage.name.as_str()))),
        owner_references: Some(vec![campaign.owner.clone()]),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
