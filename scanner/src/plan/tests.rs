use std::{collections::HashSet, sync::Mutex};

use proptest::{prelude::*, test_runner::TestCaseError};
use tokio::task::JoinSet;

use super::*;
use crate::{
    agenda::Agenda,
    ledger::{CONNECTION_COST, Denied},
    probe::Offer,
};

fn subject(address: [u8; 4], transports: &[&str]) -> Subject {
    let host = IpAddr::from(address);
    let ports = (50_001..).zip(transports).map(|(port, scheme)| format!("{scheme}://{host}:{port}"));
    let mut endpoints = ports.map(|text| text.parse::<electrum::Endpoint>().expect("an endpoint"));
    let listens = endpoints.by_ref().map(|endpoint| (endpoint.port, endpoint.transport));
    Subject { server: Server::new(host.into(), listens).expect("an endpoint"), address: Some(host) }
}

fn basis(subjects: Vec<Subject>, profile: Profile, rounds: u32, interval: u64) -> Basis {
    let options = Options {
        profile,
        rounds,
        interval: Duration::from_secs(interval),
        concurrency: 4,
        follow_peers: false,
        guard: electrum::guard::Guard::AllowPrivate,
    };
    let acquaintances = Acquaintances::default();
    Basis { subjects, acquaintances, objects: None, network: Network::Regtest, options }
}

fn planned_now(basis: &Basis) -> Plan {
    plan(basis, &Ledger::new(Politeness::default()), Instant::now(), Timestamp::now())
}

#[test]
fn one_light_round_to_two_neighbours_and_a_stranger() {
    let servers = vec![
        subject([9, 9, 9, 1], &["ssl", "tcp"]),
        subject([9, 9, 9, 2], &["ssl"]),
        subject([9, 9, 8, 1], &["tcp"]),
    ];
    let plan = planned_now(&basis(servers, Profile::Light, 1, 600));
    let (round, day) = plan.together(&plan.servers);
    assert_eq!(round.connections, Figure { expected: 4, bound: 6 });
    assert_eq!((day, round.e.bound), (round, 4.0 * 60.0));
    assert!((20.0..60.0).contains(&(round.e.expected / 4.0)), "{}", round.e.expected);
    // Three visits to one /24, ten seconds apart.
    assert_eq!(plan.round_at_least, Duration::from_secs(20));
    assert_eq!(plan.by(|server| server.address.map(|ip| Subnet::from(ip).to_string())).len(), 2);
}

#[test]
fn a_day_has_the_rounds_that_begin_in_it_and_no_more_than_are_asked_for() {
    let day = |rounds, interval| {
        let plan =
            planned_now(&basis(vec![subject([9, 9, 9, 1], &["tcp"])], Profile::Light, rounds, interval));
        plan.together(&plan.servers).1.connections
    };
    assert_eq!(day(6, 600), Figure { expected: 6, bound: 6 });
    assert_eq!(day(1_000, 600), Figure { expected: 144, bound: 144 });
    let endless = day(u32::MAX, 0);
    assert_eq!(endless.bound, 8_641);
    assert!(endless.expected < 8_641, "what is owed keeps it from coming every ten seconds");
}

#[test]
fn a_deep_day_plays_every_card_and_stays_within_the_spacing() {
    let subjects = vec![subject([9, 9, 9, 1], &["ssl"])];
    let mut basis = basis(subjects, Profile::Deep, u32::MAX, 60);
    basis.objects = Some(Arc::new(Objects::default()));
    let plan = planned_now(&basis);
    let day = plan.together(&plan.servers).1;
    assert!(day.e.expected < day.e.bound, "{day:?}");
    // The dearest visit, and a day of what is forgotten.
    assert!((day.e.bound - (Class::ParseError.budget() + 86_400.0)).abs() < 1e-6, "{day:?}");
}

#[test]
fn who_is_left_alone_is_expected_to_see_nothing() {
    let basis = basis(vec![subject([9, 9, 9, 1], &["tcp"])], Profile::Light, 1, 600);
    let ledger = Ledger::new(Politeness::default());
    ledger.leave_alone_until(basis.subjects[0].server.host(), Instant::now() + DAY);
    let plan = plan(&basis, &ledger, Instant::now(), Timestamp::now());
    assert_eq!(plan.servers[0].day.connections.expected, 0);
}

/// How servers behave in a simulated scan: what each next visit spends of its budget, how long it takes, and
/// whether its TLS fails.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    spends: f64,
    takes: u64,
    fails: bool,
}

fn behaviours() -> impl Strategy<Value = Vec<Behaviour>> {
    let one = (0.0..=1.0, 0_u64..60, any::<bool>());
    prop::collection::vec(one.prop_map(|(spends, takes, fails)| Behaviour { spends, takes, fails }), 1..12)
}

fn subjects() -> impl Strategy<Value = Vec<Subject>> {
    let transports = prop::sample::subsequence(vec!["tcp", "ssl", "ws", "wss"], 1..=3);
    prop::collection::vec((0_u8..2, 1_u8..5, transports), 1..5).prop_map(|servers| {
        let mut seen = HashSet::new();
        let new = servers.into_iter().filter(|(net, host, _)| seen.insert((*net, *host)));
        new.map(|(net, host, transports)| subject([9, 9, net, host], &transports)).collect()
    })
}

/// Connections and E, by server.
type Seen = Arc<Mutex<HashMap<Host, (u64, f64)>>>;

/// What the visits of a scan share.
#[derive(Clone)]
struct Scan {
    ledger: Arc<Ledger>,
    seen: Seen,
    behaviours: Arc<Vec<Behaviour>>,
    began: Instant,
}

impl Scan {
    fn count(&self, host: &Host, spent: f64, at: Instant) {
        if at < self.began + DAY {
            let mut seen = self.seen.lock().expect("nobody panicked");
            let figures = seen.entry(host.clone()).or_default();
            figures.0 += 1;
            figures.1 += spent;
        }
    }

    /// Visits as a visitor does, and says what was done.
    async fn visit(&self, endpoint: &electrum::Endpoint, agenda: &Agenda, number: usize) -> Option<Agenda> {
        let (host, address) = (&endpoint.host, endpoint.host.address());
        let mut agenda = agenda.clone();
        let mut permit = match self.ledger.wait(host, address, agenda.class()).await {
            Err(Denied::NotDue(_)) => {
                agenda = agenda.lighter()?;
                self.ledger.wait(host, address, agenda.class()).await.ok()?
            }
            permit => permit.ok()?,
        };
        let opened = Instant::now();
        let behaviour = self.behaviours[number % self.behaviours.len()];
        assert!(permit.charge(CONNECTION_COST));
        let fails = behaviour.fails && endpoint.transport.is_encrypted();
        if !fails {
            assert!(permit.charge((agenda.class().budget() - CONNECTION_COST) * behaviour.spends));
        }
        tokio::time::sleep(Duration::from_secs(behaviour.takes)).await;
        self.count(host, permit.spent(), opened);
        drop(permit);
        if fails {
            let mut second = self.ledger.wait(host, address, Class::Light).await.ok()?;
            assert!(second.charge(CONNECTION_COST));
            self.count(host, second.spent(), Instant::now());
        }
        Some(agenda)
    }
}

/// Scans for a day on a paused clock, everybody at once, so that only the ledger holds visits back.
async fn scan(basis: &Basis, behaviours: Vec<Behaviour>) -> HashMap<Host, (u64, f64)> {
    let began = Instant::now();
    let scan = Scan {
        ledger: Ledger::new(Politeness::default()),
        seen: Seen::default(),
        behaviours: Arc::new(behaviours),
        began,
    };
    let mut acquaintances = basis.acquaintances.clone();
    let mut number = 0;
    for _ in 0..basis.options.rounds {
        let round = Instant::now();
        if round >= began + DAY {
            break;
        }
        let wall = Timestamp::UNIX_EPOCH + (round - began);
        let servers = basis.subjects.iter().map(|subject| &subject.server);
        let mut visits = JoinSet::new();
        for itinerary in planned(servers, &acquaintances, basis.options.profile, wall) {
            number += 1;
            let scan = scan.clone();
            visits.spawn(async move {
                let mut done = Vec::new();
                for (place, (endpoint, agenda)) in itinerary.0.iter().enumerate() {
                    let visited = scan.visit(endpoint, agenda, number + place).await;
                    done.extend(visited.map(|agenda| (endpoint.host.clone(), agenda)));
                }
                done
            });
        }
        while let Some(visited) = visits.join_next().await {
            for (host, agenda) in visited.expect("a visit ends") {
                agenda.note(&mut acquaintances, &host, wall);
            }
        }
        tokio::time::sleep_until(round + basis.options.interval).await;
    }
    std::mem::take(&mut scan.seen.lock().expect("nobody panicked"))
}

fn within(seen: (u64, f64), day: &Load) -> Result<(), TestCaseError> {
    prop_assert!(seen.0 <= day.connections.bound, "{} connections, {:?}", seen.0, day);
    prop_assert!(seen.1 <= day.e.bound + 1e-6, "{} E, {:?}", seen.1, day);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_scan_exceeds_the_bound_of_its_plan(
        subjects in subjects(),
        deep in any::<bool>(),
        rounds in 1_u32..60,
        interval in 0_u64..2_000,
        behaviours in behaviours(),
    ) {
        let profile = if deep { Profile::Deep } else { Profile::Light };
        let mut basis = basis(subjects, profile, rounds, interval);
        basis.objects = Some(Arc::new(Objects::default()));
        let plan = planned_now(&basis);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let seen = clock.expect("a runtime").block_on(scan(&basis, behaviours));
        for server in &plan.servers {
            within(seen.get(&server.host).copied().unwrap_or_default(), &server.day)?;
            prop_assert!(server.day.connections.expected <= server.day.connections.bound);
            prop_assert!(server.day.e.expected <= server.day.e.bound);
        }
        for servers in plan.by(|server| server.address.map(|ip| Subnet::from(ip).to_string())).values() {
            let sums = servers.iter().filter_map(|server| seen.get(&server.host));
            let sum = sums.fold((0, 0.0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
            within(sum, &plan.together(servers.iter().copied()).1)?;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn neighbours_that_cost_all_they_may_come_up_to_the_bound() {
    let servers = (1..=4).map(|host| subject([9, 9, 9, host], &["tcp"])).collect();
    let basis = basis(servers, Profile::Light, u32::MAX, 0);
    let plan = planned_now(&basis);
    let bound = plan.together(&plan.servers).1.e.bound;
    let seen = scan(&basis, vec![Behaviour { spends: 1.0, takes: 0, fails: false }]).await;
    let spent: f64 = seen.values().map(|(_, e)| e).sum();
    assert!(spent <= bound && spent > bound * 0.99, "{spent} of {bound}");
}

#[test]
fn offers_that_differ_are_worked_out_apart() {
    let mut costs = cost::Costs::new(Network::Regtest, None);
    let usual = costs.of(&Agenda::Light { offer: Offer::Usual });
    assert!((usual - costs.of(&Agenda::Light { offer: Offer::Oldest })).abs() < 1.0);
    assert!((20.0..60.0).contains(&usual), "{usual}");
    let search = costs.of(&Agenda::Objects);
    assert!((100.0..350.0).contains(&search), "{search}");
}
