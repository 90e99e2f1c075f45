//! The rules of who is left alone, in a real Redis.

#[macro_use]
mod support;

use fleet::exclusions::{Watch, publish, published, take_on, version};

use support::{Program, Server};

on_each_program! {
    who_follows_the_rules_is_told_each_change_once,
    of_two_operators_one_publishes_as_long_as_it_is_there,
}

async fn who_follows_the_rules_is_told_each_change_once(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut watch = Watch::new(server.redis());
    assert_eq!(watch.changed().await.expect("answers"), None, "none were ever published");
    publish(&redis, "a.example\n").await.expect("publishes");
    assert_eq!(watch.changed().await.expect("answers").as_deref(), Some("a.example\n"));
    assert_eq!(published(&redis).await.expect("answers"), Some(version("a.example\n")));
    publish(&redis, "a.example\n").await.expect("publishes");
    assert_eq!(watch.changed().await.expect("answers"), None);
    let (done, next) = tokio::join!(publish(&redis, ""), watch.next());
    done.expect("publishes");
    assert_eq!(next.expect("answers"), "", "nobody any more");
    redis.call::<()>(&redis::cmd("FLUSHALL")).await.expect("is emptied");
    assert_eq!(watch.changed().await.expect("answers"), None, "what is lost still holds");
    assert_eq!(published(&redis).await.expect("answers"), None, "and shows as lost");
}

async fn of_two_operators_one_publishes_as_long_as_it_is_there(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    for _ in 0..2 {
        assert_eq!(take_on(&redis, "one").await.expect("answers"), None);
        assert_eq!(take_on(&redis, "other").await.expect("answers").as_deref(), Some("one"));
    }
    let key = "eo:{exclusions}:publisher";
    let left: i64 = redis.call(redis::cmd("PTTL").arg(key)).await.expect("readable");
    assert!((1..=60_000).contains(&left), "{left}");
    // Its minute is over.
    redis.call::<()>(redis::cmd("PEXPIRE").arg(key).arg(0)).await.expect("ends");
    assert_eq!(take_on(&redis, "other").await.expect("answers"), None);
    assert_eq!(take_on(&redis, "one").await.expect("answers").as_deref(), Some("other"));
}
