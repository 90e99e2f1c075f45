//! Fourth step: makes what there is into what there is to be. Writes only where they differ, never to what is somebody
//! else's, and deletes last. What is wrong with one object is not in the way of the others. Decides nothing about
//! campaigns.

mod compare;

use std::{fmt::Debug, marker::PhantomData};

use k8s_openapi::{NamespaceResourceScope, api::batch::v1::Job};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

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

/// What was done so far, and what went wrong meanwhile.
#[derive(Default)]
struct Done {
    changes: Vec<Change>,
    errors: Vec<Error>,
}

impl Done {
    /// Goes on, unless there is no use in it.
    fn failed(&mut self, error: Error) -> Result<(), Error> {
        if error.ends_it() {
            return Err(error);
        }
        self.errors.push(error);
        Ok(())
    }
}

/// Makes them so. Gives them back as they are now, and what was done for it, also where not everything could be.
pub async fn apply(
    place: &Place<'_>,
    wanted: Resources<Prepared>,
    children: &Children,
) -> (Result<Resources<Applied>, Error>, Vec<Change>) {
    let mut done = Done::default();
    let applied = apply_all(place, wanted, children, &mut done).await;
    let applied = applied.and_then(|applied| Error::all(done.errors).map_or(Ok(applied), Err));
    (applied, done.changes)
}

async fn apply_all(
    place: &Place<'_>,
    wanted: Resources<Prepared>,
    children: &Children,
    done: &mut Done,
) -> Result<Resources<Applied>, Error> {
    // In full, so that a kind that is added is not forgotten here.
    let Resources { config_map, deployments, jobs, cron_jobs, stage: _ } = wanted;
    let Children {
        config_maps: old_maps,
        deployments: old_deployments,
        jobs: old_jobs,
        cron_jobs: old_cron_jobs,
    } = children;
    // All others read it: without it none of them is touched.
    let config_map = object(place, config_map, old_maps, &mut done.changes).await?;
    let all = (deployments.len(), jobs.len(), cron_jobs.len());
    let mut applied = Resources {
        config_map,
        deployments: Vec::with_capacity(deployments.len()),
        jobs: Vec::with_capacity(jobs.len()),
        cron_jobs: Vec::with_capacity(cron_jobs.len()),
        stage: PhantomData,
    };
    for wanted in deployments {
        match object(place, wanted, old_deployments, &mut done.changes).await {
            Ok(made) => applied.deployments.push(made),
            Err(error) => done.failed(error)?,
        }
    }
    for wanted in jobs {
        match job(place, wanted, old_jobs, &mut done.changes).await {
            Ok(made) => applied.jobs.push(made),
            Err(error) => done.failed(error)?,
        }
    }
    for wanted in cron_jobs {
        match object(place, wanted, old_cron_jobs, &mut done.changes).await {
            Ok(made) => applied.cron_jobs.push(made),
            Err(error) => done.failed(error)?,
        }
    }
    orphans(place, &applied.deployments, all.0, old_deployments, done).await?;
    orphans(place, &applied.jobs, all.1, old_jobs, done).await?;
    orphans(place, &applied.cron_jobs, all.2, old_cron_jobs, done).await?;
    Ok(applied)
}

/// Stops what runs, where a campaign rests that nothing can be made of. Says what was done for it.
pub async fn rest(place: &Place<'_>, children: &Children) -> (Result<(), Error>, Vec<Change>) {
    let mut done = Done::default();
    let rests = rest_all(place, children, &mut done).await;
    (rests.and_then(|()| Error::all(done.errors).map_or(Ok(()), Err)), done.changes)
}

async fn rest_all(place: &Place<'_>, children: &Children, done: &mut Done) -> Result<(), Error> {
    let Children { config_maps: _, deployments, jobs, cron_jobs } = children;
    let suspended = json!({"spec": {"suspend": true}});
    for each in deployments.iter().filter(|each| each.spec.as_ref().and_then(|spec| spec.replicas) != Some(0))
    {
        stop(place, each, &json!({"spec": {"replicas": 0}}), done).await?;
    }
    for each in jobs.iter().filter(|each| goes_on(each) && !rests(each)) {
        stop(place, each, &suspended, done).await?;
    }
    for each in cron_jobs.iter().filter(|each| each.spec.as_ref().and_then(|spec| spec.suspend) != Some(true))
    {
        stop(place, each, &suspended, done).await?;
    }
    Ok(())
}

async fn stop<K: Child>(place: &Place<'_>, each: &K, patch: &Value, done: &mut Done) -> Result<(), Error> {
    if !owned(place, each) {
        return Ok(());
    }
    let (api, name) = (Api::<K>::namespaced(place.client.clone(), place.namespace), each.name_any());
    match place.writer.merge(&api, &name, names::CAMPAIGN_MANAGER, patch).await {
        Ok(_) => done.changes.push(Change { deed: Deed::Updated, kind: K::kind(&()).into_owned(), name }),
        Err(error) => done.failed(error)?,
    }
    Ok(())
}

fn goes_on(job: &Job) -> bool {
    !ended(job, "Complete") && !ended(job, "Failed")
}

fn rests(job: &Job) -> bool {
    job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true)
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

/// Of a Job that is there, only how many work at it, how often they may fail and whether they rest can be changed.
async fn job(place: &Place<'_>, wanted: Job, known: &[Job], changes: &mut Vec<Change>) -> Result<Job, Error> {
    let name = wanted.name_any();
    let Some(found) = mine(place, &name, known).await? else {
        return object(place, wanted, known, changes).await;
    };
    let parallelism = |job: &Job| job.spec.as_ref().and_then(|spec| spec.parallelism);
    let same = rests(&found) == rests(&wanted) && parallelism(&found) == parallelism(&wanted);
    if !goes_on(&found) || same {
        return Ok(found);
    }
    let api = Api::namespaced(place.client.clone(), place.namespace);
    let failures = wanted.spec.as_ref().and_then(|spec| spec.backoff_limit);
    let patch = json!({"spec": {
        "suspend": rests(&wanted), "parallelism": parallelism(&wanted), "backoffLimit": failures,
    }});
    let applied = place.writer.merge(&api, &name, names::CAMPAIGN_MANAGER, &patch).await?;
    changes.push(Change { deed: Deed::Updated, kind: Job::kind(&()).into_owned(), name });
    Ok(applied)
}

/// Deletes what is not wanted, once everything of its kind is there that may take its place.
async fn orphans<K: Child>(
    place: &Place<'_>,
    wanted: &[K],
    all: usize,
    known: &[K],
    done: &mut Done,
) -> Result<(), Error> {
    if wanted.len() < all {
        return Ok(());
    }
    let api = Api::<K>::namespaced(place.client.clone(), place.namespace);
    for orphan in known {
        let name = orphan.name_any();
        let kept = wanted.iter().any(|wanted| wanted.name_any() == name);
        let leaves = orphan.meta().deletion_timestamp.is_some();
        if kept || leaves || !owned(place, orphan) {
            continue;
        }
        match place.writer.delete(&api, &name, &orphan.uid().unwrap_or_default()).await {
            Ok(()) => {
                done.changes.push(Change { deed: Deed::Deleted, kind: K::kind(&()).into_owned(), name });
            }
            Err(error) => done.failed(error)?,
        }
    }
    Ok(())
}
