//! `observatory serve`: a report folder over HTTP, or those of many campaigns, to be read and nothing else.

mod files;
mod shelf;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::{
    files::{Folder, Served},
    shelf::{Found, Shelf},
};
use crate::output::{self, Usage};

/// Serve a report over HTTP.
///
/// Only what `analyze` writes is served, and only to be read. Whoever serves it to others puts a server that speaks
/// TLS in front. Ctrl-C and SIGTERM end it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory serve report
  observatory serve report --listen 127.0.0.1:9000
  observatory serve /var/lib/observatory --campaigns --listen 0.0.0.0:8080")]
pub(crate) struct Arguments {
    /// The report folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// DIR holds a folder of each campaign, with its report in `report`: serve a list of them, and each beneath its name.
    /// There need not be any yet
    #[arg(long)]
    campaigns: bool,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a folder without a report; else what kept it from listening.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    if !arguments.campaigns && !folder.join("index.html").is_file() {
        let complaint =
            format!("{}: no report in it; `observatory analyze --out` writes one", folder.display());
        return Err(Usage(complaint).into());
    }
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("--listen {}", arguments.listen))?;
    let content = match arguments.campaigns {
        true => Content::Campaigns(Shelf::at(folder.clone())),
        false => Content::Report(Folder::at(folder.clone())),
    };
    let application = Router::new().fallback(answer).with_state(Arc::new(content));
    let mut terminated = signal(SignalKind::terminate())?;
    output::note(&format!("http://{}/ is the report. Ctrl-C ends it.", listener.local_addr()?));
    let told_to_end = async move {
        tokio::select! {
            // Where no interrupt can be waited for, the other signal ends it.
            Ok(()) = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    axum::serve(listener, application).with_graceful_shutdown(told_to_end).await?;
    Ok(())
}

/// What is served.
#[derive(Debug)]
enum Content {
    Report(Folder),
    Campaigns(Shelf),
}

async fn answer(State(content): State<Arc<Content>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return guarded(StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], Vec::new());
    }
    let path = request.uri().path();
    let found = match &*content {
        Content::Report(folder) => folder.read(path).await.map(Found::File),
        Content::Campaigns(shelf) => shelf.find(path).await,
    };
    match found {
        Some(Found::File(served)) => file(served, request.headers()),
        Some(Found::Beneath(path)) => {
            guarded(StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, path)], Vec::new())
        }
        None => guarded(
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            b"Not here.\n".to_vec(),
        ),
    }
}

/// A file, unless who asks has it already.
fn file(served: Served, asked: &HeaderMap) -> Response {
    let Served { bytes, kind, policy, tag } = served;
    let known = is_known(asked, &tag);
    let (status, bytes) =
        if known { (StatusCode::NOT_MODIFIED, Vec::new()) } else { (StatusCode::OK, bytes) };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::ETAG, tag),
        // Asked for again each time, and answered shortly where nothing changed.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    guarded(status, headers, bytes)
}

/// Whether who asks has this very file already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// An answer with what each must have: no guessing of types, no telling where one came from, no frames.
fn guarded<const N: usize, V>(
    status: StatusCode,
    headers: [(header::HeaderName, V); N],
    bytes: Vec<u8>,
) -> Response
where
    V: TryInto<header::HeaderValue>,
    V::Error: std::fmt::Display,
{
    const ALWAYS: [(header::HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, files::NOTHING),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    // What is set twice, the later counts.
    (status, ALWAYS, headers, bytes).into_response()
}
