//! The rules are written twice, in Rust for one process and in Lua for a fleet: whatever is asked, both answer the same.

use std::time::Duration;

use fleet::permits::{Answer, Ask, PermitId, Permits};
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::{
    Class, Denied, FIRST_QUIET, LONGEST_QUIET, Politeness, Spacings,
    accounts::{Accounts, Sought},
};
use super::support::{Program, Server};

#[derive(Clone, Debug)]
enum Done {
    Asked { server: u8, address: Option<u8>, system: Option<u8>, class: Class },
    Settled { which: usize, spent: u16 },
    Closed { which: usize, spent: u16 },
    SaidStop { which: usize },
}

/// What is done, and how many milliseconds after what was done before.
fn doings() -> impl Strategy<Value = Vec<(u64, Done)>> {
    let class = prop_oneof![4 => Just(Class::Light), 3 => Just(Class::Deep), 1 => Just(Class::ParseError), 1 => Just(Class::Watch)];
    let asked = (0_u8..3, prop::option::of(0_u8..4), prop::option::of(0_u8..2), class);
    let done = prop_oneof![
        6 => asked.prop_map(|(server, address, system, class)| Done::Asked { server, address, system, class }),
        2 => (any::<usize>(), 0_u16..400).prop_map(|(which, spent)| Done::Settled { which, spent }),
        4 => (any::<usize>(), 0_u16..1_300).prop_map(|(which, spent)| Done::Closed { which, spent }),
        1 => any::<usize>().prop_map(|which| Done::SaidStop { which }),
    ];
    let after = prop_oneof![
        Just(0),
        0_u64..1_000,
        Just(10_000),
        5_000_u64..60_000,
        60_000_u64..4_000_000,
        Just(7 * 86_400_000)
    ];
    prop::collection::vec((after, done), 1..40)
}

fn politeness() -> impl Strategy<Value = Politeness> {
    let spacing = || (0_u64..30).prop_map(Duration::from_secs);
    let fleet = (spacing(), spacing(), spacing(), 1_u32..4);
    prop_oneof![
        Just(Politeness::default()),
        fleet.prop_map(|(server, subnet, system, connections)| {
            Politeness::of_fleet(Spacings { server, subnet, system }, connections)
        })
    ]
}

/// A connection that was granted, and what was counted of it.
struct Open {
    sought: Sought,
    ask: Ask,
    counted: f64,
}

/// Both sides.
struct Both {
    politeness: Politeness,
    accounts: Accounts,
    permits: Permits,
    open: Vec<Open>,
    start: (Instant, Timestamp),
    passed: Duration,
}

impl Both {
    fn now(&self) -> (Instant, Permits) {
        let at = self.start.1.checked_add(self.passed).expect("a time");
        (self.start.0 + self.passed, self.permits.at(at))
    }

    async fn does(&mut self, done: &Done) {
        let (now, permits) = self.now();
        let place = |which: usize, open: &[Open]| (!open.is_empty()).then(|| which % open.len());
        match *done {
            Done::Asked { server, address, system, class } => {
                let address = address.map(|n| {
                    let all = ["127.0.0.1", "203.0.113.1", "203.0.113.2", "8.8.8.8"];
                    all[usize::from(n)].parse().expect("an address")
                });
                let name = ["a.example", "b.example", "203.0.113.1"][usize::from(server)];
                let server = name.parse().expect("a host");
                self.asks(Sought { server, address, system: system.map(u32::from), class }).await;
            }
            Done::Settled { which, spent } => {
                let Some(place) = place(which, &self.open) else { return };
                let open = &mut self.open[place];
                let uncounted = f64::from(spent) - open.counted;
                open.counted = f64::from(spent);
                self.accounts.add(&open.sought, uncounted, now);
                permits.settle(&open.ask, f64::from(spent)).await.expect("settles");
            }
            Done::Closed { which, spent } => {
                let Some(place) = place(which, &self.open) else { return };
                let open = self.open.swap_remove(place);
                self.accounts.add(&open.sought, f64::from(spent) - open.counted, now);
                self.accounts.close(&open.sought, now);
                permits.close(&open.ask, f64::from(spent)).await.expect("closes");
            }
            Done::SaidStop { which } => {
                let Some(place) = place(which, &self.open) else { return };
                let open = &self.open[place];
                self.accounts.leave_alone(&open.sought, now);
                permits.leave_alone(&open.ask, FIRST_QUIET, LONGEST_QUIET).await.expect("is told");
            }
        }
    }

    async fn asks(&mut self, sought: Sought) {
        let (now, permits) = self.now();
        let bounds = self.politeness.bounds(sought.address);
        let ask = Ask {
            id: PermitId::random(),
            server: sought.server.clone(),
            address: sought.address,
            system: sought.system,
            class: sought.class.name(),
            class_spacing: sought.class.spacing(),
            set_aside: sought.class.set_aside(),
            // Nothing expires here: one process alone knows of nobody who dies.
            lasting: Duration::from_secs(3_000 * 86_400),
            bounds,
        };
        let shared = permits.ask(&ask).await.expect("answers");
        let local = self.accounts.check(&sought, &bounds, now);
        let alike = |at: Instant, after: Duration| {
            let local = at.duration_since(now);
            local.max(after) - local.min(after) <= Duration::from_millis(1)
        };
        let same = match (local, shared) {
            (Ok(()), Answer::Granted) => true,
            (Err(Denied::NotBefore(at)), Answer::NotBefore(after))
            | (Err(Denied::NotDue(at)), Answer::NotDue(after))
            | (Err(Denied::LeftAlone(at)), Answer::LeftAlone(after)) => alike(at, after),
            _ => false,
        };
        assert!(same, "{sought:?}: here {local:?} at {now:?}, there {shared:?}");
        if local.is_ok() {
            self.accounts.open(&sought, now);
            self.open.push(Open { counted: sought.class.set_aside(), sought, ask });
        }
    }
}

#[test]
fn the_script_answers_as_the_ledger_does() {
    compare(Program::Debian);
}

#[test]
fn so_it_does_in_redis_6_2() {
    compare(Program::Oldest);
}

#[test]
fn so_it_does_in_valkey() {
    compare(Program::Valkey);
}

fn compare(program: Program) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::of(program));
    let redis = server.redis();
    proptest!(ProptestConfig::with_cases(150), |(politeness in politeness(), doings in doings())| {
        runtime.block_on(async {
            redis.call::<()>(&redis::cmd("FLUSHALL")).await.expect("is emptied");
            let mut both = Both {
                politeness,
                accounts: Accounts::default(),
                permits: Permits::new(redis.clone()),
                open: Vec::new(),
                start: (Instant::now(), "2026-11-28T00:00:00Z".parse().expect("a time")),
                passed: Duration::ZERO,
            };
            for (after, done) in &doings {
                both.passed += Duration::from_millis(*after);
                both.does(done).await;
            }
        });
    });
}
