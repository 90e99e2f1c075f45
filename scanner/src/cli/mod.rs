//! The command's arguments, and what its parts have in common: how something is said. A library has it
//! so that whoever writes such a line for others is held to it by a test.

pub mod exclusions;
pub mod status;
pub mod work;

use std::io::Write as _;

use clap::{Parser, Subcommand};

/// Visits Electrum servers for a campaign, together with other workers.
#[derive(Debug, Parser)]
#[command(name = "scanner", version, propagate_version = true, max_term_width = 100)]
pub struct Line {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

// No documentation comments: clap would prefer them to those of the commands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap would take it for the commands' own")]
pub enum Command {
    Work(Box<work::Arguments>),
    Status(status::Arguments),
    Exclusions(exclusions::Arguments),
}

/// Arguments that do not go together, or name what is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub(crate) String);

/// Says something to the person at the terminal.
pub fn say(text: &str) {
    // Nobody is left to hear that it cannot be said.
    let _ = writeln!(std::io::stderr(), "{text}");
}
