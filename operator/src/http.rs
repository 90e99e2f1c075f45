//! What monitoring asks: metrics, liveness, readiness. Answers nobody else, and tells nothing of what is scanned.

use std::time::Instant;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{net::TcpListener, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{health::Health, metrics::Metrics};

type Answer = (StatusCode, String);

/// Answers until told to stop.
///
/// # Errors
/// The socket's.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    health: Health,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state((metrics, health));
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn scrape(State((metrics, _)): State<(Metrics, Health)>) -> Answer {
    // Thousands of servers take a while, and the lease is renewed meanwhile.
    let text = spawn_blocking(move || metrics.text()).await.map_err(anyhow::Error::from);
    match text.and_then(|text| Ok(text?)) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn alive(State((_, health)): State<(Metrics, Health)>) -> Answer {
    match health.stopped(Instant::now()).as_slice() {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        stopped => (StatusCode::SERVICE_UNAVAILABLE, format!("no progress: {}\n", stopped.join(", "))),
    }
}

async fn ready(State((_, health)): State<(Metrics, Health)>) -> Answer {
    match health.waits_for() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {what}\n")),
    }
}
