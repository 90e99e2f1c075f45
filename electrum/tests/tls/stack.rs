//! The stacks that Electrum servers have, told apart by three hellos.

use std::{collections::HashMap, net::SocketAddr};

use electrum::tls::{Chosen, Hello, Parting, SessionId, StackAnswer, fingerprint};

use crate::support::{Workshop, dialer, endpoint, route};

/// The three answers of whoever listens there.
async fn answers(address: SocketAddr) -> [StackAnswer; 3] {
    let (dialer, endpoint) = (dialer(), endpoint(address));
    let route = route(&dialer, &endpoint).await;
    let ask = |hello| dialer.tls_stack(&endpoint, &route, hello);
    let [first, second, third] = Hello::ALL;
    [ask(first).await, ask(second).await, ask(third).await].map(|answer| answer.expect("an answer"))
}

async fn line(address: SocketAddr) -> String {
    let [first, second, third] = answers(address).await;
    fingerprint([&first, &second, &third])
}

fn chosen(answer: &StackAnswer) -> &Chosen {
    let StackAnswer::Chosen(chosen) = answer else { panic!("{answer:?}") };
    chosen
}

fn refused(alert: &str, then: Parting) -> StackAnswer {
    StackAnswer::Alert { alert: alert.to_owned(), then }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the table is what a new stack is read off")]
async fn every_stack_has_its_line_and_keeps_it() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    let servers = [
        ("OpenSSL", shop.serve("")),
        ("OpenSSL, its own order", shop.serve("-serverpref")),
        ("OpenSSL, no tickets", shop.serve("-no_ticket")),
        ("OpenSSL, TLS 1.2", shop.serve("-tls1_2")),
        ("nginx", shop.nginx("")),
        ("nginx, its own order", shop.nginx("ssl_prefer_server_ciphers on;")),
        ("nginx, cache", shop.nginx("ssl_session_cache shared:x:1m; ssl_session_tickets off;")),
        ("stunnel", shop.stunnel()),
        ("HAProxy", shop.haproxy()),
        ("Python, asyncio", shop.asyncio()),
        ("Python, blocking", shop.blocking_python()),
    ];
    let own = ("rustls", shop.rustls().await);
    let mut known = HashMap::new();
    for (name, address) in servers.iter().map(|(name, server)| (*name, server.address)).chain([own]) {
        let seen = line(address).await;
        println!("{name:22} {seen}");
        assert_eq!(line(address).await, seen, "{name} answers differently each time");
        if let Some(same) = known.insert(seen, name) {
            panic!("{name} answers as {same}");
        }
    }
    // Another server with the same stack and another key.
    let other = Workshop::new();
    other.certificate("-newkey rsa:3072");
    assert_eq!(known.get(&line(other.nginx("").address).await), Some(&"nginx"));
    assert_eq!(known.get(&line(other.asyncio().address).await), Some(&"Python, asyncio"));
}

#[tokio::test]
async fn what_sets_the_stacks_apart() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");

    // OpenSSL follows the client and has DHE; nginx has none, and keeps sessions if told to.
    let [reversed, shareless, _] = answers(shop.serve("").address).await;
    assert!(chosen(&reversed).group.as_deref().is_some_and(|group| group.starts_with("DH ")), "{reversed}");
    assert_eq!((chosen(&shareless).retry, chosen(&shareless).session), (true, SessionId::Echoed));
    assert_eq!(chosen(&shareless).extensions, [43, 51]);
    let nginx = shop.nginx("ssl_session_cache shared:x:1m; ssl_session_tickets off;");
    let [reversed, _, outdated] = answers(nginx.address).await;
    assert!(chosen(&reversed).cipher.starts_with("TLS_RSA_WITH_"), "{reversed}");
    assert_eq!(chosen(&reversed).session, SessionId::Own);
    assert_eq!(outdated, refused("protocol_version", Parting::Closed));

    // Python prefers its own order. asyncio drops the alert and has read everything; a socket that blocks
    // sends the alert and leaves our goodbye unread.
    let [reversed, _, outdated] = answers(shop.asyncio().address).await;
    assert_eq!(chosen(&reversed).cipher, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(outdated, StackAnswer::Closed);
    let [_, _, outdated] = answers(shop.blocking_python().address).await;
    assert_eq!(outdated, refused("protocol_version", Parting::Reset));

    // rustls says the same things in another order.
    let [reversed, shareless, outdated] = answers(shop.rustls().await).await;
    assert_eq!(chosen(&reversed).version, "TLSv1.2");
    assert_eq!(chosen(&shareless).extensions, [51, 43]);
    assert!(matches!(outdated, StackAnswer::Alert { then: Parting::Closed, .. }), "{outdated}");

    // A protocol in common is answered.
    let [reversed, ..] = answers(shop.serve("-alpn http/1.1").address).await;
    assert_eq!(chosen(&reversed).alpn.as_deref(), Some("http/1.1"));
    assert!(chosen(&reversed).extensions.contains(&16));
}
