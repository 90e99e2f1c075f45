//! What monitoring asks: metrics, liveness, readiness. Answers nobody else, and tells nothing of what is scanned.

use std::time::Instant;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
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
    metrics.text().map_or_else(
        |error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        |text| (StatusCode::OK, text),
    )
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
