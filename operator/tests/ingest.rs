//! Visits become ElectrumServers, on a real API server and a real Redis.

mod support;

use cluster::eventually;
use crds::{ElectrumServer, ScanExclusion, server::State};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use model::Visit;
use operator::ingest::book::server_name;
use serde_json::json;
use support::{
    Setting,
    stream::{CAMPAIGN, acknowledged, put, visit},
};

#[tokio::test]
async fn what_is_seen_becomes_servers_once_and_goes_with_the_campaign() {
    let mut setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let client = setting.cluster.client();
    let servers: Api<ElectrumServer> = Api::default_namespaced(client.clone());
    let redis = setting.redis.redis();

    let shy: ScanExclusion = serde_json::from_value(
        json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ScanExclusion",
        "metadata": {"name": "shy"}, "spec": {"hosts": ["shy.example.org"], "reason": "They asked."}}),
    )
    .expect("an exclusion");
    Api::all(client.clone()).create(&PostParams::default(), &shy).await.expect("made");
    servers.create(&PostParams::default(), &persons("mine", "mine.example.org")).await.expect("made");
    setting.campaign("main", &json!({"discovery": {"maxServers": 3}})).await;

    put(
        &redis,
        [
            visit("tcp://up.example.org:50001", true, "peer:a.example"),
            visit("tcp://shy.example.org:50001", true, "peer:a.example"),
            visit("tcp://made-up.example.org:50001", false, "peer:liar.example"),
            visit("tcp://seed.example.org:50001", false, "seeds:friends"),
            visit("tcp://mine.example.org:50001", true, "seeds:friends"),
        ],
    )
    .await;
    let by_host = async |host: &str| -> Option<ElectrumServer> {
        let all = servers.list(&ListParams::default()).await.ok()?;
        all.items.into_iter().find(|server| server.spec.host == host)
    };
    let told = async |host: &str, state: State| {
        eventually(&format!("{host} is {state:?}"), async || {
            let server = by_host(host).await?;
            (server.status.as_ref()?.reachability.as_ref()?.state == state).then_some(server)
        })
        .await
    };
    let up = told("up.example.org", State::Reachable).await;
    assert_eq!(up.name_any(), server_name("main", &"up.example.org".parse().expect("a host")));
    assert_eq!(up.spec.campaign.as_deref(), Some("main"));
    assert_eq!(up.owner_references()[0].kind, "ScanCampaign");
    let status = up.status.expect("told");
    assert_eq!(status.software.and_then(|software| software.claimed).as_deref(), Some("ElectrumX 1.20.0"));
    assert_eq!(status.addresses[0].ip.to_string(), "203.0.113.9");
    assert_eq!(status.reachability.and_then(|reach| reach.latency).map(|latency| latency.p50_ms), Some(40));
    let up = "electrum_server_up{campaign=\"default/main\",network=\"testnet4\",server=\"up.example.org\"}";
    eventually("monitoring is told", async || (operator.metric(up).await > 0.5).then_some(())).await;
    told("seed.example.org", State::Unreachable).await;
    let mine = told("mine.example.org", State::Reachable).await;
    assert_eq!(mine.name_any(), "mine", "a person's own is the one that is told");
    assert!(by_host("shy.example.org").await.is_none(), "who asked to be left alone");
    assert!(by_host("made-up.example.org").await.is_none(), "whom a liar made up");

    // The same again costs nothing; a full campaign takes in one more and no other.
    let of_servers = || {
        setting
            .writes("operator")
            .into_iter()
            .filter(|write| write.contains("electrumservers"))
            .collect::<Vec<_>>()
    };
    let before = of_servers();
    let read = "operator_ingested_visits_total{campaign=\"default/main\"}";
    put(
        &redis,
        [
            visit("tcp://up.example.org:50001", true, "peer:a.example"),
            visit("tcp://mine.example.org:50001", true, "seeds:friends"),
        ],
    )
    .await;
    eventually("they are read", async || (operator.metric(read).await > 6.5).then_some(())).await;
    assert_eq!(of_servers(), before);
    put(&redis, [visit("tcp://more.example.org:50001", true, "peer:a.example")]).await;
    told("more.example.org", State::Reachable).await;
    put(&redis, [visit("tcp://toomuch.example.org:50001", true, "peer:a.example")]).await;
    eventually("it is read", async || (operator.metric(read).await > 8.5).then_some(())).await;
    assert!(by_host("toomuch.example.org").await.is_none());

    // It goes down; what was read and not acknowledged by who was killed is read by the next.
    put(&redis, [visit("tcp://up.example.org:50001", false, "peer:a.example")]).await;
    told("up.example.org", State::Unreachable).await;
    eventually("all is acknowledged", async || acknowledged(&redis).await.then_some(())).await;
    let campaigns = setting.campaigns();
    eventually("the campaign says so", async || {
        let status = campaigns.get("main").await.ok()?.status?;
        let heard = status.vantages.iter().any(|vantage| vantage.last_visit.is_some());
        (heard && status.conditions.iter().any(|each| each.type_ == "Stale" && each.status == "False"))
            .then_some(())
    })
    .await;

    // While Redis is away a campaign does not go, and says why; then nothing is left of it.
    setting.redis.kill();
    campaigns.delete("main", &DeleteParams::default()).await.expect("deleted");
    eventually("it says why it stays", async || {
        let events =
            setting.kubectl(["get", "events.events.k8s.io", "-A", "-o", "jsonpath={.items[*].reason}"]).await;
        events.split(' ').any(|reason| reason == "RedisNotCleaned").then_some(())
    })
    .await;
    assert!(campaigns.get_opt("main").await.expect("answers").is_some());
    setting.redis.restart().await;
    let redis = setting.redis.redis();
    put(&redis, [visit("tcp://late.example.org:50001", true, "peer:a.example")]).await;
    eventually("it is gone", async || campaigns.get_opt("main").await.ok()?.is_none().then_some(())).await;
    let left: Vec<String> =
        redis.call(redis::cmd("KEYS").arg(format!("eo:{{{CAMPAIGN}}}*"))).await.expect("lists");
    assert!(left.is_empty(), "{left:?}");
    operator.stop().await;
}

/// A server that answered and does not any more, so many minutes ago.
fn fell_silent(endpoint: &str, minutes: i64) -> [Visit; 2] {
    let ago = |up, minutes| {
        let mut visit = visit(endpoint, up, "peer:a.example");
        visit.started_at = Timestamp::now() - SignedDuration::from_mins(minutes);
        visit
    };
    [ago(true, minutes + 30), ago(false, minutes)]
}

fn persons(name: &str, host: &str) -> ElectrumServer {
    serde_json::from_value(json!({
        "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer", "metadata": {"name": name},
        "spec": {"network": "testnet4", "host": host, "ports": [{"port": 50001, "transport": "tcp"}]},
    }))
    .expect("a server")
}

#[tokio::test]
async fn whom_nobody_reaches_is_stale_and_then_goes_unless_a_person_made_it() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let servers: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    servers.create(&PostParams::default(), &persons("mine", "mine.example.org")).await.expect("made");
    setting.campaign("main", &json!({"retention": {"unseenServers": "90m"}})).await;
    let found = server_name("main", &"found.example.org".parse().expect("a host"));
    let fresh = server_name("main", &"fresh.example.org".parse().expect("a host"));
    put(
        &setting.redis.redis(),
        [
            fell_silent("tcp://found.example.org:50001", 50),
            fell_silent("tcp://mine.example.org:50001", 50),
            fell_silent("tcp://fresh.example.org:50001", 10),
        ]
        .concat(),
    )
    .await;
    let stale = async |name: &str| {
        let conditions = servers.get_opt(name).await.ok()??.status?.conditions;
        conditions.into_iter().find(|each| each.type_ == "Stale" && each.status == "True")
    };
    for (name, message) in [
        (&*found, "nobody reaches it; it is forgotten after 1h30m of that"),
        ("mine", "nobody reaches it; it stays, since a person named it"),
    ] {
        let said = eventually(&format!("{name} is stale"), async || stale(name).await).await;
        assert_eq!(said.message, message);
    }
    // Half of it is not over yet. What is shorter makes it so, and for those before all of it.
    assert_eq!(stale(&fresh).await, None);
    setting.change("main", json!({"retention": {"unseenServers": "18m"}})).await;
    eventually("the one that was found is gone", async || {
        servers.get_opt(&found).await.ok()?.is_none().then_some(())
    })
    .await;
    eventually("the next is stale", async || stale(&fresh).await).await;
    assert!(stale("mine").await.is_some(), "a person made it");
    let deletions =
        setting.calls("operator", |verb, resource| verb == "delete" && resource == "electrumservers");
    assert_eq!(deletions, [format!("delete electrumservers/{found}")]);
    operator.stop().await;
}

#[tokio::test]
async fn what_was_written_and_not_acknowledged_is_read_again_and_changes_nothing() {
    let setting = Setting::new().await;
    let redis = setting.redis.redis();
    let acknowledge = async |may: &str| {
        redis.call::<()>(redis::cmd("ACL").arg(&["SETUSER", "default", may])).await.expect("changed");
    };
    // It comes as far as between the write and the acknowledgement, and no further.
    acknowledge("-xack").await;
    let up = visit("tcp://up.example.org:50001", true, "peer:a.example");
    let [was_up, is_down] = fell_silent("tcp://down.example.org:50001", 5);
    put(&redis, [up, was_up, is_down]).await;
    let first = setting.operator("first").await;
    setting.campaign("main", &json!({})).await;
    let servers: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
    let all = async || servers.list(&ListParams::default()).await.expect("lists").items;
    eventually("both are told", async || {
        let told = all().await.into_iter().filter_map(|server| Some(server.status?.reachability?.state));
        (told.collect::<Vec<_>>() == [State::Unreachable, State::Reachable]).then_some(())
    })
    .await;
    let failed = "operator_errors_total{class=\"redis\",controller=\"ingest\"}";
    eventually("it cannot acknowledge", async || (first.metric(failed).await > 0.5).then_some(())).await;
    first.kill();
    let before = all().await;
    acknowledge("+xack").await;
    assert!(!acknowledged(&redis).await);

    let second = setting.operator("second").await;
    eventually("the next acknowledges", async || acknowledged(&redis).await.then_some(())).await;
    let read = "operator_ingested_visits_total{campaign=\"default/main\"}";
    assert!((second.metric(read).await - 3.0).abs() < 0.5, "it read what the first had read");
    assert_eq!(all().await, before, "to the resource's version");
    let written = setting.writes("second");
    assert!(!written.iter().any(|write| write.contains("electrumservers")), "{written:?}");
    second.stop().await;
}
