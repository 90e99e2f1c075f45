//! Visits become ElectrumServers, on a real API server and a real Redis.

mod support;

use cluster::eventually;
use crds::{ElectrumServer, ScanExclusion, server::State};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
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
    let own: ElectrumServer = serde_json::from_value(json!({"apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer",
        "metadata": {"name": "mine"}, "spec": {"network": "testnet4", "host": "mine.example.org", "ports": [{"port": 50001, "transport": "tcp"}]}}))
    .expect("a server");
    servers.create(&PostParams::default(), &own).await.expect("made");
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
    assert_eq!(
        up.name_any(),
        operator::ingest::book::server_name("main", &"up.example.org".parse().expect("a host"))
    );
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
