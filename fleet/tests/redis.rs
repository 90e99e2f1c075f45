//! What only a real Redis can do: be full, evict, end and come back, want passwords and certificates, be many.

#![allow(clippy::unwrap_used, reason = "tests")]

#[macro_use]
mod support;

use std::{fs, path::Path, time::Duration};

use fleet::{
    Credentials, FleetError, Redis,
    schedule::{
        BACKLOG, Claim, Enrolment, Fenced, Lane, RedisSchedule, Report, Schedule as _, Scope, Status,
        Subject, Wanted,
    },
};
use model::{Purpose, Visit};
use redis::cmd;
use support::{Program, Server, answers, eventually, free_port, nodes::Nodes};

on_each_program! {
    when_it_is_full_nothing_is_half_done,
    one_that_may_evict_is_refused,
    what_names_no_server_goes_and_is_in_nobodys_way,
    a_claim_that_was_written_over_is_stale_and_in_nobodys_way,
    with_an_append_only_file_nothing_is_lost_when_the_power_goes,
    a_connection_that_breaks_is_made_again,
    users_and_passwords_come_from_files_and_get_into_no_message,
    sentinel_says_where_the_master_is,
    when_the_master_dies_the_work_goes_on_with_its_replica,
    a_cluster_keeps_a_campaign_in_one_slot_and_campaigns_on_all_nodes,
}

fn schedule(redis: Redis) -> RedisSchedule {
    RedisSchedule::new(redis, &Scope { campaign: "lab/net".to_owned(), vantage: "home".to_owned() }, BACKLOG)
}

fn server(n: usize) -> Subject {
    Subject::Server(format!("s{n}.example.org").parse().unwrap())
}

fn enrolment(n: usize) -> Enrolment {
    let lanes = Lane::ALL.map(|lane| (lane, Duration::ZERO)).to_vec();
    Enrolment { subject: server(n), listing: vec![7; 200], lanes }
}

const WANTED: Wanted<'static> = Wanted {
    worker: "w",
    lanes: &[Lane::Liveness],
    most: 10,
    lease: Duration::from_secs(60),
    patience: Duration::ZERO,
};

async fn report(schedule: &RedisSchedule, claim: &Claim) -> Result<Fenced, FleetError> {
    let visit = Visit::begun(
        electrum::Network::Regtest,
        "ssl://a.example.org:50002".parse().unwrap(),
        "home".to_owned(),
        Purpose::Deep,
        "2026-11-24T04:00:00Z".parse().unwrap(),
    );
    schedule
        .report(claim, Report { number: 1, visit: &visit, doubtful: false, up: Some(true), record: b"known" })
        .await
}

/// The whole way of a visit.
async fn goes_round(redis: Redis) {
    redis.check().await.expect("is suitable");
    let schedule = schedule(redis);
    assert_eq!(schedule.enrol(&[enrolment(1), enrolment(2)]).await.unwrap(), 2);
    let waited = schedule.status().await.unwrap().backlog.0;
    let claims = schedule.claim(&WANTED).await.unwrap();
    assert_eq!(claims.len(), 2);
    assert_eq!(report(&schedule, &claims[0]).await.unwrap(), Fenced::Done);
    let settled = schedule.settle(&[(&claims[0], None), (&claims[1], Some(Duration::ZERO))]).await.unwrap();
    assert_eq!(settled, [Fenced::Done; 2]);
    assert_eq!(schedule.status().await.unwrap().backlog.0, waited + 1);
    assert!(
        schedule.deep(&server(1)).await.unwrap().is_some()
            || schedule.deep(&server(2)).await.unwrap().is_some()
    );
    schedule.retire(&[server(1), server(2)]).await.unwrap();
    assert!(schedule.subjects(0).await.unwrap().0.is_empty());
}

/// All keys and what is in them.
async fn dump(redis: &Redis) -> Vec<(String, Option<Vec<u8>>)> {
    let mut keys: Vec<String> = redis.call(cmd("KEYS").arg("*")).await.unwrap();
    keys.sort();
    let mut all = Vec::new();
    for key in keys {
        let value = redis.call(cmd("DUMP").arg(&key)).await.unwrap();
        all.push((key, value));
    }
    all
}

async fn when_it_is_full_nothing_is_half_done(program: Program) {
    let server_process = Server::of(program).await;
    let redis = server_process.redis();
    let schedule = schedule(redis.clone());
    schedule.enrol(&(0..20).map(enrolment).collect::<Vec<_>>()).await.unwrap();
    let claims = schedule.claim(&WANTED).await.unwrap();
    let memory = |limit: &'static str| {
        let redis = redis.clone();
        async move { redis.call::<()>(cmd("CONFIG").arg("SET").arg("maxmemory").arg(limit)).await.unwrap() }
    };
    let before = dump(&redis).await;
    memory("1").await;
    let again = [(&claims[0], Some(Duration::ZERO)), (&claims[1], None)];
    let refused = [
        schedule.enrol(&[enrolment(30)]).await.map(|_| ()),
        schedule.claim(&WANTED).await.map(|_| ()),
        report(&schedule, &claims[0]).await.map(|_| ()),
        schedule.settle(&again).await.map(|_| ()),
        schedule.extend(&[&claims[0]], Duration::from_secs(900)).await.map(|_| ()),
        schedule.attend("w", Duration::from_secs(9)).await.map(|_| ()),
        schedule.tell(b"word").await.map(|_| ()),
        schedule.keep("name", b"thing").await,
    ];
    for answer in refused {
        let error = answer.expect_err("no memory");
        assert!(matches!(error, FleetError::Full(_)), "{error}");
    }
    assert_eq!(dump(&redis).await, before, "nothing was done");
    assert_eq!(schedule.status().await.unwrap().lanes[1].claimed, 10, "it can be looked at");
    schedule.retire(&[server(19)]).await.expect("who goes makes room");
    memory("0").await;
    assert_eq!(report(&schedule, &claims[0]).await.unwrap(), Fenced::Done);
    assert_eq!(schedule.settle(&again).await.unwrap(), [Fenced::Done; 2]);
}

async fn one_that_may_evict_is_refused(program: Program) {
    let evicts = Server::with(program, &["--maxmemory-policy", "allkeys-lru"]).await;
    let error = evicts.redis().check().await.unwrap_err();
    assert!(!error.is_passing() && error.to_string().contains("set maxmemory-policy noeviction"), "{error}");
}

async fn what_names_no_server_goes_and_is_in_nobodys_way(program: Program) {
    let process = Server::of(program).await;
    let redis = process.redis();
    let schedule = schedule(redis.clone());
    schedule.enrol(&[enrolment(1)]).await.unwrap();
    let put = async |name: &str| {
        for (command, key, value) in [("ZADD", "lane:liveness", "0"), ("HSET", "listings", "x")] {
            let mut put = cmd(command);
            put.arg(format!("eo:{{lab/net}}:home:{key}"));
            let pair = if command == "ZADD" { [value, name] } else { [name, value] };
            redis.call::<()>(put.arg(&pair)).await.unwrap();
        }
    };
    put("no host").await;
    let claims = schedule.claim(&WANTED).await.unwrap();
    assert_eq!(claims.iter().map(|claim| &claim.subject).collect::<Vec<_>>(), [&server(1)]);
    assert_eq!(schedule.status().await.unwrap().lanes[1].subjects, 1, "nobody waits for it");
    put("no: host").await;
    let (listed, _) = schedule.subjects(0).await.unwrap();
    assert_eq!(listed, [(server(1), enrolment(1).listing)]);
    assert_eq!(schedule.status().await.unwrap().lanes[1].subjects, 1);
    let keys: Vec<String> = redis.call(cmd("HKEYS").arg("eo:{lab/net}:home:listings")).await.unwrap();
    assert_eq!(keys, [server(1).to_string()]);
}

async fn a_claim_that_was_written_over_is_stale_and_in_nobodys_way(program: Program) {
    let process = Server::of(program).await;
    let redis = process.redis();
    let schedule = schedule(redis.clone());
    schedule.enrol(&[enrolment(1), enrolment(2)]).await.unwrap();
    let claims = schedule.claim(&WANTED).await.unwrap();
    assert_eq!(claims.len(), 2);
    for (claim, entry) in claims.iter().zip([b"\xc1".as_slice(), b"\x07"]) {
        let mut put = cmd("HSET");
        put.arg("eo:{lab/net}:home:tokens").arg(claim.subject.to_string()).arg(entry);
        assert_eq!(redis.call::<u32>(&put).await.unwrap(), 0, "there was one");
    }
    assert_eq!(schedule.status().await.unwrap().lanes[1].claimed, 0);
    assert_eq!(report(&schedule, &claims[0]).await.unwrap(), Fenced::Stale);
    assert_eq!(schedule.enrol(&[enrolment(1)]).await.unwrap(), 0);
    schedule.retire(&[server(1), server(2)]).await.unwrap();
    assert!(schedule.subjects(0).await.unwrap().0.is_empty());
}

fn without_lag(mut status: Status) -> Status {
    status.lanes.iter_mut().for_each(|lane| lane.lag = Duration::ZERO);
    status
}

async fn with_an_append_only_file_nothing_is_lost_when_the_power_goes(program: Program) {
    let mut server = Server::with(program, &["--appendonly", "yes", "--appendfsync", "always"]).await;
    let redis = server.redis();
    let schedule = schedule(redis.clone());
    schedule.enrol(&[enrolment(1), enrolment(2), enrolment(3)]).await.unwrap();
    let claims = schedule.claim(&WANTED).await.unwrap();
    report(&schedule, &claims[0]).await.unwrap();
    schedule.settle(&[(&claims[1], Some(Duration::from_secs(5)))]).await.unwrap();
    let status = without_lag(schedule.status().await.unwrap());
    server.kill();
    assert!(matches!(schedule.claim(&WANTED).await.unwrap_err(), FleetError::Away(_)));
    server.restart().await;
    assert_eq!(without_lag(schedule.status().await.unwrap()), status);
    assert_eq!(schedule.settle(&[(&claims[0], None)]).await.unwrap(), [Fenced::Done]);
}

async fn a_connection_that_breaks_is_made_again(program: Program) {
    let server = Server::of(program).await;
    let (redis, other) = (server.redis(), server.redis());
    answers(&redis).await;
    other
        .call::<()>(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"))
        .await
        .unwrap();
    let ping = cmd("PING");
    if let Err(error) = redis.call::<String>(&ping).await {
        assert!(matches!(error, FleetError::Away(_)), "{error}");
        redis.call::<String>(&ping).await.expect("the next call connects");
    }
    // The scripts it knew are gone too.
    goes_round(redis.clone()).await;
    other.call::<()>(cmd("SCRIPT").arg("FLUSH")).await.unwrap();
    goes_round(redis).await;
}

fn file(folder: &Path, name: &str, text: &str) -> Option<std::path::PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    Some(path)
}

async fn users_and_passwords_come_from_files_and_get_into_no_message(program: Program) {
    let settings = "--requirepass hidden --user worker on >secret ~eo:* +@all -@dangerous +info";
    let settings: Vec<&str> = settings.split(' ').collect();
    let server = Server::spawn(program, free_port(), &settings);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let folder = tempfile::tempdir().unwrap();
    let user_file = file(folder.path(), "user", "worker\n");
    let password_file = file(folder.path(), "password", "secret\n");
    let known = Credentials { user_file: user_file.clone(), password_file, ca_file: None };
    let redis = Redis::open(&url, known.clone()).unwrap();
    answers(&redis).await;
    goes_round(redis.clone()).await;
    let elsewhere = redis.call::<Option<String>>(cmd("GET").arg("another")).await.unwrap_err();
    let nobody = Redis::open(&url, Credentials::default()).unwrap().check().await.unwrap_err();
    let wrong_file = file(folder.path(), "wrong", "guessed");
    let wrong = Credentials { user_file, password_file: wrong_file, ca_file: None };
    let wrong = Redis::open(&url, wrong).unwrap().check().await.unwrap_err();
    let absent = Credentials { password_file: Some(folder.path().join("absent")), ..Credentials::default() };
    let absent = Redis::open(&url, absent).unwrap().check().await.unwrap_err();
    assert!(matches!(elsewhere, FleetError::Refused(_)) && !elsewhere.is_passing(), "{elsewhere}");
    for error in [elsewhere, nobody, wrong, absent] {
        let text = format!("{error} {error:?}");
        assert!(matches!(error, FleetError::Refused(_) | FleetError::Stranger(_)), "{text}");
        assert!(!["secret", "hidden", "guessed"].iter().any(|word| text.contains(word)), "{text}");
    }
    // Who changes the file changes the password, from the next connection on; until Redis learns it, it is waited for.
    file(folder.path(), "password", "guessed");
    let changed = Redis::open(&url, known).unwrap();
    let error = changed.check().await.unwrap_err();
    assert!(matches!(error, FleetError::Stranger(_)) && error.is_passing(), "{error}");
    file(folder.path(), "password", "secret");
    changed.check().await.expect("the right one again");
}

// Debian's alone: the others are built without TLS.
#[tokio::test]
async fn over_tls_it_must_be_who_it_says() {
    // Where a build has several there is no default.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let ca_file = file(folder.path(), "ca.pem", &authority.pem());
    let own_file = file(folder.path(), "own.pem", &own.pem()).unwrap();
    let key_file = file(folder.path(), "own.key", &key.serialize_pem()).unwrap();
    let port = free_port().to_string();
    let paths = [&own_file, &key_file, ca_file.as_ref().unwrap()].map(|path| path.to_str().unwrap());
    let _server = Server::spawn(
        Program::Debian,
        0,
        &[
            "--tls-port",
            &port,
            "--tls-cert-file",
            paths[0],
            "--tls-key-file",
            paths[1],
            "--tls-ca-cert-file",
            paths[2],
            "--tls-auth-clients",
            "no",
        ],
    );
    let url = format!("rediss://127.0.0.1:{port}");
    let redis = Redis::open(&url, Credentials { ca_file, ..Credentials::default() }).unwrap();
    answers(&redis).await;
    goes_round(redis).await;
    let stranger = Redis::open(&url, Credentials::default()).unwrap().check().await.unwrap_err();
    assert!(matches!(stranger, FleetError::Refused(_)), "{stranger}");
}

async fn sentinel_says_where_the_master_is(program: Program) {
    let master = Server::of(program).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("sentinel monitor main 127.0.0.1 {} 1\n", master.port());
    let settings = file(folder.path(), "sentinel.conf", &settings).unwrap();
    let sentinel = Server::spawn_with_file(program, free_port(), &settings);
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", free_port(), sentinel.port());
    let redis = Redis::open(&url, Credentials::default()).unwrap();
    answers(&redis).await;
    goes_round(redis).await;
    let other = url.replace("/main", "/other");
    let error = Redis::open(&other, Credentials::default()).unwrap().check().await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

async fn when_the_master_dies_the_work_goes_on_with_its_replica(program: Program) {
    let mut master = Server::of(program).await;
    let port = master.port().to_string();
    let replica = Server::with(program, &["--replicaof", "127.0.0.1", &port]).await;
    let folder = tempfile::tempdir().unwrap();
    let settings =
        format!("sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 500\n");
    let sentinel = Server::spawn_with_file(
        program,
        free_port(),
        &file(folder.path(), "sentinel.conf", &settings).unwrap(),
    );
    answers(&sentinel.redis()).await;
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
    let redis = Redis::open(&url, Credentials::default()).unwrap();
    answers(&redis).await;
    let schedule = schedule(redis.clone());
    schedule.enrol(&[enrolment(1)]).await.unwrap();
    let claim = schedule.claim(&WANTED).await.unwrap().remove(0);
    // The replica has it, and Sentinel knows the replica.
    eventually("nothing is under way", async || {
        let waited: i64 = redis.call(cmd("WAIT").arg(1).arg(1_000)).await.unwrap();
        let known: Vec<redis::Value> =
            sentinel.redis().call(cmd("SENTINEL").arg("REPLICAS").arg("main")).await.unwrap();
        waited == 1 && known.len() == 1
    })
    .await;
    master.kill();
    eventually("the replica is the master", async || match report(&schedule, &claim).await {
        Ok(fenced) => fenced == Fenced::Done,
        Err(error) => {
            assert!(error.is_passing(), "{error}");
            false
        }
    })
    .await;
    assert_eq!(schedule.settle(&[(&claim, None)]).await.unwrap(), [Fenced::Done], "by its old token");
    let role: Vec<redis::Value> = replica.redis().call(&cmd("ROLE")).await.unwrap();
    assert_eq!(role[0], redis::Value::BulkString(b"master".to_vec()));
}

async fn a_cluster_keeps_a_campaign_in_one_slot_and_campaigns_on_all_nodes(program: Program) {
    let cluster = Nodes::start(program).await;
    goes_round(cluster.redis.clone()).await;
    for n in 0..12 {
        let scope = Scope { campaign: format!("lab/net-{n}"), vantage: "home".to_owned() };
        let schedule = RedisSchedule::new(cluster.redis.clone(), &scope, BACKLOG);
        schedule.enrol(&[enrolment(1)]).await.unwrap();
        let claims = schedule.claim(&WANTED).await.unwrap();
        assert_eq!(report(&schedule, &claims[0]).await.unwrap(), Fenced::Done);
    }
    assert!(cluster.keys().await.iter().all(|keys| !keys.is_empty()), "each node has its share");
}
