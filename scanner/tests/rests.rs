//! When questions are asked that measure time, on a paused clock and without a network.

use std::{net::Ipv4Addr, sync::OnceLock, time::Duration};

use electrum::{Endpoint, Network, Transport};
use model::Visit;
use scanner::{
    agenda::Agenda,
    caller::{Caller, ClientName},
    probe::Offer,
    rehearsal::{self, Connection, Goal, Reached},
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

/// A server that answers at once, and fills its answers with so many spaces.
async fn serve(stream: DuplexStream, spaces: usize) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let request: Value = serde_json::from_str(&line).expect("a request");
        let result = match request["method"].as_str() {
            Some("server.version") => json!(["Peculiar 1.0", "1.4"]),
            Some("blockchain.headers.subscribe") => json!({"height": 120, "hex": ""}),
            _ => Value::Null,
        };
        let answer = format!(r#"{{"id":{},"result":{result}{}}}"#, request["id"], " ".repeat(spaces));
        if stream.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

/// A deep visit to such a server.
async fn visit(spaces: usize) -> Visit {
    let (ours, theirs) = duplex(1 << 20);
    tokio::spawn(serve(theirs, spaces));
    let caller = Caller {
        network: Network::Regtest,
        vantage: "test".to_owned(),
        name: ClientName::Same("observatory/test".to_owned()),
        objects: OnceLock::new(),
        disabled: std::sync::Arc::default(),
        secret: [7; 32],
    };
    let peer = (Ipv4Addr::new(127, 0, 0, 1), 50_001).into();
    let connection = Connection { stream: ours, peer, tls: None, round_trip: Duration::from_millis(30) };
    let goal = Goal {
        endpoint: Endpoint::new(peer.ip().into(), peer.port(), Transport::Tcp).expect("an endpoint"),
        addresses: [].into(),
        at: "2026-11-25T00:00:00Z".parse().expect("a time"),
        lot: 1,
    };
    let deep = Agenda::Deep { offer: Offer::Usual, cards: Vec::new() };
    rehearsal::visit(&caller, goal, &deep, Reached::Server(connection)).await.visit
}

/// How long after the question before it each question of a probe was asked.
fn silences(visit: &Visit, probe: &str) -> Vec<Duration> {
    let sent = |place: usize| Duration::from(visit.exchanges[place].sent);
    let places = (1..visit.exchanges.len()).filter(|place| visit.exchanges[*place].probe == probe);
    places.map(|place| sent(place) - sent(place - 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn who_writes_once_a_second_is_left_in_peace_for_longer_before_each_question_of_s13() {
    let second = Duration::from_secs(1);
    let padding = silences(&visit(200).await, "S13");
    assert_eq!(padding.len(), 3);
    assert!(padding.iter().all(|silence| *silence > second), "{padding:?}");
    let plain = silences(&visit(0).await, "S13");
    assert_eq!(plain.len(), 3);
    assert!(plain.iter().all(|silence| *silence < second), "{plain:?}");
}

#[tokio::test(start_paused = true)]
async fn s13_asks_about_one_script_that_nothing_else_is_asked_about() {
    let visit = visit(0).await;
    let script = |exchange: &model::Exchange| {
        let request: Value = serde_json::from_slice(exchange.request.bytes()).expect("a request");
        request["params"][0].clone()
    };
    let of = |is_s13: bool| -> Vec<Value> {
        visit.exchanges.iter().filter(|exchange| (exchange.probe == "S13") == is_s13).map(script).collect()
    };
    let asked = of(true);
    assert!(asked.len() == 3 && asked.iter().all(|other| *other == asked[0]), "{asked:?}");
    assert!(!of(false).contains(&asked[0]));
}
