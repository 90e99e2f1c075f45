//! Every capture, asked what visits ask, and named.

use std::{collections::BTreeMap, path::Path, sync::LazyLock, time::Duration};

use model::{Exchange, Outcome, Recorded, Seconds, Visit, exchange::Reply, visit::*};
use proptest::prelude::*;

use super::{question::Question, *};
use crate::capture::{Capture, Row, learn};

static CAPTURES: LazyLock<Vec<Capture>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    Capture::read_all(&folder).expect("captures")
});
static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| Knowledge::embedded().expect("a knowledge base"));

const GREETING: &str = r#"server.version(name, ["1.4","1.6"])"#;

/// What a light visit asks after its greeting, in this order.
const LIGHT: &[&str] = &[
    "server.ping()",
    "server.ping()",
    "server.ping()",
    "server.ping()",
    "server.ping()",
    "server.features()",
    "server.banner()",
    "server.donation_address()",
    "server.peers.subscribe()",
    "blockchain.headers.subscribe()",
    "blockchain.block.header(0)",
    "blockchain.block.header(number)",
    "blockchain.estimatefee(number)",
    "blockchain.scripthash.subscribe(hash)",
    "blockchain.scripthash.get_balance(hash)",
    "blockchain.scripthash.get_history(hash)",
];

/// What a deep visit asks beyond that; greetings are on connections of their own.
const DEEP: &[&str] = &[
    "blockchain.block.header(number, number)",
    "blockchain.block.headers(0, number)",
    "blockchain.transaction.id_from_pos(number, number)",
    "blockchain.transaction.get(hash)",
    "blockchain.transaction.get(hash, true)",
    "blockchain.transaction.get_merkle(hash, number)",
    "blockchain.scripthash.listunspent(hash)",
    "blockchain.scripthash.get_mempool(hash)",
    "blockchain.scripthash.unsubscribe(hash)",
    "mempool.get_info()",
    "blockchain.relayfee()",
    "mempool.get_fee_histogram()",
    "a method that does not exist",
    "blockchain.block.header()",
    "blockchain.scripthash.get_balance(hex)",
    "blockchain.block.header({height: number})",
    "without jsonrpc: server.ping()",
    "a batch",
    "a batch of none",
    "blockchain.transaction.broadcast(hex)",
    "no JSON",
];
const GREETINGS: &[&str] = &[
    r#"server.version(name, ["1.4","1.7"])"#,
    r#"server.version(name, ["0.9","1.0"])"#,
    "server.version(3 parameters)",
];

/// The rows of a capture that ask a question, under the rules the greeting of a visit agrees on; where those
/// were not captured, under others.
fn rows<'c>(capture: &'c Capture, question: &str, greeted: bool) -> Vec<&'c Row> {
    let asks = |row: &&Row| match row.requests.as_slice() {
        [request] => Question::read(request).is_some_and(|asked| asked.text == question),
        _ => false,
    };
    let found: Vec<_> =
        capture.rows.iter().filter(asks).filter(|row| row.greeting.is_some() == greeted).collect();
    let era = |row: &&Row| row.greeting.as_ref().and_then(|(line, _)| Era::agreed(line));
    let agreed = era_of(capture);
    let exact: Vec<_> = found.iter().copied().filter(|row| era(row) == agreed).collect();
    if exact.is_empty() { found } else { exact }
}

/// What a visit agrees on with this server.
fn era_of(capture: &Capture) -> Option<Era> {
    let greets = |row: &&Row| {
        row.requests.iter().any(|request| Question::read(request).is_some_and(|asked| asked.text == GREETING))
    };
    let row = capture.rows.iter().find(|row| row.greeting.is_none() && greets(row))?;
    Era::agreed(&row.answers.first()?.0)
}

/// A visit with these exchanges, made one by one.
fn visit(exchanges: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Visit {
    let at = |millis: usize| Seconds::from(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
    let exchange = |(index, (request, answer)): (usize, (Vec<u8>, Vec<u8>))| Exchange {
        probe: "X".into(),
        request: Recorded::new(&request, Recorded::LIMIT),
        sent: at(index * 10),
        answer: Some(Reply {
            response: Recorded::new(answer.trim_ascii_end(), Recorded::LIMIT),
            first_byte: at(index * 10 + 5),
            last_byte: at(index * 10 + 5),
        }),
    };
    Visit {
        network: electrum::Network::Regtest,
        endpoint: "tcp://127.0.0.1:50001".parse().expect("an endpoint"),
        vantage: "test".to_owned(),
        learnt_from: Vec::new(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        outcome: Outcome::Answered,
        detail: None,
        resolution: Resolution::default(),
        peer: None,
        timings: Timings::default(),
        tls: None,
        tls_offer: None,
        exchanges: exchanges.into_iter().enumerate().map(exchange).collect(),
        unasked: Unasked::default(),
        traffic: Traffic::default(),
        cost: 0.0,
    }
}

/// The exchanges of rows that ask these questions.
fn exchanges(capture: &Capture, questions: &[&str], greeted: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = questions.iter().flat_map(|question| rows(capture, question, greeted));
    let pair = |row: &Row| {
        let (request, answer) = row.turns().into_iter().next()?;
        Some((request.as_bytes().to_vec(), answer?.0.as_bytes().to_vec()))
    };
    rows.filter_map(pair).collect()
}

fn light(capture: &Capture) -> Vec<Visit> {
    let greeting = exchanges(capture, &[GREETING], false);
    vec![visit(greeting.into_iter().chain(exchanges(capture, LIGHT, true)))]
}

fn deep(capture: &Capture) -> Vec<Visit> {
    let greeting = exchanges(capture, &[GREETING], false);
    let mut visits = vec![visit(
        greeting.into_iter().chain(exchanges(capture, LIGHT, true)).chain(exchanges(capture, DEEP, true)),
    )];
    visits.extend(GREETINGS.iter().map(|question| visit(exchanges(capture, &[question], false))));
    visits.push(visit(exchanges(capture, &["server.ping()"], false)));
    visits
}

/// What each server claims to be, in every text that says so.
fn claims(capture: &Capture) -> Vec<String> {
    let version = &capture.version;
    ["ElectrumX ", "Fulcrum ", "electrs/", "electrs ", "mempool-electrs "]
        .map(|name| format!("{name}{version}"))
        .to_vec()
}

/// The same visits, of a server that claims to be another.
fn claiming(visits: &[Visit], own: &Capture, claim: &str) -> Vec<Visit> {
    let spoof = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        claims(own).iter().fold(text, |text, name| text.replace(name.as_str(), claim)).into_bytes()
    };
    let respoken = |visit: &Visit| {
        let mut visit = visit.clone();
        for exchange in &mut visit.exchanges {
            if let Some(reply) = &mut exchange.answer {
                reply.response = Recorded::new(&spoof(reply.response.bytes()), Recorded::LIMIT);
            }
        }
        visit
    };
    visits.iter().map(respoken).collect()
}

fn contains(found: &Identified, version: &Version) -> bool {
    found.min.as_ref().is_none_or(|min| min <= version) && found.max.as_ref().is_none_or(|max| version <= max)
}

fn named(found: Option<&Identified>) -> String {
    let bound = |version: &Option<Version>| version.as_ref().map_or("…".to_owned(), Version::to_string);
    found.map_or("unknown".to_owned(), |found| {
        format!("{} {}–{} ({:.2})", found.name, bound(&found.min), bound(&found.max), found.confidence)
    })
}

#[test]
fn the_knowledge_base_is_what_the_captures_make() {
    let made = learn(&CAPTURES).and_then(|knowledge| Ok(knowledge.write()?)).expect("a knowledge base");
    assert!(made == include_str!("../../grammars.json"), "run `make grammars`, and read what changes");
}

#[test]
#[expect(clippy::print_stdout, reason = "the confusion table is what people look at")]
fn every_capture_is_named_whatever_it_claims() {
    println!("{:24}{:36}{:36}{:36}{:36}", "captured", "light", "light, other claim", "deep", "deep, other claim");
    for (index, capture) in CAPTURES.iter().enumerate() {
        let other = &CAPTURES[(index + CAPTURES.len() / 2) % CAPTURES.len()];
        let claim = format!("{} {}", other.name, other.version);
        let (light, deep) = (light(capture), deep(capture));
        let visits = [
            light.clone(),
            claiming(&light, capture, &claim),
            deep.clone(),
            claiming(&deep, capture, &claim),
        ];
        let found = visits.map(|visits| identify(&KNOWLEDGE, &visits));
        let [a, b, c, d] = found.each_ref().map(|found| named(found.as_ref()));
        println!("{:24}{a:36}{b:36}{c:36}{d:36}", format!("{} {}", capture.name, capture.version));
        for found in found {
            let found = found.unwrap_or_else(|| panic!("{} {} is unknown", capture.name, capture.version));
            assert_eq!(found.name, capture.name);
            assert!(contains(&found, &capture.version), "{found:?}");
            assert!(found.confidence > 0.8, "{found:?}");
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the confusion table is what people look at")]
fn a_version_that_was_never_captured_is_named_by_family_or_unknown() {
    println!("{:24}{:36}{:36}", "left out", "light", "deep");
    for capture in CAPTURES.iter() {
        let knowledge = KNOWLEDGE.without(&capture.name, &capture.version);
        let found = [light(capture), deep(capture)].map(|visits| identify(&knowledge, &visits));
        let [a, b] = found.each_ref().map(|found| named(found.as_ref()));
        println!("{:24}{a:36}{b:36}", format!("{} {}", capture.name, capture.version));
        for found in found.into_iter().flatten() {
            assert_eq!(found.name, capture.name);
            assert!(contains(&found, &capture.version), "{found:?}");
        }
    }
}

#[test]
fn what_answers_partly_like_one_and_partly_like_another_is_unknown() {
    for a in CAPTURES.iter() {
        for b in CAPTURES.iter().filter(|b| b.name != a.name) {
            let [a, b] = [a, b].map(|capture| light(capture).remove(0).exchanges);
            let mixed = a.iter().zip(&b).enumerate().map(|(n, (a, b))| if n % 3 == 1 { b } else { a });
            let bytes = mixed.filter_map(|exchange| {
                let answer = exchange.answer.as_ref()?.response.bytes().to_vec();
                Some((exchange.request.bytes().to_vec(), answer))
            });
            assert_eq!(identify(&KNOWLEDGE, &[visit(bytes)]), None);
        }
    }
}

#[test]
fn a_visit_that_was_cut_short_is_wider_or_unknown_and_never_wrong() {
    for capture in CAPTURES.iter() {
        let whole = light(capture).remove(0);
        let mut widths = BTreeMap::new();
        for length in 0..=whole.exchanges.len() {
            let mut cut = whole.clone();
            cut.exchanges.truncate(length);
            let found = identify(&KNOWLEDGE, &[cut]);
            assert!(length > 1 || found.is_none(), "a greeting alone is not enough");
            if let Some(found) = found {
                assert!(found.name == capture.name && contains(&found, &capture.version), "{found:?}");
                widths.insert(length, found);
            }
        }
        assert!(!widths.is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        lines in proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..4),
        texts in proptest::collection::vec((0_usize..LIGHT.len(), "[\\[{\"a:,1e\\\\u0 }\\]-]{0,40}"), 0..4),
    ) {
        let light = light(&CAPTURES[0]).remove(0);
        let torn = texts.into_iter().map(|(index, text)| {
            let request = light.exchanges.get(index).map(|e| e.request.bytes().to_vec());
            (request.unwrap_or_default(), format!("{{\"result\":{text},\"error\":{text}}}").into_bytes())
        });
        prop_assert_eq!(identify(&KNOWLEDGE, &[visit(lines.into_iter().chain(torn))]), None);
    }
}
