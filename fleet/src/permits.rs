//! Permits: when one more connection may be opened, and what may be spent on it, over all campaigns and workers of a
//! Redis together. The rules are those of the scanner's ledger, which says in numbers what is asked for here; nothing
//! is decided outside of one script, and its clock is that of Redis.

use std::{fmt, net::IpAddr, sync::LazyLock, time::Duration};

use electrum::{Host, Subnet};
use jiff::Timestamp;
use redis::Script;
use serde::Serialize;

use crate::{FleetError, Redis};

/// How long a permit is known after its connection was closed, for those who say so twice.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Names a permit: chosen by who asks, so that what is said twice counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PermitId(u128);

impl PermitId {
    /// One that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for PermitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How close connections may come, and what may be owed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Least time between two connections to the server.
    pub server_spacing: Duration,
    /// Least time between two connections into its /24 or /48.
    pub subnet_spacing: Duration,
    /// Least time between two connections into its autonomous system.
    pub system_spacing: Duration,
    /// Most connections to it at once.
    pub connections: u32,
    /// Most E that it, or its /24 or /48, may owe.
    pub most_owed: f64,
    /// E that are forgotten in a second.
    pub decay: f64,
    /// Whether only the number of connections and a wish to be left alone count.
    pub spared: bool,
}

/// One connection that somebody wants to open.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The permit asked for.
    pub id: PermitId,
    /// Whom it goes to.
    pub server: Host,
    /// The address that will be dialled; none behind a proxy.
    pub address: Option<IpAddr>,
    /// The autonomous system of the address, where it is known.
    pub system: Option<u32>,
    /// The class of the visit.
    pub class: &'static str,
    /// Least time between two visits of the class to the server.
    pub class_spacing: Option<Duration>,
    /// E that count as spent until it is said what was.
    pub set_aside: f64,
    /// How long the connection counts as open, unless it is closed or settled for before.
    pub lasting: Duration,
    /// How close it may come.
    pub bounds: Bounds,
}

/// The answer. Times are from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The connection may be opened, and counts as open.
    Granted,
    /// Ask again then.
    NotBefore(Duration),
    /// Too soon for a visit of this class.
    NotDue(Duration),
    /// The server asked to be left alone, and is, for so long.
    LeftAlone(Duration),
}

/// The permits of all campaigns.
#[derive(Clone)]
pub struct Permits {
    redis: Redis,
    now: Option<Timestamp>,
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Asked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<i64>,
    id: String,
    has_address: bool,
    has_system: bool,
    class: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_spacing: Option<u64>,
    set_aside: f64,
    lasting: u64,
    server_spacing: u64,
    subnet_spacing: u64,
    system_spacing: u64,
    connections: u32,
    most_owed: f64,
    decay: f64,
    spared: bool,
}

#[derive(Serialize)]
struct Spent {
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<i64>,
    id: String,
    has_address: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<f64>,
    set_aside: f64,
    closed: bool,
    lasting: u64,
    remembered: u64,
    decay: f64,
}

#[derive(Serialize)]
struct Quiet {
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<i64>,
    first: u64,
    longest: u64,
    decay: f64,
}

static ASK: LazyLock<Script> = LazyLock::new(|| script(include_str!("permits/ask.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| script(include_str!("permits/settle.lua")));
static LEAVE_ALONE: LazyLock<Script> = LazyLock::new(|| script(include_str!("permits/leave_alone.lua")));

fn script(text: &str) -> Script {
    Script::new(&[include_str!("permits/account.lua"), text].concat())
}

impl Permits {
    /// The permits in a Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, now: None }
    }

    /// The same permits when it is another time than that of Redis: for tests.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self { redis: self.redis.clone(), now: Some(now) }
    }

    /// Asks for the right to open one connection. Asked twice for one permit it is granted once.
    ///
    /// # Errors
    /// Where Redis cannot be used. The permit may have been granted all the same: say that it is closed.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, FleetError> {
        let asked = Asked {
            now: self.now.map(Timestamp::as_millisecond),
            id: ask.id.to_string(),
            has_address: ask.address.is_some(),
            has_system: ask.system.is_some(),
            class: ask.class,
            class_spacing: ask.class_spacing.map(ms),
            set_aside: ask.set_aside,
            lasting: ms(ask.lasting).max(1),
            server_spacing: ms(ask.bounds.server_spacing),
            subnet_spacing: ms(ask.bounds.subnet_spacing),
            system_spacing: ms(ask.bounds.system_spacing),
            connections: ask.bounds.connections,
            most_owed: ask.bounds.most_owed,
            decay: ask.bounds.decay,
            spared: ask.bounds.spared,
        };
        let mut script = ASK.prepare_invoke();
        script
            .key(server_key(&ask.server))
            .key(address_key(ask.address))
            .key(subnet_key(ask.address))
            .key(key(&format!("as:{}", ask.system.unwrap_or_default())))
            .key(permit_key(ask.id))
            .arg(json(&asked)?);
        let (verdict, after): (String, u64) = self.redis.run(&script).await?;
        let after = Duration::from_millis(after);
        match verdict.as_str() {
            "granted" => Ok(Answer::Granted),
            "not-before" => Ok(Answer::NotBefore(after)),
            "not-due" => Ok(Answer::NotDue(after)),
            "left-alone" => Ok(Answer::LeftAlone(after)),
            other => Err(FleetError::Refused(format!("it answers {other:?} where a permit was asked for"))),
        }
    }

    /// Says what was spent with a permit by now, in all, and that its connection is open for as long again.
    ///
    /// # Errors
    /// Where Redis cannot be used. Say it again: it counts once.
    pub async fn settle(&self, ask: &Ask, spent: f64) -> Result<(), FleetError> {
        self.spent(ask, Some(spent), false).await
    }

    /// Says that the connection of a permit is open for as long again.
    ///
    /// # Errors
    /// Where Redis cannot be used.
    pub async fn renew(&self, ask: &Ask) -> Result<(), FleetError> {
        self.spent(ask, None, false).await
    }

    /// Says what was spent with a permit, in all, and that its connection is closed.
    ///
    /// # Errors
    /// Where Redis cannot be used. Say it again: it counts once.
    pub async fn close(&self, ask: &Ask, spent: f64) -> Result<(), FleetError> {
        self.spent(ask, Some(spent), true).await
    }

    async fn spent(&self, ask: &Ask, spent: Option<f64>, closed: bool) -> Result<(), FleetError> {
        let said = Spent {
            now: self.now.map(Timestamp::as_millisecond),
            id: ask.id.to_string(),
            has_address: ask.address.is_some(),
            spent,
            set_aside: ask.set_aside,
            closed,
            lasting: ms(ask.lasting).max(1),
            remembered: ms(REMEMBERED),
            decay: ask.bounds.decay,
        };
        let mut script = SETTLE.prepare_invoke();
        script
            .key(server_key(&ask.server))
            .key(address_key(ask.address))
            .key(subnet_key(ask.address))
            .key(permit_key(ask.id))
            .arg(json(&said)?);
        self.redis.run(&script).await
    }

    /// A server showed that it wants to be left alone: nobody visits it, nor its address, for `first`, and for twice as
    /// long each time it shows so again, up to `longest`.
    ///
    /// # Errors
    /// Where Redis cannot be used. Say it again: it counts once.
    pub async fn leave_alone(&self, ask: &Ask, first: Duration, longest: Duration) -> Result<(), FleetError> {
        let said = Quiet {
            now: self.now.map(Timestamp::as_millisecond),
            first: ms(first),
            longest: ms(longest),
            decay: ask.bounds.decay,
        };
        let mut script = LEAVE_ALONE.prepare_invoke();
        script.key(server_key(&ask.server)).arg(json(&said)?);
        let by_address = ask.address.map(Host::Address).filter(|host| *host != ask.server);
        if let Some(host) = by_address {
            script.key(server_key(&host));
        }
        self.redis.run(&script).await
    }
}

fn server_key(host: &Host) -> String {
    key(&format!("server:{host}"))
}

/// What is not known has a key too, for the script to leave alone.
fn address_key(address: Option<IpAddr>) -> String {
    address.map_or_else(|| key("none"), |ip| server_key(&Host::Address(ip)))
}

fn subnet_key(address: Option<IpAddr>) -> String {
    address.map_or_else(|| key("none"), |ip| key(&format!("subnet:{}", Subnet::from(ip))))
}

fn permit_key(id: PermitId) -> String {
    key(&format!("permit:{id}"))
}

/// Milliseconds, up: never shorter than was asked for.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn json(said: &impl Serialize) -> Result<String, FleetError> {
    serde_json::to_string(said).map_err(|e| FleetError::Refused(format!("it cannot be asked: {e}")))
}

/// All in one slot, and in another than any campaign.
fn key(rest: &str) -> String {
    format!("eo:{{permits}}:{rest}")
}
