//! `kubectl observatory`: questions that people ask of a cluster and that `kubectl get` has no words for. It reads and
//! changes nothing; whoever asks may see what their own role lets them see.

mod cluster;
mod explain;
mod lint;
mod output;
mod plan;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What is held against Electrum servers, and what campaigns would do to them.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl observatory",
    bin_name = "kubectl observatory",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Top(top::Arguments),
    Explain(explain::Arguments),
    Lint(lint::Arguments),
    Plan(plan::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Top(arguments) => top::run(&arguments).await,
        Command::Explain(arguments) => explain::run(&arguments).await,
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complaint(&error);
            if error.is::<output::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
