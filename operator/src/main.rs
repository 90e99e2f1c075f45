//! The command: reads arguments, says what went wrong in one line. Everything else is in the library.

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use kube::{Client, Config};
use operator::Settings;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Turns ScanCampaigns into fleets of scanners, and tells in statuses what becomes of them.
#[derive(Parser)]
#[command(version, about)]
#[command(after_help = "Examples:
  operator run --image registry.example.org/electrum-observatory:0.1.0 --redis redis://redis:6379
  operator crds | kubectl apply --server-side -f -")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look after the campaigns of a cluster, as the Pod's service account or as KUBECONFIG says.
    #[command(after_help = "Examples:
  operator run --image registry.example.org/electrum-observatory:0.1.0 --redis redis://redis:6379")]
    Run {
        #[command(flatten)]
        settings: Box<Settings>,
        /// How logs are written.
        #[arg(long, env = "OBSERVATORY_LOG_FORMAT", value_enum, default_value_t = Format::Json)]
        log_format: Format,
        /// Which logs are written: `info`, `operator=debug,kube=info`.
        #[arg(long, env = "OBSERVATORY_LOG", default_value = "info")]
        log: String,
    },
    /// Print the definitions of the custom resources: operator crds | kubectl apply --server-side -f -
    Crds,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Text,
}

/// The longest that a connection may be silent: a watch is begun again before that.
const SILENCE: Duration = Duration::from_secs(230);

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Crds => print_crds(),
        Command::Run { settings, log_format, log } => run(*settings, log_format, &log).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even this fails.
            let _ = writeln!(std::io::stderr(), "operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_crds() -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(crds::yaml::all()?.as_bytes())?)
}

async fn run(settings: Settings, format: Format, log: &str) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(log).with_context(|| format!("--log {log:?} is no filter: write info"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        Format::Json => logs.json().flatten_event(true).init(),
        Format::Text => logs.init(),
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::infer().await.context("no cluster: run it in a Pod, or set KUBECONFIG")?;
    config.read_timeout = Some(SILENCE);
    let client = Client::try_from(config)?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another with --listen", settings.listen))?;
    let stop = CancellationToken::new();
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to stop");
        told.cancel();
    });
    operator::run(client, settings, listener, stop).await
}
