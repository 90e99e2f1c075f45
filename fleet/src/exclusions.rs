//! Who is to be left alone, for all campaigns of a Redis: the text of the rules, under the digest of the text. What the
//! rules mean is the scanner's business.

use std::{sync::LazyLock, time::Duration};

use data_encoding::HEXLOWER;
use redis::Script;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::{FleetError, Redis};

const VERSION: &str = "eo:{exclusions}:version";
const RULES: &str = "eo:{exclusions}:rules";
const PUBLISHER: &str = "eo:{exclusions}:publisher";

/// How long whoever publishes is taken to be there since it last said so.
const PUBLISHES: Duration = Duration::from_secs(60);

static TAKE_ON: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("exclusions/take_on.lua")));

/// How often it is looked whether the rules have changed.
pub const LOOKED: Duration = Duration::from_millis(500);

/// Says that an operator publishes the rules here for the next minute; gives another that does, where there is one. Of two
/// that published each would take away the rules of the other.
///
/// # Errors
/// Where Redis cannot be used.
pub async fn take_on(redis: &Redis, publisher: &str) -> Result<Option<String>, FleetError> {
    redis.run(TAKE_ON.key(PUBLISHER).arg(publisher).arg(PUBLISHES.as_secs() * 1_000)).await
}

/// Publishes the rules that hold from now on, in the place of all before.
///
/// # Errors
/// Where Redis cannot be used: the rules before still hold.
pub async fn publish(redis: &Redis, rules: &str) -> Result<(), FleetError> {
    redis.call(redis::cmd("MSET").arg(VERSION).arg(version(rules)).arg(RULES).arg(rules)).await
}

/// The version of the rules that are published; none where none ever were, or they are lost.
///
/// # Errors
/// Where Redis cannot be used.
pub async fn published(redis: &Redis) -> Result<Option<String>, FleetError> {
    redis.call(redis::cmd("GET").arg(VERSION)).await
}

/// The version of rules: a digest of their text.
#[must_use]
pub fn version(rules: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(rules))
}

/// Follows the rules.
pub struct Watch {
    redis: Redis,
    version: Option<String>,
}

impl Watch {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, version: None }
    }

    /// The rules, where they are others than when they were last asked for. Where none were ever published there are
    /// none to give; where they are lost, those before still hold.
    ///
    /// # Errors
    /// Where Redis cannot be used.
    pub async fn changed(&mut self) -> Result<Option<String>, FleetError> {
        let version = published(&self.redis).await?;
        if version.is_none() || version == self.version {
            return Ok(None);
        }
        let (version, rules): (Option<String>, Option<String>) =
            self.redis.call(redis::cmd("MGET").arg(VERSION).arg(RULES)).await?;
        self.version = version;
        Ok(rules)
    }

    /// Waits until the rules are others, and gives them.
    ///
    /// # Errors
    /// Where Redis cannot be used.
    pub async fn next(&mut self) -> Result<String, FleetError> {
        loop {
            match self.changed().await? {
                Some(rules) => return Ok(rules),
                None => sleep(LOOKED).await,
            }
        }
    }
}
