//! JSON-RPC over HTTP over a Unix socket, as the Electrum wallet's daemon serves it.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use data_encoding::BASE64;
use serde_json::{Value, json};

/// Longest that the daemon may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the daemon is told to ask for: without a password it would make one up.
pub(crate) const USER: &str = "tests";
pub(crate) const PASSWORD: &str = "tests";

/// Asks the daemon; its result.
pub(crate) fn call(socket: &Path, method: &str, params: &Value) -> anyhow::Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).to_string();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let credentials = BASE64.encode(format!("{USER}:{PASSWORD}").as_bytes());
    let head =
        format!("POST / HTTP/1.0\r\nAuthorization: Basic {credentials}\r\nContent-Length: {}", body.len());
    write!(stream, "{head}\r\n\r\n{body}")?;
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
