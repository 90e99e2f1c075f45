//! A campaign's life, on a real API server: what it is made of, how it changes, and what is left when it is gone.

mod support;

use cluster::{eventually, security};
use crds::ElectrumServer;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
        core::v1::ConfigMap,
        events::v1::Event,
    },
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use support::Setting;

fn api<K>(setting: &Setting) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::default_namespaced(setting.cluster.client())
}

async fn names<K>(setting: &Setting) -> Vec<String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let ours = ListParams::default().labels(operator::names::OURS);
    let mut names: Vec<_> = api::<K>(setting)
        .list(&ours)
        .await
        .expect("a list")
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    names.sort();
    names
}

async fn reasons(setting: &Setting) -> Vec<String> {
    let events = api::<Event>(setting).list(&ListParams::default()).await.expect("a list").items;
    events.into_iter().filter_map(|event| event.reason).collect()
}

#[tokio::test]
async fn servers_that_persons_make_are_brought_to_scanners_without_a_start() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    let started = api::<Deployment>(&setting).get("main-here").await.expect("there").metadata.generation;
    let list = async || {
        let map = api::<ConfigMap>(&setting).get("main-campaign").await.ok()?;
        map.data?.remove("seeds-_servers")
    };
    assert_eq!(list().await.as_deref(), Some(""));

    let servers = api::<ElectrumServer>(&setting);
    for (name, exclude) in [("mine", false), ("shy", true)] {
        let server = serde_json::from_value(json!({
            "apiVersion": "electrumobservatory.org/v1alpha1", "kind": "ElectrumServer", "metadata": {"name": name},
            "spec": {"network": "testnet4", "host": format!("{name}.example.org"), "exclude": exclude,
                "ports": [{"port": 50001, "transport": "tcp"}]},
        }))
        .expect("a server");
        servers.create(&PostParams::default(), &server).await.expect("made");
    }
    let becomes = async |wanted: &str| {
        eventually("the list follows", async || (list().await? == wanted).then_some(())).await;
    };
    becomes("tcp://mine.example.org:50001\n").await;

    // Statuses are none of it; two wishes later both are known.
    let reachable = json!({"status": {"reachability": {"state": "Reachable"}}});
    servers.patch_status("mine", &PatchParams::default(), &Patch::Merge(reachable)).await.expect("told");
    let exclude = |exclude: bool| Patch::Merge(json!({"spec": {"exclude": exclude}}));
    servers.patch("mine", &PatchParams::default(), &exclude(true)).await.expect("changed");
    becomes("").await;
    servers.patch("shy", &PatchParams::default(), &exclude(false)).await.expect("changed");
    becomes("tcp://shy.example.org:50001\n").await;
    servers.delete("shy", &DeleteParams::default()).await.expect("deleted");
    becomes("").await;
    let maps = setting.writes("operator").into_iter().filter(|write| write.contains("configmaps")).count();
    assert_eq!(maps, 5, "one write for each change of the list");
    let deployment = api::<Deployment>(&setting).get("main-here").await.expect("there");
    assert_eq!(deployment.metadata.generation, started);
    operator.stop().await;
}

#[tokio::test]
async fn a_campaign_is_made_changed_suspended_resumed_and_deleted() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    operator.leads().await;

    let campaign =
        setting.campaign("main", &json!({"vantages": [{"name": "here"}, {"name": "there"}]})).await;
    setting.until("main", "Ready", "Running").await;
    assert_eq!(names::<Deployment>(&setting).await, ["main-here", "main-there"]);
    assert_eq!(names::<ConfigMap>(&setting).await, ["main-campaign"]);
    assert_eq!(names::<CronJob>(&setting).await, ["main-analysis"]);
    let made = api::<Deployment>(&setting).get("main-here").await.expect("there");
    let owner = &made.owner_references()[0];
    assert_eq!((owner.name.as_str(), Some(&owner.uid)), ("main", campaign.metadata.uid.as_ref()));
    let pod = made.spec.clone().and_then(|spec| spec.template.spec).expect("a pod");
    assert_eq!(security::violations(&pod), Vec::<String>::new());
    let cron = api::<CronJob>(&setting).get("main-analysis").await.expect("there");
    let analyzer =
        cron.spec.and_then(|cron| cron.job_template.spec).and_then(|job| job.template.spec).expect("a pod");
    assert_eq!(security::violations(&analyzer), Vec::<String>::new());
    let status = setting.campaigns().get("main").await.expect("there").status.expect("told");
    let crews: Vec<_> =
        status.vantages.iter().map(|crew| (crew.name.as_str(), crew.desired, crew.ready)).collect();
    assert_eq!(crews, [("here", 1, 1), ("there", 1, 1)]);

    // A vantage changes, the other goes.
    let before = made.spec.expect("a spec").template.metadata.and_then(|meta| meta.annotations);
    setting.change("main", json!({"vantages": [{"name": "here", "replicas": 2, "concurrency": 7}]})).await;
    setting.until("main", "Ready", "Running").await;
    assert_eq!(names::<Deployment>(&setting).await, ["main-here"]);
    let changed = api::<Deployment>(&setting).get("main-here").await.expect("there").spec.expect("a spec");
    assert_eq!(changed.replicas, Some(2));
    assert_ne!(changed.template.metadata.and_then(|meta| meta.annotations), before, "scanners start again");

    // It rests, and goes on.
    setting.change("main", json!({"suspend": true})).await;
    let said = setting.until("main", "Ready", "Suspended").await;
    assert!(said.message.contains("unset spec.suspend"), "{}", said.message);
    let rests = api::<Deployment>(&setting).get("main-here").await.expect("there").spec.expect("a spec");
    assert_eq!(rests.replicas, Some(0));
    assert_eq!(
        api::<CronJob>(&setting).get("main-analysis").await.expect("there").spec.expect("a spec").suspend,
        Some(true)
    );
    setting.change("main", json!({"suspend": false})).await;
    setting.until("main", "Ready", "Running").await;

    for reason in ["Created", "Updated", "Deleted", "Suspended", "Resumed"] {
        eventually(reason, async || reasons(&setting).await.contains(&reason.to_owned()).then_some(())).await;
    }
    // Of each object by itself.
    let created = reasons(&setting).await.iter().filter(|reason| *reason == "Created").count();
    assert_eq!(created, 4, "a ConfigMap, two Deployments and a CronJob");

    setting.campaigns().delete("main", &DeleteParams::default()).await.expect("deleted");
    eventually("nothing is left", async || {
        let left = [
            names::<Deployment>(&setting).await,
            names::<ConfigMap>(&setting).await,
            names::<CronJob>(&setting).await,
        ];
        left.iter().all(Vec::is_empty).then_some(())
    })
    .await;
    operator.stop().await;
}

#[tokio::test]
async fn what_is_as_it_should_be_costs_no_writes_and_what_is_not_is_mended() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    // A quantity that API servers write in another form.
    let resources = json!({"requests": {"cpu": "1000m", "memory": "1024Ki"}});
    setting.campaign("main", &json!({"vantages": [{"name": "here", "resources": resources}]})).await;
    setting.until("main", "Ready", "Running").await;
    setting.until("main", "Progressing", "Settled").await;
    let deployments = api::<Deployment>(&setting);
    let reconciles = "operator_reconciles_total{controller=\"campaign\",outcome=\"ok\"}";
    let touch = async |patch: serde_json::Value| {
        deployments.patch("main-here", &PatchParams::default(), &Patch::Merge(patch)).await.expect("touched");
    };

    // Somebody else's annotation wakes the operator, and it has nothing to do.
    let (writes, looks) = (setting.writes("operator"), operator.metric(reconciles).await);
    for number in 0..3 {
        let before = operator.metric(reconciles).await;
        touch(json!({"metadata": {"annotations": {"example.org/number": number.to_string()}}})).await;
        eventually("it has looked", async || (operator.metric(reconciles).await > before).then_some(()))
            .await;
    }
    assert!(operator.metric(reconciles).await >= looks + 3.0);
    assert_eq!(setting.writes("operator"), writes);

    // What is otherwise than it should be is put right.
    touch(json!({"spec": {"replicas": 5}})).await;
    eventually("replicas are right again", async || {
        (deployments.get("main-here").await.ok()?.spec?.replicas == Some(1)).then_some(())
    })
    .await;
    deployments.delete("main-here", &DeleteParams::default()).await.expect("deleted");
    eventually("it is there again", async || deployments.get_opt("main-here").await.ok().flatten()).await;
    operator.stop().await;
}

#[tokio::test]
async fn who_visits_everybody_once_is_analysed_once_and_finished() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("once", &json!({"mode": "Once"})).await;
    setting.until("once", "Ready", "Finished").await;
    let jobs = names::<Job>(&setting).await;
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    assert!(jobs[0].starts_with("once-analysis-") && jobs[1].starts_with("once-here-"), "{jobs:?}");
    assert!(names::<Deployment>(&setting).await.is_empty());
    operator.stop().await;
}

#[tokio::test]
async fn lists_of_seeds_are_followed_and_missing_ones_named() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let sources = json!([{"name": "friends", "seedsFrom": {"configMap": "friends"}}]);
    setting.campaign("main", &json!({"discovery": {"sources": sources}})).await;
    let said = setting.until("main", "Degraded", "SeedsMissing").await;
    assert!(said.message.contains("there is no ConfigMap friends: create it"), "{}", said.message);
    setting.until("main", "Ready", "Running").await;
    let projected =
        async || api::<ConfigMap>(&setting).get("main-campaign").await.expect("there").data.expect("data");
    assert_eq!(projected().await["seeds-friends"], "");
    let started = api::<Deployment>(&setting).get("main-here").await.expect("there").metadata.generation;

    setting
        .kubectl(["create", "configmap", "friends", "--from-literal=seeds.txt=ssl://example.org:50002"])
        .await;
    setting.until("main", "Degraded", "AsExpected").await;
    let data = projected().await;
    assert_eq!(data["seeds-friends"], "ssl://example.org:50002");
    assert!(data["campaign.yaml"].contains("kind: ScanCampaign"), "{}", data["campaign.yaml"]);
    // Scanners read it again: none starts anew.
    let after = api::<Deployment>(&setting).get("main-here").await.expect("there").metadata.generation;
    assert_eq!(after, started);
    operator.stop().await;
}

#[tokio::test]
async fn what_is_somebody_elses_is_left_alone() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    let theirs = ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some("main-campaign".to_owned()), ..Default::default() },
        data: Some([("precious".to_owned(), "yes".to_owned())].into()),
        ..ConfigMap::default()
    };
    api::<ConfigMap>(&setting).create(&PostParams::default(), &theirs).await.expect("made");
    setting.campaign("main", &json!({})).await;
    let said = setting.until("main", "Degraded", "NameTaken").await;
    assert!(said.message.contains("ConfigMap main-campaign is not this campaign's"), "{}", said.message);
    let still = api::<ConfigMap>(&setting).get("main-campaign").await.expect("there");
    assert_eq!(still.data, theirs.data);
    assert!(names::<Deployment>(&setting).await.is_empty(), "nobody is to read another's ConfigMap");
    operator.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_one_object_is_not_in_the_way_of_others() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({"vantages": [{"name": "old"}]})).await;
    setting.until("main", "Ready", "Running").await;
    let mut theirs = api::<Deployment>(&setting).get("main-old").await.expect("there");
    theirs.metadata = kube::api::ObjectMeta { name: Some("main-here".to_owned()), ..Default::default() };
    theirs.spec.get_or_insert_default().replicas = Some(0);
    theirs.status = None;
    api::<Deployment>(&setting).create(&PostParams::default(), &theirs).await.expect("made");

    setting
        .change(
            "main",
            json!({"vantages": [{"name": "here"}, {"name": "there"}], "analysis": {"schedule": "1 2 3 4 *"}}),
        )
        .await;
    let said = setting.until("main", "Degraded", "NameTaken").await;
    assert!(said.message.starts_with("Deployment main-here is not this campaign's"), "{}", said.message);
    // What takes nobody's place is there; what was there stays until all that does is.
    assert_eq!(names::<Deployment>(&setting).await, ["main-old", "main-there"]);
    let cron = api::<CronJob>(&setting).get("main-analysis").await.expect("there").spec.expect("a spec");
    assert_eq!(cron.schedule, "1 2 3 4 *");

    setting.change("main", json!({"suspend": true})).await;
    setting.until("main", "Degraded", "NameTaken").await;
    for name in ["main-old", "main-there"] {
        let rests = api::<Deployment>(&setting).get(name).await.expect("there").spec.expect("a spec");
        assert_eq!(rests.replicas, Some(0), "{name}");
    }

    api::<Deployment>(&setting).delete("main-here", &DeleteParams::default()).await.expect("deleted");
    setting.change("main", json!({"suspend": false})).await;
    setting.until("main", "Ready", "Running").await;
    assert_eq!(names::<Deployment>(&setting).await, ["main-here", "main-there"]);
    operator.stop().await;
}

#[tokio::test]
async fn what_only_the_lint_sees_is_said_and_what_was_made_stays() {
    let setting = Setting::new().await;
    let operator = setting.operator("operator").await;
    setting.campaign("main", &json!({})).await;
    setting.until("main", "Ready", "Running").await;
    setting
        .change("main", json!({"analysis": {"timeZone": "Mars/Olympus"}, "vantages": [{"name": "there"}]}))
        .await;
    let said = setting.until("main", "Ready", "InvalidSpec").await;
    assert!(
        said.message.starts_with("spec.analysis.timeZone: \"Mars/Olympus\" is no time zone"),
        "{}",
        said.message
    );
    assert_eq!(names::<Deployment>(&setting).await, ["main-here"]);

    // It rests when it is told to, whatever is wrong with it.
    setting.change("main", json!({"suspend": true})).await;
    let said = setting.until("main", "Ready", "InvalidSpec").await;
    assert!(said.message.ends_with("scanners rest, since spec.suspend is set"), "{}", said.message);
    let rests = api::<Deployment>(&setting).get("main-here").await.expect("there").spec.expect("a spec");
    assert_eq!(rests.replicas, Some(0));
    let cron = api::<CronJob>(&setting).get("main-analysis").await.expect("there").spec.expect("a spec");
    assert_eq!(cron.suspend, Some(true));
    eventually("its status says so", async || {
        let status = setting.campaigns().get("main").await.ok()?.status?;
        let crew = status.vantages.first()?;
        ((crew.desired, crew.ready) == (0, 0)).then_some(())
    })
    .await;

    setting.change("main", json!({"analysis": {"timeZone": "Europe/Zurich"}, "suspend": false})).await;
    setting.until("main", "Ready", "Running").await;
    assert_eq!(names::<Deployment>(&setting).await, ["main-there"]);
    operator.stop().await;
}
