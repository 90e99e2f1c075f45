//! ScanExclusions: says on each how many servers it covers and what is wrong with it, and on each server whether it is to
//! be left alone, and why.
//!
//! An exclusion concerns any number of servers, and a server any number of exclusions, so all are looked at together
//! whenever one of either changes; what is to be said is decided in [`marks`]. What they mean together is decided in
//! [`rules`], and brought to the scanners by [`publish`], which does not wait for what is said here.

pub mod marks;
pub mod publish;
pub mod rules;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::{ElectrumServer, ScanExclusion};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::{Api, Client, ResourceExt as _, runtime::reflector::Store};
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{
    marks::{Mark, Verdict},
    publish::Published,
};
use crate::{
    Error, campaign::dereference::in_time, leader::Fence, metrics::Metrics, names, settings::AGAIN,
    watch::Guarded, writer::Writer,
};

const NAME: &str = "exclusion";
/// The least time from one look to the next: ten thousand changes are no ten thousand looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Writes at once.
const AT_ONCE: usize = 8;

/// What looking after exclusions needs.
pub struct Context {
    /// Reads.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// Where it is counted.
    pub metrics: Metrics,
    /// The exclusions that are watched.
    pub exclusions: Store<Guarded<ScanExclusion>>,
    /// The servers that are watched.
    pub servers: Store<Guarded<ElectrumServer>>,
    /// Whether the servers of one namespace alone are watched. Exclusions are the whole cluster's: then nothing is said
    /// on them, since every such operator would say another number.
    pub one_namespace: bool,
    /// Tells that one of them has changed.
    pub changed: Arc<Notify>,
    /// How far the rules have come.
    pub published: watch::Receiver<Published>,
}

/// Looks after exclusions until told to stop.
pub async fn run(mut context: Context, fence: &Fence, stop: CancellationToken) {
    let mut elections = fence.elections();
    let (mut failures, mut wait) = (0, AGAIN);
    // Before all are known, none is known not to be excluded.
    let known =
        async { (context.exclusions.wait_until_ready().await, context.servers.wait_until_ready().await) };
    tokio::select! {
        () = stop.cancelled() => return,
        _ = known => {}
    }
    loop {
        let led = context.writer.may_write().is_ok();
        if led {
            let began = Instant::now();
            let looked = look(&context).await;
            context.metrics.reconciled(NAME, began.elapsed(), looked.as_ref().err().map(Error::class));
            wait = match looked {
                Ok(()) => {
                    failures = 0;
                    AGAIN
                }
                Err(error) => {
                    warn!(%error, failures, "exclusions could not be looked after");
                    failures += 1;
                    error.class().retry(failures - 1)
                }
            };
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.changed.notified() => {}
            Ok(()) = context.published.changed() => {}
            Some(()) = elections.next() => {}
            () = tokio::time::sleep(wait) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(if led { PAUSE } else { Duration::ZERO }) => {}
        }
    }
}

async fn look(context: &Context) -> Result<(), Error> {
    let (exclusions, servers) = (context.exclusions.state(), context.servers.state());
    let unreadable = exclusions.iter().filter(|exclusion| exclusion.0.is_err()).count();
    context.metrics.malformed("ScanExclusion", unreadable);
    context.metrics.malformed("ElectrumServer", servers.iter().filter(|server| server.0.is_err()).count());
    let exclusions: Vec<_> = exclusions.iter().filter_map(|each| each.0.as_ref().ok()).collect();
    let servers: Vec<_> = servers.iter().filter_map(|each| each.0.as_ref().ok()).collect();
    let published = context.published.borrow().clone();
    let (marks, mut verdicts) = marks::decide(&exclusions, &servers, &published, Timestamp::now());
    if context.one_namespace {
        verdicts.clear();
    }
    let (marked, judged) = (marks.len(), verdicts.len());
    // One that cannot be written holds up no other.
    let writes = stream::iter(marks).map(|mark| mark_server(context, mark)).buffer_unordered(AT_ONCE);
    let mut wrong =
        writes.filter_map(|written| std::future::ready(written.err())).collect::<Vec<_>>().await.pop();
    for verdict in verdicts {
        wrong = judge(context, verdict).await.err().or(wrong);
    }
    if marked + judged > 0 {
        info!(servers = marked, exclusions = judged, "what is said of exclusions has changed");
    }
    wrong.map_or(Ok(()), Err)
}

async fn mark_server(context: &Context, mark: Mark) -> Result<(), Error> {
    let api: Api<ElectrumServer> = Api::namespaced(context.client.clone(), &mark.namespace);
    // What is watched may be late; what is there already is not said again.
    let server = in_time(api.get_opt(&mark.name)).await?;
    if server.is_none_or(|server| mark.is_told(&server)) {
        return Ok(());
    }
    let status = json!({"conditions": mark.condition.as_slice()});
    gone(context.writer.apply_status(&api, &mark.name, names::EXCLUSION_MANAGER, status).await)
}

async fn judge(context: &Context, verdict: Verdict) -> Result<(), Error> {
    let api: Api<ScanExclusion> = Api::all(context.client.clone());
    let exclusion = in_time(api.get_opt(&verdict.name)).await?;
    if exclusion.is_none_or(|exclusion| verdict.is_told(&exclusion)) {
        return Ok(());
    }
    let status =
        serde_json::to_value(&verdict.status).map_err(|error| Error::Unwritable(error.to_string()))?;
    gone(context.writer.apply_status(&api, &verdict.name, names::EXCLUSION_MANAGER, status).await)?;
    if let (Some(note), Some(exclusion)) = (verdict.note, find(context, &verdict.name)) {
        context.writer.tell(&kube::Resource::object_ref(&*exclusion, &()), note).await;
    }
    Ok(())
}

fn find(context: &Context, name: &str) -> Option<Arc<Guarded<ScanExclusion>>> {
    context.exclusions.find(|exclusion| exclusion.name_any() == name)
}

/// Nothing is to be said of what is gone by now.
fn gone(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(Error::Api(error)) if matches!(&*error, kube::Error::Api(status) if status.is_not_found()) => {
            Ok(())
        }
        other => other,
    }
}
