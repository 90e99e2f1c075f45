//! A campaign as a whole: whether anybody works for it, and its end.

use std::sync::LazyLock;

use redis::Script;

use crate::{
    FleetError, Redis,
    keys::of_campaign,
    schedule::{BACKLOG, RedisSchedule, Schedule as _, Scope},
};

/// Keys looked at in one call.
const PAGE: usize = 500;

static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forget.lua")));

/// The workers that are present, from all vantages. One that died is for as long as its word lasts.
///
/// # Errors
/// Where Redis cannot be used.
pub async fn workers(redis: &Redis, campaign: &str) -> Result<usize, FleetError> {
    let mut present = 0;
    for vantage in RedisSchedule::vantages(redis, campaign).await? {
        let scope = Scope { campaign: campaign.to_owned(), vantage };
        present += RedisSchedule::new(redis.clone(), &scope, BACKLOG).status().await?.workers.len();
    }
    Ok(present)
}

/// Deletes everything that is kept of a campaign; gives how many keys that were. Where somebody still works for it some may
/// come again. It is done in pages within the campaign's slot, also in a cluster; where it fails in between, do it again.
///
/// # Errors
/// Where Redis cannot be used.
pub async fn forget(redis: &Redis, campaign: &str) -> Result<u64, FleetError> {
    let any = of_campaign(campaign, "");
    // What means something in a pattern means itself.
    let mut pattern = String::new();
    for c in any.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    let (mut cursor, mut keys) = ("0".to_owned(), 0);
    loop {
        let mut page = FORGET.prepare_invoke();
        page.key(&any).arg(&cursor).arg(&pattern).arg(PAGE);
        let (next, gone): (String, u64) = redis.run(&page).await?;
        keys += gone;
        if next == "0" {
            return Ok(keys);
        }
        cursor = next;
    }
}
