//! How programs are told which Redis they share, and who they are to it.

use std::path::PathBuf;

use clap::Args;

use crate::{Credentials, FleetError, Redis};

#[expect(missing_docs, reason = "clap would take it for that of the command")]
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// What is shared: redis://host:port, rediss:// for TLS, redis+sentinel://host:port/master,
    /// redis+cluster://host:port
    #[arg(long, env = "OBSERVATORY_REDIS", value_name = "URL")]
    pub redis: String,
    /// A file with the name of the Redis user
    #[arg(long, env = "OBSERVATORY_REDIS_USER_FILE", value_name = "FILE")]
    pub redis_user_file: Option<PathBuf>,
    /// A file with the Redis password
    #[arg(long, env = "OBSERVATORY_REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub redis_password_file: Option<PathBuf>,
    /// A file with the certificates of those who may certify Redis, PEM
    #[arg(long, env = "OBSERVATORY_REDIS_CA_FILE", value_name = "FILE")]
    pub redis_ca_file: Option<PathBuf>,
}

impl Shared {
    /// The Redis that is meant. Connects when it is first asked something.
    ///
    /// # Errors
    /// Where the URL or a file is not what it should be.
    pub fn redis(&self) -> Result<Redis, FleetError> {
        let credentials = Credentials {
            user_file: self.redis_user_file.clone(),
            password_file: self.redis_password_file.clone(),
            ca_file: self.redis_ca_file.clone(),
        };
        Redis::open(&self.redis, credentials)
    }
}
