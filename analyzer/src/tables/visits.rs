//! `visits.parquet`: one row a visit, without what was said. Rows are written while the archive is read, so that an
//! archive may be larger than memory.

use jiff::Timestamp;
use model::{Seconds, Visit, finding::Digest};

use super::{Column, Value};

/// One visit, as a table has it.
#[derive(Clone, Debug)]
pub struct Row {
    visit: Digest,
    host: String,
    endpoint: String,
    transport: &'static str,
    vantage: String,
    purpose: &'static str,
    started_at: Timestamp,
    outcome: &'static str,
    detail: Option<String>,
    tls_version: Option<String>,
    timings: model::Timings,
    exchanges: usize,
    answers: usize,
    unasked: u32,
    traffic: model::Traffic,
    cost: f64,
}

impl Row {
    /// The row of a visit, whose digest is that of its line.
    #[must_use]
    pub fn of(visit: &Visit, digest: Digest) -> Self {
        Self {
            visit: digest,
            host: visit.endpoint.host.to_string(),
            endpoint: visit.endpoint.to_string(),
            transport: visit.endpoint.transport.scheme(),
            vantage: visit.vantage.clone(),
            purpose: visit.purpose.name(),
            started_at: visit.started_at,
            outcome: visit.outcome.name(),
            detail: visit.detail.clone(),
            tls_version: visit.tls.as_ref().and_then(|facts| facts.version.clone()),
            timings: visit.timings,
            exchanges: visit.exchanges.len(),
            answers: visit.exchanges.iter().filter(|exchange| exchange.answer.is_some()).count(),
            unasked: visit.unasked.count,
            traffic: visit.traffic,
            cost: visit.cost,
        }
    }
}

fn whole(count: impl TryInto<i64>) -> Option<i64> {
    count.try_into().ok()
}

fn seconds(duration: Seconds) -> f64 {
    std::time::Duration::from(duration).as_secs_f64()
}

/// The columns of `visits.parquet`.
pub const COLUMNS: [Column<Row>; 21] = [
    Column { name: "visit", value: Value::Text(|row| Some(row.visit.to_string())) },
    Column { name: "host", value: Value::Text(|row| Some(row.host.clone())) },
    Column { name: "endpoint", value: Value::Text(|row| Some(row.endpoint.clone())) },
    Column { name: "transport", value: Value::Text(|row| Some(row.transport.to_owned())) },
    Column { name: "vantage", value: Value::Text(|row| Some(row.vantage.clone())) },
    Column { name: "purpose", value: Value::Text(|row| Some(row.purpose.to_owned())) },
    Column { name: "started_at", value: Value::Time(|row| Some(row.started_at)) },
    Column { name: "outcome", value: Value::Text(|row| Some(row.outcome.to_owned())) },
    Column { name: "detail", value: Value::Text(|row| row.detail.clone()) },
    Column { name: "dns", value: Value::Number(|row| row.timings.dns.map(seconds)) },
    Column { name: "connect", value: Value::Number(|row| row.timings.connect.map(seconds)) },
    Column { name: "tls", value: Value::Number(|row| row.timings.tls.map(seconds)) },
    Column { name: "first_byte", value: Value::Number(|row| row.timings.first_byte.map(seconds)) },
    Column { name: "total", value: Value::Number(|row| Some(seconds(row.timings.total))) },
    Column { name: "tls_version", value: Value::Text(|row| row.tls_version.clone()) },
    Column { name: "exchanges", value: Value::Whole(|row| whole(row.exchanges)) },
    Column { name: "answers", value: Value::Whole(|row| whole(row.answers)) },
    Column { name: "unasked", value: Value::Whole(|row| whole(row.unasked)) },
    Column { name: "bytes_read", value: Value::Whole(|row| whole(row.traffic.read)) },
    Column { name: "bytes_written", value: Value::Whole(|row| whole(row.traffic.written)) },
    Column { name: "cost", value: Value::Number(|row| Some(row.cost)) },
];
