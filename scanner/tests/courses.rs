//! Visits to servers that behave in one peculiar way each: what is asked of them then, and what not any more.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use electrum::{Endpoint, Network, Transport, dial::Dialer, guard::Guard, limits::Limits, names::Names};
use model::Outcome;
use scanner::{
    acquaintance::{Acquaintances, Constitution},
    agenda::{Agenda, Profile},
    aside::Tickets,
    caller::{Caller, ClientName},
    discovery::{Caps, Exclusions, Frontier, InForce, Server, Source},
    gate::Gate,
    kin::Kin,
    ledger::{Class, Denied, Ledger, Politeness, Spacings},
    origin::Origin,
    probe::{Offer, probe},
    sweep::{self, Event, Options, World},
    visit::{Visited, Visitor},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
};

/// What a server does with a request.
enum Reaction {
    /// Answers with a result.
    Result(Value),
    /// Answers with an error.
    Error(i64, &'static str),
    /// Writes this line.
    Line(String),
    /// Hangs up.
    HangUp,
    /// Resets the connection.
    Reset,
}

use Reaction::{Error, HangUp, Line, Reset, Result as Answer};

/// A server that notes every line it was sent.
struct Peculiar {
    endpoint: Endpoint,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Peculiar {
    async fn start(react: impl Fn(&Value) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let place = listener.local_addr().expect("bound");
        let endpoint = Endpoint::new(place.ip().into(), place.port(), Transport::Tcp).expect("an endpoint");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (notes, react) = (Arc::clone(&heard), Arc::new(react));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, react) = (Arc::clone(&notes), Arc::clone(&react));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                        notes.lock().expect("a lock").push(line.trim_end().to_owned());
                        let request: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
                        let id = &request["id"];
                        let said = match react(&request) {
                            Answer(result) => json!({"id": id, "result": result}).to_string(),
                            Error(code, message) => {
                                json!({"id": id, "error": {"code": code, "message": message}}).to_string()
                            }
                            Line(line) => line,
                            HangUp => return,
                            Reset => {
                                let _ = stream.get_ref().set_zero_linger();
                                return;
                            }
                        };
                        if stream.write_all(format!("{said}\n").as_bytes()).await.is_err() {
                            return;
                        }
                        line.clear();
                    }
                });
            }
        });
        Self { endpoint, heard }
    }

    /// The methods of the requests so far.
    fn methods(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("a lock");
        let method = |line: &String| {
            let request: Value = serde_json::from_str(line).unwrap_or(Value::Null);
            request["method"].as_str().unwrap_or("?").to_owned()
        };
        heard.iter().map(method).collect()
    }

    fn times(&self, method: &str) -> usize {
        self.methods().iter().filter(|asked| *asked == method).count()
    }
}

/// What any server says where a test is not about it.
fn usual(request: &Value) -> Reaction {
    match request["method"].as_str() {
        Some("server.version") => Answer(json!(["Peculiar 1.0", "1.4"])),
        Some("blockchain.headers.subscribe") => Answer(json!({"height": 120, "hex": ""})),
        Some("no.such.method") => Error(-32601, "unknown method"),
        _ => Answer(Value::Null),
    }
}

fn visitor() -> Visitor {
    Visitor {
        dialer: Dialer::new(Names::system(), Guard::AllowPrivate, None, Limits::default()),
        ledger: Ledger::new(Politeness::default()),
        exclusions: InForce::default(),
        caller: Caller {
            network: Network::Regtest,
            vantage: "test".to_owned(),
            name: ClientName::Same("observatory/test".to_owned()),
            objects: OnceLock::new(),
            disabled: Arc::default(),
            secret: [7; 32],
        },
        tickets: Tickets::default(),
    }
}

async fn visit(visitor: &Visitor, server: &Peculiar, agenda: &Agenda) -> Visited {
    let gate = Gate::new(1);
    visitor.visit(&server.endpoint, agenda, Origin::default(), &gate).await.expect("a visit")
}

fn deep(cards: &[&str]) -> Agenda {
    let cards = cards.iter().map(|id| probe(id).expect("a probe")).collect();
    Agenda::Deep { offer: Offer::Usual, cards }
}

#[tokio::test]
async fn who_says_stop_is_asked_nothing_more_and_left_alone() {
    let server = Peculiar::start(|request| match request["method"].as_str() {
        Some("no.such.method") => Error(-101, "excessive resource usage"),
        _ => usual(request),
    })
    .await;
    let visitor = visitor();
    let visited = visit(&visitor, &server, &deep(&["E1", "E2"])).await;
    assert_eq!(visited.visit.outcome, Outcome::ToldToStop);
    assert_eq!(server.methods().last().map(String::as_str), Some("no.such.method"), "and not E2");
    let again = visitor.ledger.ask(&server.endpoint.host, None, Class::Light).await;
    assert!(matches!(again, Err(Denied::LeftAlone(_))));
    assert!(visitor.visit(&server.endpoint, &deep(&[]), Origin::default(), &Gate::new(1)).await.is_none());
}

#[tokio::test]
async fn a_reset_means_stop_unless_it_answers_what_was_wrong() {
    let reset_on = |method: &'static str| {
        move |request: &Value| if request["method"] == method { Reset } else { usual(request) }
    };
    for (method, outcome, left_alone) in
        [("server.features", Outcome::Closed, true), ("no.such.method", Outcome::Answered, false)]
    {
        let server = Peculiar::start(reset_on(method)).await;
        let visitor = visitor();
        let visited = visit(&visitor, &server, &deep(&["E1"])).await;
        assert_eq!(visited.visit.outcome, outcome, "{method}");
        let again = visitor.ledger.ask(&server.endpoint.host, None, Class::Light).await;
        assert_eq!(matches!(again, Err(Denied::LeftAlone(_))), left_alone, "{method}");
    }
}

#[tokio::test]
async fn who_asks_to_be_left_alone_while_a_visit_waits_is() {
    let server = Peculiar::start(usual).await;
    let spacing = Duration::from_millis(300);
    let spacings = Spacings { server: spacing, subnet: spacing, system: spacing };
    let visitor = Visitor { ledger: Ledger::new(Politeness::of_fleet(spacings, 2)), ..visitor() };
    let agenda = Agenda::Light { offer: Offer::Usual };
    visit(&visitor, &server, &agenda).await;
    let heard = server.methods().len();
    let waiting = visit(&visitor, &server, &agenda);
    let exclude = async {
        let (rules, _) = Exclusions::parse("127.0.0.0/8").expect("short enough");
        visitor.exclusions.replace(rules);
    };
    let (visited, ()) = tokio::join!(waiting, exclude);
    assert_eq!((visited.visit.outcome, server.methods().len()), (Outcome::AddressRefused, heard));
}

#[tokio::test]
async fn a_server_that_errs_at_everything_is_not_asked_everything() {
    let server = Peculiar::start(|request| match request["method"].as_str() {
        Some("server.version") => usual(request),
        _ => Error(-1, "daemon error: DaemonError({'code': -28, 'message': 'Loading block index...'})"),
    })
    .await;
    let visited = visit(&visitor(), &server, &deep(&["E10", "E1", "E2"])).await;
    assert_eq!(visited.visit.outcome, Outcome::Answered);
    // The first round cannot know. What could have waited has waited.
    assert_eq!(server.times("blockchain.transaction.broadcast"), 0);
    assert_eq!(server.times("no.such.method"), 0);
    assert_eq!(server.times("blockchain.scripthash.listunspent"), 0, "no object was asked about");
}

#[tokio::test]
async fn no_session_has_more_than_three_errors_by_intent_and_a_good_request_goes_before_each() {
    let server = Peculiar::start(usual).await;
    let cards = ["E1"; 9];
    let visited = visit(&visitor(), &server, &deep(&cards)).await;
    let methods = server.methods();
    let provoked = server.times("no.such.method");
    assert!((2..=3).contains(&provoked), "{provoked}");
    for (before, asked) in methods.iter().zip(&methods[1..]) {
        assert!(asked != "no.such.method" || before == "server.ping", "{methods:?}");
    }
    assert!(visited.visit.cost <= 350.0, "{}", visited.visit.cost);
}

#[tokio::test]
async fn an_error_without_the_id_answers_what_was_wrong() {
    let server = Peculiar::start(|request| match &request["params"] {
        Value::Object(_) => {
            Line(r#"{"error":{"code":-32600,"message":"invalid request"},"id":null}"#.to_owned())
        }
        _ => usual(request),
    })
    .await;
    let visited = visit(&visitor(), &server, &deep(&["E5"])).await;
    let named = visited.visit.exchanges.iter().find(|exchange| exchange.probe == "E5").expect("was asked");
    assert!(named.answer.is_some());
    assert_eq!(visited.visit.unasked.count, 0);
}

#[tokio::test]
async fn to_hang_up_is_an_answer_to_an_unusual_opening() {
    let server = Peculiar::start(|_| HangUp).await;
    let opening = Agenda::Opening(probe("H4").expect("a probe"));
    let visited = visit(&visitor(), &server, &opening).await;
    assert_eq!(visited.visit.outcome, Outcome::Answered);
    assert_eq!(server.methods(), ["server.version"]);
    let usual_greeting = visit(&visitor(), &server, &deep(&[])).await;
    assert_eq!(usual_greeting.visit.outcome, Outcome::Closed);
}

#[tokio::test]
async fn software_that_does_not_survive_what_is_wrong_is_spared_it() {
    let server = Peculiar::start(|request| match request["method"].as_str() {
        Some("server.version") => Answer(json!(["ElectrumPersonalServer 0.2.4", "1.4"])),
        _ => usual(request),
    })
    .await;
    visit(&visitor(), &server, &deep(&["E1", "E2"])).await;
    assert_eq!(server.times("no.such.method"), 0);
    assert!(server.times("server.banner") > 0);
}

#[tokio::test]
async fn what_is_no_json_comes_last_and_alone() {
    let server = Peculiar::start(|request| match request {
        Value::Null => Line(r#"{"error":{"code":-32700,"message":"invalid JSON"},"id":null}"#.to_owned()),
        _ => usual(request),
    })
    .await;
    let visited = visit(&visitor(), &server, &Agenda::ParseError(probe("E9").expect("a probe"))).await;
    assert_eq!(server.methods(), ["server.version", "server.ping", "?"]);
    let last = visited.visit.exchanges.last().expect("an exchange");
    assert!(last.probe == "E9" && last.answer.is_some());
    assert!(visited.visit.cost > 1_100.0 && visited.visit.cost < 1_160.0, "{}", visited.visit.cost);
}

#[tokio::test]
async fn a_server_that_is_silent_to_one_question_is_waited_for_and_asked_the_next() {
    let server = Peculiar::start(|request| match request["method"].as_str() {
        Some("no.such.method") => Line(r#"{"method":"mumble","params":[]}"#.to_owned()),
        _ => usual(request),
    })
    .await;
    let began = std::time::Instant::now();
    let visited = visit(&visitor(), &server, &deep(&["E1", "E3"])).await;
    assert_eq!(visited.visit.outcome, Outcome::Answered);
    assert!(began.elapsed() < Duration::from_secs(40));
    let asked: Vec<_> = visited.visit.exchanges.iter().map(|exchange| &*exchange.probe).collect();
    assert_eq!(asked.last(), Some(&"E3"));
}

#[tokio::test]
async fn a_server_that_hangs_up_on_a_range_of_versions_is_offered_one_version_the_next_time() {
    let server = Peculiar::start(|request| match &request["params"][1] {
        Value::Array(_) => HangUp,
        _ => usual(request),
    })
    .await;
    let mut frontier = Frontier::new(Caps::default());
    frontier.admit(&Source::CommandLine, [Server::from(server.endpoint.clone())], |_| true);
    let world = World { frontier, acquaintances: Acquaintances::default(), kin: Kin::default() };
    let options = Options {
        profile: Profile::Light,
        rounds: 2,
        interval: Duration::ZERO,
        concurrency: 1,
        follow_peers: false,
        guard: Guard::AllowPrivate,
    };
    let (events, mut inbox) = mpsc::channel(100);
    let world = sweep::run(Arc::new(visitor()), world, options, Gate::new(1), events).await;
    let mut outcomes = Vec::new();
    while let Some(event) = inbox.recv().await {
        if let Event::Visited(visit) = event {
            outcomes.push(visit.outcome);
        }
    }
    assert_eq!(outcomes, [Outcome::Closed, Outcome::Answered]);
    let constitution = world.acquaintances.of(&server.endpoint.host).constitution;
    assert_eq!(constitution, Constitution::Unsure);
}
