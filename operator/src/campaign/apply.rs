//! Fourth step: makes what there is into what there is to be. Writes only where they differ, never to what is somebody
//! else's, and deletes last. Decides nothing about campaigns.

mod compare;

use std::{fmt::Debug, marker::PhantomData};

use k8s_openapi::{NamespaceResourceScope, api::batch::v1::Job};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    build::{Applied, Prepared, Resources, digest},
    dereference::{Children, in_time},
    validate::ended,
};
use crate::{Error, names, writer::Writer};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was not there.
    Created,
    /// It was otherwise.
    Updated,
    /// It is not wanted any more.
    Deleted,
}

/// An object that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub deed: Deed,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Who writes where, for whom.
pub struct Place<'a> {
    /// Reads.
    pub client: &'a Client,
    /// Writes.
    pub writer: &'a Writer,
    /// The campaign's namespace.
    pub namespace: &'a str,
    /// The uid of the campaign.
    pub owner: &'a str,
}

/// Makes them so. Gives them back as they are now, and what was done for it, also where not everything could be.
pub async fn apply(
    place: &Place<'_>,
    wanted: Resources<Prepared>,
    children: &Children,
) -> (Result<Resources<Applied>, Error>, Vec<Change>) {
    let mut changes = Vec::new();
    let applied = apply_all(place, wanted, children, &mut changes).await;
    (applied, changes)
}

async fn apply_all(
    place: &Place<'_>,
    wanted: Resources<Prepared>,
    children: &Children,
    changes: &mut Vec<Change>,
) -> Result<Resources<Applied>, Error> {
    // In full, so that a kind that is added is not forgotten here.
    let Resources { config_map, deployments, jobs, cron_jobs, stage: _ } = wanted;
    let Children {
        config_maps: old_maps,
        deployments: old_deployments,
        jobs: old_jobs,
        cron_jobs: old_cron_jobs,
    } = children;
    let config_map = object(place, config_map, old_maps, changes).await?;
    let mut applied = Resources {
        config_map,
        deployments: Vec::with_capacity(deployments.len()),
        jobs: Vec::with_capacity(jobs.len()),
        cron_jobs: Vec::with_capacity(cron_jobs.len()),
        stage: PhantomData,
    };
    for wanted in deployments {
        applied.deployments.push(object(place, wanted, old_deployments, changes).await?);
    }
    for wanted in jobs {
        applied.jobs.push(job(place, wanted, old_jobs, changes).await?);
    }
    for wanted in cron_jobs {
        applied.cron_jobs.push(object(place, wanted, old_cron_jobs, changes).await?);
    }
    orphans(place, std::slice::from_ref(&applied.config_map), old_maps, changes).await?;
    orphans(place, &applied.deployments, old_deployments, changes).await?;
    orphans(place, &applied.jobs, old_jobs, changes).await?;
    orphans(place, &applied.cron_jobs, old_cron_jobs, changes).await?;
    Ok(applied)
}

/// Anything of a namespace that we make.
trait Child:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<K> Child for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// The object by that name, if it is this campaign's or nobody has it.
async fn mine<K: Child>(place: &Place<'_>, name: &str, known: &[K]) -> Result<Option<K>, Error> {
    let found = match known.iter().find(|each| each.name_any() == name) {
        Some(known) => Some(known.clone()),
        // It may be there without our labels.
        None => in_time(Api::<K>::namespaced(place.client.clone(), place.namespace).get_opt(name)).await?,
    };
    match &found {
        Some(object) if !owned(place, object) => {
            Err(Error::Taken { kind: K::kind(&()).into_owned(), name: name.to_owned() })
        }
        _ => Ok(found),
    }
}

fn owned<K: Child>(place: &Place<'_>, object: &K) -> bool {
    object.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.uid == place.owner)
}

async fn object<K: Child>(
    place: &Place<'_>,
    mut wanted: K,
    known: &[K],
    changes: &mut Vec<Change>,
) -> Result<K, Error> {
    let name = wanted.name_any();
    let digest = digest(&wanted)?;
    wanted.annotations_mut().insert(names::APPLIED.to_owned(), digest.clone());
    let found = mine(place, &name, known).await?;
    if let Some(found) = &found
        && found.annotations().get(names::APPLIED) == Some(&digest)
        && compare::holds(found, &wanted)?
    {
        return Ok(found.clone());
    }
    let api = Api::namespaced(place.client.clone(), place.namespace);
    let applied = place.writer.apply(&api, &name, names::CAMPAIGN_MANAGER, &wanted).await?;
    let deed = if found.is_none() { Deed::Created } else { Deed::Updated };
    changes.push(Change { deed, kind: K::kind(&()).into_owned(), name });
    Ok(applied)
}

/// Of a Job that is there, only how many work at it and whether they rest can be changed.
async fn job(place: &Place<'_>, wanted: Job, known: &[Job], changes: &mut Vec<Change>) -> Result<Job, Error> {
    let name = wanted.name_any();
    let Some(found) = mine(place, &name, known).await? else {
        return object(place, wanted, known, changes).await;
    };
    let may_change = |job: &Job| {
        job.spec.as_ref().map(|spec| (spec.suspend.unwrap_or(false), spec.parallelism.unwrap_or(1)))
    };
    if ended(&found, "Complete") || ended(&found, "Failed") || may_change(&found) == may_change(&wanted) {
        return Ok(found);
    }
    let (suspend, parallelism) = may_change(&wanted).unwrap_or((false, 1));
    let api = Api::namespaced(place.client.clone(), place.namespace);
    let patch = json!({"spec": {"suspend": suspend, "parallelism": parallelism}});
    let applied = place.writer.merge(&api, &name, names::CAMPAIGN_MANAGER, &patch).await?;
    changes.push(Change { deed: Deed::Updated, kind: Job::kind(&()).into_owned(), name });
    Ok(applied)
}

async fn orphans<K: Child>(
    place: &Place<'_>,
    wanted: &[K],
    known: &[K],
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let api = Api::<K>::namespaced(place.client.clone(), place.namespace);
    for orphan in known {
        let name = orphan.name_any();
        let kept = wanted.iter().any(|wanted| wanted.name_any() == name);
        let leaves = orphan.meta().deletion_timestamp.is_some();
        if kept || leaves || !owned(place, orphan) {
            continue;
        }
        place.writer.delete(&api, &name, &orphan.uid().unwrap_or_default()).await?;
        changes.push(Change { deed: Deed::Deleted, kind: K::kind(&()).into_owned(), name });
    }
    Ok(())
}
