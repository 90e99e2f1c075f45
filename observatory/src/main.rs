//! `observatory`: one command for one machine. Reads arguments, sets up logging, and turns errors into one
//! line and an exit code; what the commands do is in their modules.

mod analyze;
mod demo;
mod evaluate;
mod lint;
mod output;
mod plan;
mod scan;
mod scope;
mod serve;
mod simulate;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

/// Analyses and simulations allocate much, on several threads: this is a quarter of their time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures the servers that Electrum wallets trust.
#[derive(Debug, Parser)]
#[command(name = "observatory", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  observatory demo
  observatory scan --network testnet4
  observatory analyze --archive archive --out report
  observatory serve report
  observatory verify 4a5e1e4baab8 --archive archive")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scan(Box<scan::Arguments>),
    Plan(Box<plan::Arguments>),
    Simulate(simulate::Arguments),
    Demo(demo::Arguments),
    Analyze(analyze::Arguments),
    Verify(verify::Arguments),
    Replay(analyze::replay::Arguments),
    Serve(serve::Arguments),
    Evaluate(evaluate::Arguments),
    Lint(lint::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .without_time()
        .init();
    let done = match arguments.command {
        Command::Scan(arguments) => scan::run(*arguments).await,
        Command::Plan(arguments) => plan::run(*arguments).await,
        Command::Simulate(arguments) => simulate::run(&arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Analyze(arguments) => analyze::run(&arguments).await,
        Command::Verify(arguments) => verify::run(&arguments).await,
        Command::Replay(arguments) => analyze::replay::run(&arguments).await,
        Command::Serve(arguments) => serve::run(&arguments).await,
        Command::Evaluate(arguments) => evaluate::run(&arguments).await,
        Command::Lint(arguments) => lint::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("observatory: {error:#}"));
            if output::is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
