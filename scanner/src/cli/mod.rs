//! The command's arguments, and what its parts have in common: which Redis, and how something is said. A library has it
//! so that whoever writes such a line for others is held to it by a test.

pub mod exclusions;
pub mod status;
pub mod work;

use std::{io::Write as _, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use fleet::{Credentials, FleetError, Redis};

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

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// What the workers share: redis://host:port, rediss:// for TLS, redis+sentinel://host:port/master,
    /// redis+cluster://host:port
    #[arg(long, env = "OBSERVATORY_REDIS", value_name = "URL")]
    pub(crate) redis: String,
    /// A file with the name of the Redis user
    #[arg(long, env = "OBSERVATORY_REDIS_USER_FILE", value_name = "FILE")]
    pub(crate) redis_user_file: Option<PathBuf>,
    /// A file with the Redis password
    #[arg(long, env = "OBSERVATORY_REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) redis_password_file: Option<PathBuf>,
    /// A file with the certificates of those who may certify Redis, PEM
    #[arg(long, env = "OBSERVATORY_REDIS_CA_FILE", value_name = "FILE")]
    pub(crate) redis_ca_file: Option<PathBuf>,
}

impl Shared {
    /// The Redis that is meant. Connects when it is first asked something.
    pub(crate) fn redis(&self) -> Result<Redis, FleetError> {
        let credentials = Credentials {
            user_file: self.redis_user_file.clone(),
            password_file: self.redis_password_file.clone(),
            ca_file: self.redis_ca_file.clone(),
        };
        Redis::open(&self.redis, credentials)
    }
}

/// Says something to the person at the terminal.
pub fn say(text: &str) {
    // Nobody is left to hear that it cannot be said.
    let _ = writeln!(std::io::stderr(), "{text}");
}
