//! `analyzer`: what a campaign's CronJob runs. Reads arguments, sets up logging, and turns errors into one line and an
//! exit code.

use std::{io::Write as _, process::ExitCode};

use analyzer::run::{Program, Usage, run};
use clap::Parser as _;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

/// An analysis allocates much, on several threads (docs/performance.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Program::parse().arguments();
    // Where a build has several providers there is no default, and TLS wants one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    if arguments.json_logs {
        logs.json().init();
    } else {
        logs.init();
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to hear that it cannot be said.
            let _ = writeln!(std::io::stderr(), "analyzer: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
