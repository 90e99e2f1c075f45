//! Every capture, asked what visits ask, and named.

use std::{collections::BTreeMap, path::Path, sync::LazyLock, time::Duration};

use model::{Exchange, Purpose, Recorded, Seconds, Visit, exchange::Reply};
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
    "blockchain.block.header(number)",
    "blockchain.estimatefee(number)",
    "blockchain.scripthash.subscribe(hash)",
    "blockchain.scripthash.get_balance(hash)",
    "blockchain.scripthash.get_history(hash)",
];

/// What a deep visit asks beyond that; greetings are on connections of their own.
const DEEP: &[&str] = &[
    "blockchain.block.header(number, number)",
    "blockchain.block.headers(number, number)",
    "blockchain.transaction.id_from_pos(number, number, true)",
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
    "server.banner(text)",
    "blockchain.scripthash.get_balance(hex)",
    "blockchain.block.header({height: number})",
    "without jsonrpc: server.ping()",
    "a batch",
    "a batch of none",
    "blockchain.transaction.broadcast(hex)",
    "no JSON",
];
/// What a deep visit asks first, each on a connection of its own.
const OPENINGS: &[&str] = &[
    r#"server.version(name, ["1.4","1.7"])"#,
    r#"server.version(name, ["0.9","1.0"])"#,
    "server.version(3 parameters)",
    "server.ping()",
];

/// What each row asks, where it asks one thing.
static QUESTIONS: LazyLock<Vec<Vec<Option<String>>>> = LazyLock::new(|| {
    let question = |row: &Row| match row.requests.as_slice() {
        // Very long ones were cut when they were captured.
        [request] if request.len() < 2_000 => Question::read(request).map(|asked| asked.text),
        _ => None,
    };
    CAPTURES.iter().map(|capture| capture.rows.iter().map(question).collect()).collect()
});

/// A capture by its place.
#[derive(Clone, Copy)]
struct Server(usize);

impl Server {
    fn all() -> impl Iterator<Item = Self> + Clone {
        (0..CAPTURES.len()).map(Self)
    }

    fn capture(self) -> &'static Capture {
        &CAPTURES[self.0]
    }

    fn asking(self, question: &str) -> impl Iterator<Item = &'static Row> {
        let rows = self.capture().rows.iter().zip(&QUESTIONS[self.0]);
        rows.filter(move |(_, asked)| asked.as_deref() == Some(question)).map(|(row, _)| row)
    }

    /// The rows that ask a question, under the rules the greeting of a visit agrees on; where those were not
    /// captured, under the oldest.
    fn rows(self, question: &str, greeted: bool) -> Vec<&'static Row> {
        if !greeted {
            return self.asking(question).filter(|row| row.greeting.is_none()).collect();
        }
        let greeting = self.asking(GREETING).find(|row| row.greeting.is_none());
        let agreed = greeting.and_then(|row| Era::agreed(&row.answers.first()?.0));
        let under = |era: Option<Era>| -> Vec<_> {
            let era_of = |row: &Row| row.greeting.as_ref().and_then(|(line, _)| Era::agreed(line));
            self.asking(question).filter(|row| era_of(row) == era).collect()
        };
        let exact = under(agreed);
        if exact.is_empty() { under(Some(Era::Classic)) } else { exact }
    }
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
    let endpoint = "tcp://127.0.0.1:50001".parse().expect("an endpoint");
    let (here, began) = ("test".to_owned(), jiff::Timestamp::UNIX_EPOCH);
    let begun = Visit::begun(electrum::Network::Regtest, endpoint, here, Purpose::Light, began);
    Visit { exchanges: exchanges.into_iter().enumerate().map(exchange).collect(), ..begun }
}

/// The exchanges of rows that ask these questions.
fn exchanges(server: Server, questions: &[&str], greeted: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = questions.iter().flat_map(|question| server.rows(question, greeted));
    let pair = |row: &Row| {
        let (request, answer) = row.turns().into_iter().next()?;
        Some((request.as_bytes().to_vec(), answer?.0.as_bytes().to_vec()))
    };
    rows.filter_map(pair).collect()
}

fn light(server: Server) -> Vec<Visit> {
    let greeting = exchanges(server, &[GREETING], false);
    vec![visit(greeting.into_iter().chain(exchanges(server, LIGHT, true)))]
}

fn deep(server: Server) -> Vec<Visit> {
    let greeting = exchanges(server, &[GREETING], false);
    let mut visits = vec![visit(
        greeting.into_iter().chain(exchanges(server, LIGHT, true)).chain(exchanges(server, DEEP, true)),
    )];
    let openings = exchanges(server, OPENINGS, false);
    visits.extend(openings.into_iter().map(|opening| visit([opening])));
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
    println!(
        "{:24}{:36}{:36}{:36}{:36}",
        "captured", "light", "light, other claim", "deep", "deep, other claim"
    );
    for server in Server::all() {
        let capture = server.capture();
        let other = &CAPTURES[(server.0 + CAPTURES.len() / 2) % CAPTURES.len()];
        let claim = format!("{} {}", other.name, other.version);
        let (light, deep) = (light(server), deep(server));
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
    for server in Server::all() {
        let capture = server.capture();
        let knowledge = KNOWLEDGE.without(&capture.name, &capture.version);
        let found = [light(server), deep(server)].map(|visits| identify(&knowledge, &visits));
        let [a, b] = found.each_ref().map(|found| named(found.as_ref()));
        println!("{:24}{a:36}{b:36}", format!("{} {}", capture.name, capture.version));
        for found in found.into_iter().flatten() {
            assert_eq!(found.name, capture.name);
        }
    }
}

#[test]
fn what_answers_partly_like_one_and_partly_like_another_is_unknown() {
    for a in Server::all() {
        for b in Server::all().filter(|b| b.capture().name != a.capture().name) {
            let [a, b] = [a, b].map(|server| light(server).remove(0).exchanges);
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
    for server in Server::all() {
        let capture = server.capture();
        let whole = light(server).remove(0);
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

static LIGHT_VISIT: LazyLock<Visit> = LazyLock::new(|| light(Server(0)).remove(0));

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        lines in proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..4),
        texts in proptest::collection::vec((0_usize..LIGHT.len(), "[\\[{\"a:,1e\\\\u0 }\\]-]{0,40}"), 0..4),
    ) {
        let torn = texts.into_iter().map(|(index, text)| {
            let request = LIGHT_VISIT.exchanges.get(index).map(|e| e.request.bytes().to_vec());
            (request.unwrap_or_default(), format!("{{\"result\":{text},\"error\":{text}}}").into_bytes())
        });
        prop_assert_eq!(identify(&KNOWLEDGE, &[visit(lines.into_iter().chain(torn))]), None);
    }
}
