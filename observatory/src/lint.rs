//! `observatory lint`: what a cluster would say to a file, and a little more, without a cluster.

use std::{io::Read as _, path::Path};

use clap::Args;
use crds::lint::{Problem, lint};
use serde::Serialize;

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

/// A problem, and where.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a file that cannot be read; else that there are problems, after they are told.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut count = 0;
    for file in &arguments.files {
        let text = read(file).map_err(|error| Usage(format!("{file}: {error}")))?;
        for problem in &lint(&text, |id| scanner::probe::probe(id).is_some()) {
            count += 1;
            let row = Row { file, problem };
            let line =
                if arguments.json { serde_json::to_string(&row)? } else { format!("{file}: {problem}") };
            output::result(&format!("{}\n", electrum::text::printable(&line, 4_000)))?;
        }
    }
    match count {
        0 => Ok(()),
        1 => anyhow::bail!("one problem: mend it, docs/crds.md describes every field"),
        _ => anyhow::bail!("{count} problems: mend them, docs/crds.md describes every field"),
    }
}

fn read(file: &str) -> std::io::Result<String> {
    if file != "-" {
        return std::fs::read_to_string(Path::new(file));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map(|_| text)
}
