//! The servers of a campaign that persons made: scanners begin with them as with any list. Pure, but for waiting.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use crds::{ElectrumServer, ScanCampaign, belongs};
use electrum::{Endpoint, Host};
use futures_util::{Stream, stream};
use kube::{ResourceExt as _, runtime::reflector::Store};
use tokio::{sync::Notify, time::sleep};

use crate::{
    names::{self, is_ours},
    watch::Guarded,
};

/// The file in which scanners find them.
#[must_use]
pub fn file() -> String {
    format!("seeds-{}", names::PERSONS)
}

/// The least time from one look at all servers to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// Those of a campaign that nobody excludes, as a list for scanners: one endpoint a line, in order.
#[must_use]
pub fn list<'a>(
    campaign: &ScanCampaign,
    adopts: bool,
    servers: impl IntoIterator<Item = &'a ElectrumServer>,
) -> String {
    let of_it = |server: &&ElectrumServer| {
        !is_ours(server) && !server.spec.exclude && belongs(server, campaign, adopts)
    };
    let lines: BTreeSet<String> = servers.into_iter().filter(of_it).flat_map(endpoints).collect();
    lines.into_iter().map(|line| line + "\n").collect()
}

fn endpoints(server: &ElectrumServer) -> impl Iterator<Item = String> {
    let host = server.spec.host.parse::<Host>().ok();
    let endpoint =
        move |port: &crds::server::Port| Endpoint::new(host.clone()?, port.port, port.transport).ok();
    server.spec.ports.iter().filter_map(endpoint).map(|endpoint| endpoint.to_string())
}

/// Tells whenever what persons wish of servers has changed, and once when it is known at all. Statuses are no wishes.
pub(super) fn changes(
    servers: Store<Guarded<ElectrumServer>>,
    changed: Arc<Notify>,
) -> impl Stream<Item = ()> + Send + 'static {
    stream::unfold((servers, changed, None), async |(servers, changed, before)| {
        servers.wait_until_ready().await.ok()?;
        loop {
            let now = wishes(&servers);
            if before.as_ref() != Some(&now) {
                return Some(((), (servers, changed, Some(now))));
            }
            changed.notified().await;
            sleep(PAUSE).await;
        }
    })
}

/// What persons made, and in which generation.
fn wishes(servers: &Store<Guarded<ElectrumServer>>) -> HashSet<(String, i64)> {
    let servers = servers.state();
    let theirs = servers.iter().filter_map(|each| each.0.as_ref().ok()).filter(|server| !is_ours(server));
    theirs.filter_map(|server| Some((server.uid()?, server.metadata.generation?))).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use kube::runtime::{reflector, watcher::Event};
    use serde_json::{Value, json};

    use super::*;
    use crate::names;

    fn server(host: &str, more: &Value) -> ElectrumServer {
        let mut server = json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
            "metadata": {"name": host, "namespace": "scans", "uid": host, "generation": 1},
            "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50002, "transport": "ssl"}, {"port": 50001, "transport": "tcp"}]},
        });
        for (field, value) in more.as_object().expect("fields") {
            server["spec"][field] = value.clone();
        }
        serde_json::from_value(server).expect("a server")
    }

    fn ours(host: &str) -> ElectrumServer {
        let mut ours = server(host, &json!({}));
        ours.metadata.labels = Some(names::of_server("main", "testnet4"));
        ours
    }

    #[test]
    fn scanners_can_read_the_servers_that_persons_made_and_nobody_excludes() {
        let campaign = crate::campaign::validate::tests::found(&json!({})).campaign;
        let servers = [
            server("b.example", &json!({"campaign": "main"})),
            server("2001:db8::1", &json!({})),
            server("shy.example", &json!({"exclude": true})),
            server("other.example", &json!({"campaign": "other"})),
            server("..", &json!({})),
            ours("found.example"),
        ];
        let all = list(&campaign, true, &servers);
        insta::assert_snapshot!(all, @r"
        ssl://[2001:db8::1]:50002
        ssl://b.example:50002
        tcp://[2001:db8::1]:50001
        tcp://b.example:50001
        ");
        let read = scanner::discovery::parse_seeds(&all, electrum::Network::Testnet4).expect("short enough");
        assert_eq!((read.servers.len(), read.problems.described().len()), (2, 0));
        assert_eq!(list(&campaign, false, &servers).lines().count(), 2, "another campaign adopts the rest");
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_a_person_wishes_is_a_change() {
        let (store, mut writer) = reflector::store();
        let changed = Arc::new(Notify::new());
        let mut changes = Box::pin(changes(store, changed.clone()));
        writer.apply_watcher_event(&Event::Init);
        assert!(changes.next().now_or_never().is_none(), "nothing is known yet");
        writer.apply_watcher_event(&Event::InitDone);
        changes.next().await.expect("all are known, and there are none");
        let mut apply = |server: ElectrumServer| {
            let server = serde_json::to_value(server).expect("writes");
            writer.apply_watcher_event(&Event::Apply(serde_json::from_value(server).expect("reads")));
            changed.notify_one();
        };
        apply(server("a.example", &json!({})));
        changes.next().await.expect("there is one");
        let quiet = Duration::from_secs(60);
        let mut told = server("a.example", &json!({}));
        told.status = Some(crds::ElectrumServerStatus::default());
        apply(told);
        apply(ours("found.example"));
        assert!(tokio::time::timeout(quiet, changes.next()).await.is_err(), "a status, and what we made");
        let mut other = server("a.example", &json!({"exclude": true}));
        other.metadata.generation = Some(2);
        apply(other);
        changes.next().await.expect("a wish");
    }
}
