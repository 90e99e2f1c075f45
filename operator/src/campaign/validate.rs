//! Second step: what a campaign means, or what is wrong with it. Pure.
//!
//! The rules are those of `observatory lint`, which are also the API server's: here they are asked again, since a
//! cluster may have other definitions than this program, and none sees which time zones and servers there can be.

use std::collections::{BTreeMap, BTreeSet};

use crds::{ScanCampaignSpec, ScanCampaignStatus};
use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource as _, ResourceExt as _};

use super::{
    dereference::{Found, Seeds},
    persons,
};

/// As much text as a ConfigMap holds, less what its metadata needs.
const MOST_BYTES: usize = 1_000_000;

/// A campaign that can be acted on.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The generation that this speaks of.
    pub generation: Option<i64>,
    /// As the owner of what is made.
    pub owner: OwnerReference,
    /// What is wished.
    pub spec: ScanCampaignSpec,
    /// Lists of seeds that stood elsewhere, and of the servers that persons made, by the name of their file.
    pub seeds: BTreeMap<String, String>,
    /// What is wrong without being in the way of the rest.
    pub troubles: Vec<Trouble>,
    /// The Jobs of it that have done their work, by name.
    pub done: BTreeSet<String>,
    /// What was last told.
    pub previous: ScanCampaignStatus,
}

/// Why a campaign cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It breaks a rule.
    #[error("{field}: {message}")]
    Spec {
        /// The field.
        field: String,
        /// The rule.
        message: String,
    },
    /// It is more than a ConfigMap holds.
    #[error("the campaign's servers are {0} bytes, and a ConfigMap holds {MOST_BYTES}: shorten the lists")]
    TooLarge(usize),
    /// It is no object of an API server.
    #[error("it has no name, namespace or uid")]
    Nameless,
}

impl Invalid {
    /// In one word.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Spec { .. } => "InvalidSpec",
            Self::TooLarge(_) => "TooLarge",
            Self::Nameless => "Nameless",
        }
    }
}

/// Something that is wrong and can be lived with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A list is not there.
    #[error(
        "source {source_name}: there is no ConfigMap {config_map}: create it; until then the source is an empty list"
    )]
    NoConfigMap {
        /// The source.
        source_name: String,
        /// What it refers to.
        config_map: String,
    },
    /// A list is not there.
    #[error(
        "source {source_name}: ConfigMap {config_map} has no key {key}: add it, or name another; until then the source is an empty list"
    )]
    NoKey {
        /// The source.
        source_name: String,
        /// What it refers to.
        config_map: String,
        /// The key in it.
        key: String,
    },
    /// The latest analysis that has ended.
    #[error("Job {job} failed: see its pods; the next analysis begins when it is due")]
    AnalysisFailed {
        /// The Job that a CronJob made for it.
        job: String,
    },
}

impl Trouble {
    /// In one word.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoConfigMap { .. } | Self::NoKey { .. } => "SeedsMissing",
            Self::AnalysisFailed { .. } => "AnalysisFailed",
        }
    }
}

/// What a campaign means.
///
/// # Errors
/// What is wrong with it.
pub fn validate(found: &Found) -> Result<Validated, Invalid> {
    let campaign = &found.campaign;
    let (Some(owner), Some(namespace)) = (campaign.controller_owner_ref(&()), campaign.namespace()) else {
        return Err(Invalid::Nameless);
    };
    if let Some(problem) = problem(found) {
        return Err(problem);
    }
    let mut seeds = BTreeMap::from([(persons::file(), found.persons.clone())]);
    let mut troubles = Vec::new();
    for source in &campaign.spec.discovery.sources {
        let (Some(from), Some(text)) = (&source.seeds_from, found.seeds.get(&source.name)) else { continue };
        let (source_name, config_map) = (source.name.clone(), from.config_map.clone());
        let text = match text {
            Seeds::Text(text) => text.clone(),
            // Scanners expect a file: one with nobody in it, until there is a list.
            Seeds::NoConfigMap => {
                troubles.push(Trouble::NoConfigMap { source_name, config_map });
                String::new()
            }
            Seeds::NoKey => {
                troubles.push(Trouble::NoKey { source_name, config_map, key: from.key.clone() });
                String::new()
            }
        };
        seeds.insert(format!("seeds-{}", source.name), text);
    }
    troubles.extend(failed_analysis(&found.children.jobs));
    let bytes = seeds.values().map(String::len).chain(inline(&campaign.spec)).sum();
    if bytes > MOST_BYTES {
        return Err(Invalid::TooLarge(bytes));
    }
    Ok(Validated {
        name: campaign.name_any(),
        namespace,
        generation: campaign.metadata.generation,
        owner,
        spec: campaign.spec.clone(),
        seeds,
        troubles,
        done: found
            .children
            .jobs
            .iter()
            .filter(|job| ended(job, "Complete"))
            .map(kube::ResourceExt::name_any)
            .collect(),
        previous: campaign.status.clone().unwrap_or_default(),
    })
}

fn problem(found: &Found) -> Option<Invalid> {
    let campaign = &found.campaign;
    let mut bare = crds::ScanCampaign::new(&campaign.name_any(), campaign.spec.clone());
    bare.metadata.namespace = campaign.namespace();
    let text = serde_json::to_string(&bare).ok()?;
    let known = |id: &str| scanner::probe::probe(id).is_some();
    let first = crds::lint::lint(&text, known).into_iter().next()?;
    let field = if first.field.is_empty() { "metadata.name".to_owned() } else { first.field };
    Some(Invalid::Spec { field, message: first.message })
}

fn inline(spec: &ScanCampaignSpec) -> impl Iterator<Item = usize> {
    // As YAML: a dash, a space, quotes, and a line's end.
    spec.discovery.sources.iter().flat_map(|source| &source.seeds).map(|seed| seed.len() + 12)
}

/// Where the latest of the analyses that come again has failed.
fn failed_analysis(jobs: &[Job]) -> Option<Trouble> {
    let again = |job: &&Job| job.owner_references().iter().any(|owner| owner.kind == "CronJob");
    let over = |job: &&Job| ended(job, "Complete") || ended(job, "Failed");
    let last = jobs.iter().filter(again).filter(over).max_by_key(|job| job.creation_timestamp())?;
    ended(last, "Failed").then(|| Trouble::AnalysisFailed { job: last.name_any() })
}

/// Whether a Job has come to that end.
pub(crate) fn ended(job: &Job, how: &str) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == how && condition.status == "True")
}

#[cfg(test)]
pub(crate) mod tests {
    use crds::{
        ScanCampaign,
        campaign::{ConfigMapKey, Vantage},
    };
    use electrum::Network;
    use serde_json::json;

    use super::*;
    use crate::campaign::dereference::Children;

    /// A campaign as an API server has it, with this in its spec beside the least that there must be.
    pub(crate) fn found(more: &serde_json::Value) -> Found {
        let mut spec = json!({"network": "testnet4", "vantages": [{"name": "here"}]});
        for (name, value) in more.as_object().expect("fields") {
            spec[name] = value.clone();
        }
        let campaign: ScanCampaign = serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanCampaign",
            "metadata": {"name": "main", "namespace": "scans", "uid": "a-uid", "generation": 3},
            "spec": spec,
        }))
        .expect("a campaign");
        Found { campaign, seeds: BTreeMap::new(), persons: String::new(), children: Children::default() }
    }

    #[test]
    fn what_the_lint_refuses_is_invalid_and_the_field_is_named() {
        let wrong = found(&json!({"schedule": {"timeZone": "Mars/Olympus"}}));
        let invalid = validate(&wrong).expect_err("no such time zone");
        assert_eq!(invalid.reason(), "InvalidSpec");
        assert!(
            invalid.to_string().starts_with("spec.schedule.timeZone: \"Mars/Olympus\" is no time zone"),
            "{invalid}"
        );
        let wrong = found(&json!({"network": "mainnet"}));
        let invalid = validate(&wrong).expect_err("no contact");
        assert!(invalid.to_string().contains("mainnet needs politeness.contact"), "{invalid}");
    }

    #[test]
    fn lists_that_are_missing_are_trouble_and_empty_files() {
        let mut found = found(&json!({"discovery": {"sources": [
            {"name": "a", "seedsFrom": {"configMap": "lists"}},
            {"name": "b", "seedsFrom": {"configMap": "lists", "key": "b"}},
            {"name": "c", "seedsFrom": {"configMap": "gone"}},
        ]}}));
        found.seeds = [
            ("a".to_owned(), Seeds::Text("ssl://example.org:50002\n".to_owned())),
            ("b".to_owned(), Seeds::NoKey),
            ("c".to_owned(), Seeds::NoConfigMap),
        ]
        .into();
        let validated = validate(&found).expect("can be acted on");
        let lengths: Vec<_> =
            validated.seeds.iter().map(|(file, text)| (file.as_str(), text.len())).collect();
        assert_eq!(lengths, [("seeds-_servers", 0), ("seeds-a", 24), ("seeds-b", 0), ("seeds-c", 0)]);
        let said: Vec<_> = validated.troubles.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "source b: ConfigMap lists has no key b: add it, or name another; until then the source is an empty list",
                "source c: there is no ConfigMap gone: create it; until then the source is an empty list",
            ]
        );
    }

    #[test]
    fn the_latest_analysis_is_trouble_where_it_failed() {
        let job = |owner: &str, second: i64, how: &str| -> Job {
            serde_json::from_value(json!({
                "metadata": {"name": format!("{owner}-{second}").to_lowercase(),
                    "creationTimestamp": jiff::Timestamp::from_second(second).expect("a time"),
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": owner, "name": "o", "uid": "u"}]},
                "status": {"conditions": [{"type": how, "status": "True"}]},
            }))
            .expect("a Job")
        };
        let failed =
            [job("CronJob", 2, "Failed"), job("CronJob", 1, "Complete"), job("CronJob", 3, "Running")];
        assert_eq!(failed_analysis(&failed), Some(Trouble::AnalysisFailed { job: "cronjob-2".to_owned() }));
        let since =
            [job("CronJob", 1, "Failed"), job("CronJob", 2, "Complete"), job("ScanCampaign", 3, "Failed")];
        assert_eq!(failed_analysis(&since), None);
    }

    #[test]
    fn what_no_config_map_holds_is_refused() {
        let mut found = found(&json!({}));
        found.campaign.spec.discovery.sources = vec![crds::campaign::SeedSource {
            name: "big".to_owned(),
            seeds: Vec::new(),
            seeds_from: Some(ConfigMapKey { config_map: "big".to_owned(), key: "list".to_owned() }),
        }];
        found.seeds = [("big".to_owned(), Seeds::Text("x".repeat(MOST_BYTES + 1)))].into();
        assert_eq!(validate(&found).expect_err("too large"), Invalid::TooLarge(MOST_BYTES + 1));
    }

    #[test]
    fn what_has_no_uid_owns_nothing() {
        let mut found = found(&json!({}));
        found.campaign = ScanCampaign::new(
            "main",
            ScanCampaignSpec {
                vantages: vec![Vantage::named("here")],
                network: Network::Testnet4,
                ..found.campaign.spec
            },
        );
        assert_eq!(validate(&found).expect_err("nobody"), Invalid::Nameless);
    }
}
