//! `visits.parquet`: one row a visit, without what was said. Rows are written while the archive is read, so that an
//! archive may be larger than memory.

use model::Seconds;

use super::{Column, Value};
use crate::visited::Visited;

fn whole(count: impl TryInto<i64>) -> Option<i64> {
    count.try_into().ok()
}

fn seconds(duration: Seconds) -> f64 {
    std::time::Duration::from(duration).as_secs_f64()
}

/// The columns of `visits.parquet`.
pub const COLUMNS: [Column<Visited>; 21] = [
    Column { name: "visit", value: Value::Text(|row| Some(row.digest.to_string())) },
    Column { name: "host", value: Value::Text(|row| Some(row.endpoint.host.to_string())) },
    Column { name: "endpoint", value: Value::Text(|row| Some(row.endpoint.to_string())) },
    Column { name: "transport", value: Value::Text(|row| Some(row.endpoint.transport.scheme().to_owned())) },
    Column { name: "vantage", value: Value::Text(|row| Some(row.vantage.to_string())) },
    Column { name: "purpose", value: Value::Text(|row| Some(row.purpose.to_string())) },
    Column { name: "started_at", value: Value::Time(|row| Some(row.started_at)) },
    Column { name: "outcome", value: Value::Text(|row| Some(row.outcome.name().to_owned())) },
    Column { name: "detail", value: Value::Text(|row| row.detail.as_deref().map(str::to_owned)) },
    Column { name: "dns", value: Value::Number(|row| row.dns.map(seconds)) },
    Column { name: "connect", value: Value::Number(|row| row.connect.map(seconds)) },
    Column { name: "tls", value: Value::Number(|row| row.handshake.map(seconds)) },
    Column { name: "first_byte", value: Value::Number(|row| row.first_byte.map(seconds)) },
    Column { name: "total", value: Value::Number(|row| Some(seconds(row.total))) },
    Column { name: "tls_version", value: Value::Text(|row| row.tls_version.as_deref().map(str::to_owned)) },
    Column { name: "exchanges", value: Value::Whole(|row| whole(row.exchanges)) },
    Column { name: "answers", value: Value::Whole(|row| whole(row.answers)) },
    Column { name: "unasked", value: Value::Whole(|row| whole(row.unasked)) },
    Column { name: "bytes_read", value: Value::Whole(|row| whole(row.read)) },
    Column { name: "bytes_written", value: Value::Whole(|row| whole(row.written)) },
    Column { name: "cost", value: Value::Number(|row| Some(row.cost)) },
];
