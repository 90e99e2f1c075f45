//! `kubectl observatory lint`: what `observatory lint` says, for whoever has the plugin at hand.

use clap::Args;
use crds::lint::lines;

use crate::output::{self, Usage};

/// Check campaigns, servers and exclusions as a cluster would, and a little more, before they are applied.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl observatory lint campaign.yaml
  kubectl get scancampaign mainnet -o yaml | kubectl observatory lint -

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
    let mut problems = 0;
    for file in &arguments.files {
        let lines = lines(file, arguments.json, |id| scanner::probe::probe(id).is_some());
        let lines = lines.map_err(|error| Usage(format!("{file}: {error}")))?;
        problems += lines.len();
        output::result(&lines.concat())?;
    }
    anyhow::ensure!(problems == 0, "problems: {problems}; docs/crds.md describes every field");
    Ok(())
}
