//! `scanner`: one worker of a fleet, how the fleet stands, and whom it leaves alone. Reads arguments, sets up logging, and
//! turns errors into one line and an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use scanner::cli::{self, Command, Line};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    // Where a build has several providers there is no default, and TLS to Redis wants one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    let done = match line.command {
        Command::Work(arguments) => {
            if arguments.json_logs {
                logs.json().init();
            } else {
                logs.init();
            }
            cli::work::run(*arguments).await
        }
        Command::Status(arguments) => {
            logs.init();
            cli::status::run(&arguments).await
        }
        Command::Exclusions(arguments) => {
            logs.init();
            cli::exclusions::run(&arguments).await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::say(&format!("scanner: {error:#}"));
            if error.is::<cli::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
