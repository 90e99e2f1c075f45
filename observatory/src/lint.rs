//! `observatory lint`: what a cluster would say to a file, and a little more, without a cluster.

use clap::Args;
use crds::lint::lines;

use crate::output::{self, Usage};

/// Check campaigns, servers and exclusions as a cluster would: fields, bounds and rules, and whether the probes, time
/// zones and servers they name can exist. Nobody is asked and nothing is looked up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory lint campaign.yaml
  observatory lint --json campaigns/*.yaml exclusions.yaml
  kubectl get scancampaign mainnet -o yaml | observatory lint -

docs/crds.md describes every field. Exit code 1 says that something is wrong.")]
pub(crate) struct Arguments {
    /// Files of YAML or JSON, of one or several documents; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// One JSON object a line for each problem
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a file that cannot be read; else that there are problems, after they are told.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut count = 0;
    for file in &arguments.files {
        let lines = lines(file, arguments.json, |id| scanner::probe::probe(id).is_some());
        let lines = lines.map_err(|error| Usage(format!("{file}: {error}")))?;
        count += lines.len();
        output::result(&lines.concat())?;
    }
    match count {
        0 => Ok(()),
        1 => anyhow::bail!("one problem: mend it, docs/crds.md describes every field"),
        _ => anyhow::bail!("{count} problems: mend them, docs/crds.md describes every field"),
    }
}
