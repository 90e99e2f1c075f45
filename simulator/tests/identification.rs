//! The analyzer names every simulated server rightly from what a light visit hears, whatever the server claims.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use analyzer::identify::{Knowledge, Version, identify};
use anyhow::{Context as _, ensure};
use model::{Exchange, Purpose, Recorded, Seconds, Visit, exchange::Reply};
use simulator::{
    SimTime,
    chain::{Chain, ChainPlan},
    grammar::{Framing, Identity, Library, Session},
    node::{Node, NodePlan},
};

/// The rounds of a light visit, and an error that tells servers apart which write alike.
fn rounds() -> Vec<Vec<(&'static str, String)>> {
    let script = format!("[\"{}\"]", "ab".repeat(32));
    let none = || "[]".to_owned();
    let ping = || vec![("server.ping", none())];
    vec![
        vec![("server.version", "[\"x\", [\"1.4\", \"1.6\"]]".to_owned())],
        ping(),
        ping(),
        ping(),
        vec![
            ("server.features", none()),
            ("server.banner", none()),
            ("server.donation_address", none()),
            ("server.peers.subscribe", none()),
            ("blockchain.headers.subscribe", none()),
            ("blockchain.estimatefee", "[2]".to_owned()),
            ("blockchain.estimatefee", "[144]".to_owned()),
            ("blockchain.scripthash.subscribe", script.clone()),
            ("blockchain.scripthash.get_balance", script.clone()),
            ("blockchain.scripthash.get_history", script),
        ],
        vec![("blockchain.block.header", "[7]".to_owned()), ("blockchain.block.header", "[0]".to_owned())],
        vec![("server.nonsense", none())],
    ]
}

/// What a visitor records of a session.
fn exchanges(mut session: Session, node: &Node) -> Vec<Exchange> {
    let (mut now, mut id, mut exchanges) = (SimTime::START, 0_usize, Vec::new());
    let seconds = |now: SimTime| Seconds::from(Duration::from_millis(now.as_millis()));
    for round in rounds() {
        let (sent, first) = (now, exchanges.len());
        for (method, params) in round {
            // The greeting's id is written as a visitor writes it.
            let number = if id == 0 { "7e2".to_owned() } else { (700 + id).to_string() };
            id += 1;
            let request = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"{method}\",\"params\":{params}}}"
            );
            session.receive(request.as_bytes(), &node.view(now), now);
            exchanges.push(Exchange {
                probe: "H1".into(),
                request: Recorded::new(request.as_bytes(), Recorded::LIMIT),
                sent: seconds(sent),
                answer: None,
            });
        }
        loop {
            let reaction = session.flush(now);
            for line in String::from_utf8_lossy(&reaction.writes.concat()).lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                let place = value["id"].as_f64().map(|id| id - 700.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small id")]
                let exchange = place.map(|place| place as usize).filter(|place| *place >= first);
                let exchange = exchange.and_then(|place| exchanges.get_mut(place));
                if let Some(exchange) = exchange {
                    let response = Recorded::new(line.as_bytes(), Recorded::LIMIT);
                    exchange.answer =
                        Some(Reply { response, first_byte: seconds(now), last_byte: seconds(now) });
                }
            }
            match reaction.next.filter(|_| reaction.end.is_none()) {
                Some(next) => now = next,
                None => break,
            }
        }
    }
    exchanges
}

fn visit(exchanges: Vec<Exchange>) -> anyhow::Result<Visit> {
    let (endpoint, began) = ("tcp://127.0.0.1:50001".parse()?, jiff::Timestamp::UNIX_EPOCH);
    let begun = Visit::begun(electrum::Network::Regtest, endpoint, "test".to_owned(), Purpose::Light, began);
    Ok(Visit { exchanges, ..begun })
}

#[test]
#[expect(clippy::print_stdout, reason = "who was taken for what is what people look at")]
fn every_simulated_server_speaks_like_what_it_simulates() -> anyhow::Result<()> {
    let plan =
        ChainPlan { blocks: 158, ahead: 10, histories: vec![1], forks: Vec::new(), ..ChainPlan::default() };
    let node = Node::new(NodePlan::default(), Arc::new(Chain::generate(&plan)?));
    let knowledge = Knowledge::embedded()?;
    let identity = Arc::new(Identity {
        services: Vec::new(),
        bound: SocketAddr::from(([127, 0, 0, 1], 50_001)),
        genesis_hash: node.chain().genesis_hash(),
        banner: None,
        donation_address: None,
        agent: Some("Nonsense 9.9".to_owned()),
        peers: Vec::new(),
    });
    for (name, grammar) in Library::embedded()?.iter() {
        let session =
            Session::new(Arc::clone(grammar), Arc::clone(&identity), Framing::Lines, SimTime::START);
        let visit = visit(exchanges(session, &node))?;
        let found = identify(&knowledge, [&visit]);
        println!("{name:24}{}", found.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string));
        let found = found.with_context(|| format!("{name} speaks like nobody"))?;
        let version = Version::read(grammar.version()).context("a version")?;
        let holds = found.min.as_ref().is_none_or(|min| *min <= version)
            && found.max.as_ref().is_none_or(|max| version <= *max);
        ensure!(found.name == grammar.name() && holds, "{name} is taken for {found:?}");
    }
    Ok(())
}
