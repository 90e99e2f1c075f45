//! The rules of who is left alone, in a real Redis.

#[macro_use]
mod support;

use fleet::exclusions::{Watch, publish, published, version};

use support::{Program, Server};

on_each_program! {
    who_follows_the_rules_is_told_each_change_once,
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
