//! What a worker tells over HTTP: `/healthz`, `/readyz`, `/metrics`. Read-only; nothing a server said is in it but what
//! [`metrics`](super::metrics) has made a label of.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, time::Instant};

use super::{
    health::{Condition, Health},
    metrics::Metrics,
};

type Shared = Arc<(Arc<Health>, Arc<Metrics>)>;

/// Answers until the process ends.
///
/// # Errors
/// What the listener fails with.
pub async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(exposition))
        .with_state(Arc::new((health, metrics)));
    axum::serve(listener, router).await
}

async fn healthz(State(shared): State<Shared>) -> (StatusCode, String) {
    match shared.0.is_stuck(Instant::now()) {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
    }
}

async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    let condition = shared.0.condition();
    let ready = matches!(condition, Condition::Working | Condition::QuietHours | Condition::Abstaining);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let advice = if ready { "" } else { condition.advice() };
    let colon = if advice.is_empty() { "" } else { ": " };
    (status, format!("{}{colon}{advice}\n", condition.name()))
}

async fn exposition(State(shared): State<Shared>) -> Response {
    shared.1.stands(shared.0.condition());
    match shared.1.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
