//! The end of a campaign, in a real Redis.

#[macro_use]
mod support;

use std::time::Duration;

use fleet::{
    campaign::{forget, workers},
    schedule::{BACKLOG, Enrolment, Lane, RedisSchedule, Schedule as _, Scope, Subject},
};
use support::{Program, Server, nodes::Nodes};

on_each_program! {
    all_that_is_kept_of_a_campaign_goes_and_nothing_of_others,
    in_a_cluster_it_goes_from_the_node_that_has_it,
}

async fn all_that_is_kept_of_a_campaign_goes_and_nothing_of_others(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let schedule = |campaign: &str, vantage: &str| {
        let scope = Scope { campaign: campaign.to_owned(), vantage: vantage.to_owned() };
        RedisSchedule::new(server.redis(), &scope, BACKLOG)
    };
    for campaign in ["scans/main", "scans/main2", "scans/m*"] {
        for vantage in ["here", "there"] {
            let schedule = schedule(campaign, vantage);
            let hosts = (0..700).map(|n| Subject::Server(format!("h{n}.example").parse().expect("a host")));
            let enrol = |subject| Enrolment {
                subject,
                listing: Vec::new(),
                lanes: vec![(Lane::Liveness, Duration::ZERO)],
            };
            schedule.enrol(&hosts.map(enrol).collect::<Vec<_>>()).await.expect("enrols");
            schedule.attend("w", Duration::from_secs(60)).await.expect("attends");
        }
        // More keys than one page.
        for n in 0..1_500 {
            let mut set = redis::cmd("SET");
            set.arg(format!("eo:{{{campaign}}}:deep:h{n}.example")).arg("x");
            redis.call::<()>(&set).await.expect("sets");
        }
    }
    let keys = async |campaign: &str| {
        let all: Vec<String> = redis.call(redis::cmd("KEYS").arg("*")).await.expect("lists");
        all.iter().filter(|key| key.starts_with(&format!("eo:{{{campaign}}}:"))).count()
    };
    assert_eq!(workers(&redis, "scans/m*").await.expect("answers"), 2);
    schedule("scans/m*", "here").leave("w").await.expect("leaves");
    assert_eq!(workers(&redis, "scans/m*").await.expect("answers"), 1);
    let others = keys("scans/main2").await;
    assert!(forget(&redis, "scans/m*").await.expect("forgets") > 1_500);
    assert_eq!((keys("scans/m*").await, keys("scans/main").await), (0, others), "a star is a star");
    forget(&redis, "scans/main").await.expect("forgets");
    assert_eq!((keys("scans/main").await, keys("scans/main2").await), (0, others));
    assert_eq!(forget(&redis, "scans/main").await.expect("forgets"), 0);
    assert_eq!(workers(&redis, "scans/main").await.expect("answers"), 0);
}

async fn in_a_cluster_it_goes_from_the_node_that_has_it(program: Program) {
    let cluster = Nodes::start(program).await;
    // So many that each node has some of those that stay and of those that go.
    let campaigns: Vec<String> = (0..24).map(|n| format!("scans/net-{n}")).collect();
    for campaign in &campaigns {
        let scope = Scope { campaign: campaign.clone(), vantage: "here".to_owned() };
        let schedule = RedisSchedule::new(cluster.redis.clone(), &scope, BACKLOG);
        let subject = Subject::Server("h.example".parse().expect("a host"));
        let lanes = vec![(Lane::Liveness, Duration::ZERO)];
        schedule.enrol(&[Enrolment { subject, listing: Vec::new(), lanes }]).await.expect("enrols");
        schedule.attend("w", Duration::from_secs(60)).await.expect("attends");
        // More keys than one page.
        for n in 0..600 {
            let mut set = redis::cmd("SET");
            set.arg(format!("eo:{{{campaign}}}:answer:{n}")).arg("x");
            cluster.redis.call::<()>(&set).await.expect("sets");
        }
    }
    let of = |key: &str, campaign: &str| key.starts_with(&format!("eo:{{{campaign}}}:"));
    let (go, stay): (Vec<_>, Vec<_>) = campaigns.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let before = cluster.keys().await;
    for node in &before {
        for some in [&go, &stay] {
            let has = |(_, campaign): &(usize, &String)| node.iter().any(|key| of(key, campaign));
            assert!(some.iter().any(has), "each node has its share");
        }
    }
    for (_, campaign) in &go {
        assert_eq!(workers(&cluster.redis, campaign).await.expect("answers"), 1);
        let keys = before.iter().flatten().filter(|key| of(key, campaign)).count();
        assert_eq!(forget(&cluster.redis, campaign).await.expect("forgets"), keys as u64);
    }
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    let expected = before.into_iter().map(|mut node| {
        node.retain(|key| !go.iter().any(|(_, campaign)| of(key, campaign)));
        sorted(node)
    });
    let left = cluster.keys().await.into_iter().map(sorted);
    assert_eq!(left.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
