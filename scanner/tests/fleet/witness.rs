//! Thousands of servers that keep a book of who came and went: one listener for all of 127.0.0.0/8, where each address is
//! a server. They say the least that a light visit wants to hear.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A connection: when it came, and when it went, if it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) came: Instant,
    pub(crate) went: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    book: Arc<Mutex<HashMap<Ipv4Addr, Vec<Call>>>>,
    /// What each tells of others.
    peers: Value,
}

impl Witness {
    /// Servers at a port of every loopback address.
    pub(crate) async fn listen(port: u16) -> Self {
        Self::telling(port, &[]).await
    }

    /// The same, and each tells of these.
    pub(crate) async fn telling(port: u16, peers: &[Ipv4Addr]) -> Self {
        let row = |peer: &Ipv4Addr| json!([peer, peer, ["v1.4", format!("t{port}")]]);
        let witness = Self { book: Arc::default(), peers: peers.iter().map(row).collect() };
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.expect("listens");
        let book = witness.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(book.clone().serve(stream));
            }
        });
        witness
    }

    /// Every call, by server.
    pub(crate) fn calls(&self) -> HashMap<Ipv4Addr, Vec<Call>> {
        self.book().clone()
    }

    fn book(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, Vec<Call>>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, stream: TcpStream) {
        let Ok(std::net::IpAddr::V4(server)) = stream.local_addr().map(|address| address.ip()) else {
            return;
        };
        let place = {
            let mut book = self.book();
            let calls = book.entry(server).or_default();
            calls.push(Call { came: Instant::now(), went: None });
            calls.len() - 1
        };
        // A visit takes a while, so that two at once would be seen.
        tokio::time::sleep(Duration::from_millis(300)).await;
        // However it ends.
        let _ = converse(stream, &self.peers).await;
        let mut book = self.book();
        if let Some(call) = book.get_mut(&server).and_then(|calls| calls.get_mut(place)) {
            call.went = Some(Instant::now());
        }
    }
}

async fn converse(stream: TcpStream, peers: &Value) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Value = serde_json::from_str(&line)?;
        let requests = request.as_array().cloned().unwrap_or_else(|| vec![request.clone()]);
        for request in requests {
            let answer =
                json!({"jsonrpc": "2.0", "id": request["id"], "result": result(&request["method"], peers)});
            write.write_all(format!("{answer}\n").as_bytes()).await?;
        }
    }
    Ok(())
}

fn result(method: &Value, peers: &Value) -> Value {
    match method.as_str().unwrap_or_default() {
        "server.version" => json!(["ElectrumX 1.16.0", "1.4"]),
        "server.peers.subscribe" => peers.clone(),
        "server.features" => json!({"hosts": {}, "protocol_min": "1.4", "protocol_max": "1.4.2"}),
        "blockchain.headers.subscribe" => json!({"height": 1, "hex": "00".repeat(80)}),
        "server.banner" | "server.donation_address" => json!(""),
        "blockchain.estimatefee" | "blockchain.relayfee" => json!(0.00001),
        _ => Value::Null,
    }
}
