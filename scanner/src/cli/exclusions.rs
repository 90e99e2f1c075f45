//! `scanner exclusions`: who is to be left alone, published for all workers of a Redis.

use std::path::PathBuf;

use clap::Args;
use fleet::{arguments::Shared, exclusions::publish};

use super::{Usage, say};
use crate::discovery::Exclusions;

/// Publish who is to be left alone, for all campaigns of a Redis and in the place of what was published before.
///
/// No worker visits anybody before this is known; an empty file says that nobody asked for it. One rule a line: a host,
/// .domain, an address or a network, with a reason after #. Where an operator runs it publishes what its ScanExclusions say.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scanner exclusions exclusions.txt --redis redis://127.0.0.1:6379
  scanner exclusions /dev/null --redis redis://127.0.0.1:6379")]
pub struct Arguments {
    /// The rules
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    shared: Shared,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a file that cannot be read or has a line that is no rule; else what kept it from being published.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let usage = |reason: String| Usage(format!("{}: {reason}", arguments.file.display()));
    let text = std::fs::read_to_string(&arguments.file).map_err(|error| usage(error.to_string()))?;
    let rules = read(&text).map_err(usage)?;
    let redis = arguments.shared.redis().map_err(|error| Usage(format!("--redis: {error}")))?;
    publish(&redis, &text).await?;
    say(&match rules.len() {
        0 => "Nobody is left alone.".to_owned(),
        1 => "1 rule is in force.".to_owned(),
        more => format!("{more} rules are in force."),
    });
    Ok(())
}

/// The rules, all or none: a line that cannot be read would protect nobody.
pub(crate) fn read(text: &str) -> Result<Exclusions, String> {
    let (exclusions, problems) = Exclusions::parse(text).map_err(|error| error.to_string())?;
    match problems.described().first() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(exclusions),
    }
}
