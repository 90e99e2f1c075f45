//! What the commands have in common: which Redis, and how something is said.

pub(crate) mod status;
pub(crate) mod work;

use std::{io::Write as _, path::PathBuf};

use clap::Args;
use fleet::{Credentials, FleetError, Redis};

/// Arguments that do not go together, or name what is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

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
pub(crate) fn say(text: &str) {
    // Nobody is left to hear that it cannot be said.
    let _ = writeln!(std::io::stderr(), "{text}");
}
