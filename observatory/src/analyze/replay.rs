//! `observatory replay`: one assessment, concluded anew from the archive and compared with the published one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use analyzer::folder::groups;
use clap::Args;

use super::{Evidence, Notes};
use crate::output::{self, Usage};

/// Conclude anew what was concluded of a server, and compare it byte for byte.
///
/// Prints the assessment as assessments.json has it. With --against, the exit code is 1 where that folder says
/// something else.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory replay electrum.example --archive archive
  observatory replay 192.0.2.7 --archive archive --geoip GeoLite2-ASN.mmdb --against report")]
pub(crate) struct Arguments {
    /// The server, as assessments.json names it
    #[arg(value_name = "SERVER")]
    server: String,
    #[command(flatten)]
    evidence: Evidence,
    /// A report folder to compare with
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a server that is not in the archive; else what kept it from being read, or that the published
/// assessment is another.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let published = arguments.against.as_deref().map(published).transpose()?;
    let previous = arguments.against.as_deref().map(groups).transpose()?.unwrap_or_default();
    // Whoever checks an assessment takes nobody's notes for it.
    let analysis = arguments.evidence.read(Notes::Ignore)?.conclude(&previous).await?;
    let assessment = analysis.assessments.iter().find(|assessment| assessment.server == arguments.server);
    let assessment = assessment.ok_or_else(|| {
        Usage(format!("{} is not in the archive: assessments.json names them", arguments.server))
    })?;
    let line = serde_json::to_string(assessment)?;
    output::result(&format!("{line}\n"))?;
    let Some((path, text)) = published else { return Ok(()) };
    anyhow::ensure!(
        text.lines().any(|published| published.trim_end_matches(',') == line),
        "{} says something else of {}: was the archive added to since, or were --geoip, --canary-log, --network or --window others?",
        path.display(),
        arguments.server
    );
    output::note(&format!("{} says the same, byte for byte.", path.display()));
    Ok(())
}

/// The assessments in a report folder, and where they are.
fn published(folder: &Path) -> Result<(PathBuf, String), Usage> {
    let path = folder.join("assessments.json");
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) => Err(Usage(format!("--against {}: {error}", path.display()))),
    }
}
