//! `scanner status`: how a campaign's lanes stand, and who works for it.

use std::io::Write as _;

use clap::Args;
use comfy_table::Table;
use fleet::{
    arguments::Shared,
    schedule::{RedisSchedule, Schedule as _, Scope, Status},
};
use serde_json::json;

/// Print how a campaign stands: what is due in each lane, and who works for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scanner status --campaign observatory/mainnet --redis redis://127.0.0.1:6379
  scanner status --campaign mainnet --vantage zurich --redis redis://127.0.0.1:6379 --json")]
pub struct Arguments {
    /// The campaign: NAMESPACE/NAME, or the NAME of one in the namespace `default`
    #[arg(long, value_name = "NAME")]
    campaign: String,
    #[command(flatten)]
    shared: Shared,
    /// One vantage instead of all
    #[arg(long, value_name = "NAME")]
    vantage: Option<String>,
    /// Print one JSON object a vantage, a line each
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where Redis does not answer, or knows no such campaign.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let campaign = match arguments.campaign.contains('/') {
        true => arguments.campaign.clone(),
        false => format!("default/{}", arguments.campaign),
    };
    let redis = arguments.shared.redis()?;
    let vantages = match &arguments.vantage {
        Some(vantage) => vec![vantage.clone()],
        None => RedisSchedule::vantages(&redis, &campaign).await?,
    };
    if vantages.is_empty() {
        anyhow::bail!("nobody has worked for the campaign {campaign} yet: `scanner work` does");
    }
    let mut out = std::io::stdout().lock();
    for vantage in vantages {
        let scope = Scope { campaign: campaign.clone(), vantage };
        let status = RedisSchedule::new(redis.clone(), &scope, u64::MAX).status().await?;
        let text = if arguments.json { json(&scope, &status) } else { table(&scope, &status) };
        writeln!(out, "{text}")?;
    }
    Ok(())
}

fn json(scope: &Scope, status: &Status) -> String {
    let lanes = status.lanes.iter().map(|lane| {
        json!({
            "lane": lane.lane.name(),
            "subjects": lane.subjects,
            "due": lane.due,
            "claimed": lane.claimed,
            "lag_seconds": lane.lag.as_secs_f64(),
        })
    });
    let workers = status.workers.iter().map(|(name, claims)| json!({"name": name, "claims": claims}));
    json!({
        "campaign": scope.campaign,
        "vantage": scope.vantage,
        "lanes": lanes.collect::<Vec<_>>(),
        "workers": workers.collect::<Vec<_>>(),
        "backlog": status.backlog.0,
        "stale": status.stale,
    })
    .to_string()
}

fn table(scope: &Scope, status: &Status) -> String {
    let mut lanes = Table::new();
    lanes.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    lanes.set_header(["lane", "subjects", "due", "claimed", "lag"]);
    for lane in &status.lanes {
        lanes.add_row([
            lane.lane.name().to_owned(),
            lane.subjects.to_string(),
            lane.due.to_string(),
            lane.claimed.to_string(),
            format!("{:.1} s", lane.lag.as_secs_f64()),
        ]);
    }
    let workers: Vec<String> =
        status.workers.iter().map(|(name, claims)| format!("{name} ({claims} claims)")).collect();
    let workers = if workers.is_empty() { "nobody works".to_owned() } else { workers.join(", ") };
    format!(
        "{} from {}\n{lanes}\nWorkers: {workers}\nVisits that wait to be read: {}; refused as stale: {}",
        scope.campaign, scope.vantage, status.backlog.0, status.stale
    )
}
