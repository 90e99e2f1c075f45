//! Watches that go on whatever happens, are counted when they break, and are checked: a watch that has died without a
//! word is found by comparing what it holds with a list.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, future};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt as _,
        reflector::Store,
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{health::Pulse, metrics::Metrics, settings::CALL};

/// Seconds after which a watch is begun again. Balancers drop what is older than four minutes.
const SECONDS: u32 = 200;
/// How often a watch is checked.
const CHECK: Duration = Duration::from_secs(45);
/// The longest that a watch may be without a good check.
pub const SILENCE: Duration = Duration::from_secs(180);
/// How many objects are compared.
const COMPARED: u32 = 500;

/// An object that may be one that nobody can read.
pub type Guarded<K> = DeserializeGuard<K>;

/// How everything is watched.
#[must_use]
pub fn config() -> watcher::Config {
    watcher::Config::default().timeout(SECONDS)
}

/// What a watch tells. Errors are counted and waited out here, each watch by itself, so that one that breaks holds up no
/// other.
pub fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    name: &'static str,
    metrics: Metrics,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher::watcher(api, config).default_backoff().filter(move |event| {
        if let Err(error) = event {
            metrics.watch_broke(name);
            warn!(watch = name, %error, "a watch broke and is begun again");
        }
        future::ready(event.is_ok())
    })
}

type Versions = HashSet<(String, String)>;

/// Of what was listed, what is not held in that version.
fn behind(listed: &Versions, held: &HashMap<String, String>) -> Versions {
    listed.iter().filter(|(uid, version)| held.get(uid) != Some(version)).cloned().collect()
}

/// Checks until told to stop whether what a watch holds is what there is. The pulse beats as long as it is, and as long
/// as nobody can tell, since starting again would not bring the API server back.
pub async fn check<K>(api: Api<K>, store: Store<K>, name: &'static str, pulse: Pulse, stop: CancellationToken)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + 'static,
{
    let mut before = Versions::new();
    loop {
        let some = ListParams::default().limit(COMPARED);
        if let Ok(Ok(list)) = tokio::time::timeout(CALL, api.list_metadata(&some)).await {
            let version = |meta: &PartialObjectMeta<K>| Some((meta.uid()?, meta.resource_version()?));
            let listed = list.items.iter().filter_map(version).collect();
            let held = store
                .state()
                .iter()
                .filter_map(|held| Some((held.uid()?, held.resource_version()?)))
                .collect();
            let now = behind(&listed, &held);
            // What was behind in this very version a while ago will not come any more.
            if now.is_disjoint(&before) {
                pulse.beat();
            } else {
                error!(watch = name, "a watch has died: liveness will fail");
            }
            before = now;
        } else {
            pulse.beat();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CHECK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_old_is_behind() {
        let pair = |uid: &str, version: &str| (uid.to_owned(), version.to_owned());
        let listed = Versions::from([pair("a", "1"), pair("b", "2"), pair("c", "3")]);
        let held = HashMap::from([pair("a", "1"), pair("b", "1"), pair("gone", "9")]);
        assert_eq!(behind(&listed, &held), Versions::from([pair("b", "2"), pair("c", "3")]));
    }
}
