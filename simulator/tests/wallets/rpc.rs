//! JSON-RPC over HTTP over a Unix socket, as the Electrum wallet's daemon serves it.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};

/// Longest that the daemon may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the daemon; its result.
pub(crate) fn call(socket: &Path, method: &str, params: &Value) -> anyhow::Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).to_string();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) =
        answer.split_once("\r\n\r\n").with_context(|| format!("no answer to {method}: {answer:?}"))?;
    let mut answer: Value = serde_json::from_str(body).with_context(|| format!("{method}: {body}"))?;
    match answer.get("error") {
        None | Some(Value::Null) => Ok(answer["result"].take()),
        Some(error) => Err(anyhow::anyhow!("{method}: {error}")),
    }
}
