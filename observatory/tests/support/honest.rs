//! An honest Electrum server. It answers byte for byte as electrs 0.12.0 does where a visit asks,
//! so that what identifies software finds no contradiction in it.

use std::{io, net::Ipv4Addr, sync::Arc};

use electrum::{Endpoint, Network, Transport};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::{
    chain::Chain,
    tls,
    wire::{self, Listening},
};

/// What a client asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    /// Echoed as JSON of the value, not of the bytes: `1e2` comes back as `100.0`.
    #[serde(default)]
    pub(crate) id: Value,
    /// The method.
    pub(crate) method: String,
    #[serde(default)]
    params: Vec<Value>,
}

/// Code and message of a JSON-RPC error.
type Refusal = (i64, String);

/// What an honest server knows.
pub(crate) struct Honest {
    chain: Arc<Chain>,
    hosts: Value,
    peers: Vec<Value>,
}

impl Honest {
    /// A server of this chain that knows no peers.
    pub(crate) fn new(chain: &Arc<Chain>) -> Self {
        Self { chain: Arc::clone(chain), hosts: json!({}), peers: Vec::new() }
    }

    /// The same server with this answer to `server.peers.subscribe`.
    pub(crate) fn with_peers(mut self, peers: Vec<Value>) -> Self {
        self.peers = peers;
        self
    }

    /// The chain it serves.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Listens on `address`, on one port for each of the transports.
    pub(crate) async fn start(
        mut self,
        address: Ipv4Addr,
        transports: &[Transport],
    ) -> io::Result<Listening> {
        let mut listeners = Vec::new();
        let mut ports = Map::new();
        for &transport in transports {
            let listener = wire::bind(address).await?;
            let port = listener.local_addr()?.port();
            ports.insert(format!("{transport}_port"), port.into());
            listeners.push((listener, transport));
        }
        self.hosts = json!({ address.to_string(): ports });
        let acceptor = match transports.iter().any(|t| t.is_encrypted()) {
            true => Some(tls::acceptor(&address.to_string())?),
            false => None,
        };
        let server = Arc::new(self);
        let mut listening = Listening::default();
        for (listener, transport) in listeners {
            let (server, acceptor) = (Arc::clone(&server), acceptor.clone());
            listening.serve(listener, transport, move |stream| {
                let (server, acceptor) = (Arc::clone(&server), acceptor.clone());
                async move {
                    match acceptor.filter(|_| transport.is_encrypted()) {
                        Some(acceptor) => server.speak(acceptor.accept(stream).await?, transport).await,
                        None => server.speak(stream, transport).await,
                    }
                }
            })?;
        }
        Ok(listening)
    }

    async fn speak<S>(&self, stream: S, transport: Transport) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match transport {
            Transport::Tcp | Transport::Tls => {
                let mut stream = BufReader::new(stream);
                wire::converse(&mut stream, |line| Some(self.answer(line))).await.map(|_| ())
            }
            Transport::Ws | Transport::Wss => {
                let mut socket = accept_async(stream).await.map_err(io::Error::other)?;
                while let Some(message) = socket.next().await {
                    // Pings and farewells are answered by the library.
                    if let Message::Text(text) = message.map_err(io::Error::other)? {
                        let answers: Vec<u8> =
                            text.as_str().lines().flat_map(|line| self.answer(line.as_bytes())).collect();
                        let answers = String::from_utf8(answers).map_err(io::Error::other)?;
                        socket.send(Message::text(answers)).await.map_err(io::Error::other)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The line that answers a line.
    pub(crate) fn answer(&self, line: &[u8]) -> Vec<u8> {
        let (id, answer) = match serde_json::from_slice::<Request>(line) {
            Ok(request) => (request.id.clone(), self.result(&request)),
            Err(_) => (Value::Null, Err((-32700, "parse error".to_owned()))),
        };
        respond(&id, answer)
    }

    /// What a request asks for.
    pub(crate) fn result(&self, request: &Request) -> Result<Value, Refusal> {
        let height =
            |at: usize| request.params.get(at).and_then(Value::as_u64).and_then(|h| h.try_into().ok());
        let invalid = || (-32602, "invalid params".to_owned());
        let script_hash = || {
            let text = request.params.first().and_then(Value::as_str).unwrap_or_default();
            let sound = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            sound.then_some(()).ok_or_else(invalid)
        };
        Ok(match request.method.as_str() {
            "server.version" => self.version(&request.params)?,
            "server.ping" | "server.donation_address" => Value::Null,
            "server.banner" => json!("Welcome to electrs 0.12.0 (Electrum Rust Server)!"),
            "server.features" => self.features(),
            "server.peers.subscribe" => self.peers.clone().into(),
            "mempool.get_fee_histogram" => json!([]),
            "blockchain.relayfee" => json!(0.00001),
            "blockchain.estimatefee" => match height(0).ok_or_else(invalid)? {
                1..=1008 => json!(0.00008),
                _ => return Err((2, "Invalid conf_target, must be between 1 and 1008".to_owned())),
            },
            "blockchain.headers.subscribe" => {
                let tip = self.chain.height();
                json!({ "height": tip, "hex": self.chain.header(tip) })
            }
            "blockchain.block.header" => {
                // No second parameter: electrs proves no checkpoints.
                let at = height(0).filter(|_| request.params.len() == 1).ok_or_else(invalid)?;
                self.chain.header(at).ok_or_else(|| (1, format!("no header at {at}")))?.into()
            }
            "blockchain.block.headers" => {
                let (from, count) = height(0).zip(height(1)).ok_or_else(invalid)?;
                let headers: Vec<_> =
                    (from..from + count.min(2016)).map_while(|h| self.chain.header(h)).collect();
                json!({ "count": headers.len(), "hex": headers.concat(), "max": 2016 })
            }
            "blockchain.scripthash.subscribe" => script_hash().map(|()| Value::Null)?,
            "blockchain.scripthash.get_balance" => {
                script_hash().map(|()| json!({ "confirmed": 0, "unconfirmed": 0 }))?
            }
            "blockchain.scripthash.get_history" | "blockchain.scripthash.listunspent" => {
                script_hash().map(|()| json!([]))?
            }
            _ => return Err((-32601, "method not found".to_owned())),
        })
    }

    fn version(&self, params: &[Value]) -> Result<Value, Refusal> {
        let [client, asked] = params else {
            return Err((-32602, "invalid params".to_owned()));
        };
        let speaks_1_4 = match asked {
            Value::Array(range) => range.first() == Some(&json!("1.4")),
            single => single == "1.4",
        };
        match speaks_1_4 {
            true => Ok(json!(["electrs/0.12.0", "1.4"])),
            false => Err((1, format!("unsupported request {asked} by {client}"))),
        }
    }

    fn features(&self) -> Value {
        json!({
            "genesis_hash": Network::Regtest.genesis_hash(),
            "hash_function": "sha256",
            "hosts": self.hosts,
            "protocol_max": "1.4",
            "protocol_min": "1.4",
            "pruning": null,
            "server_version": "electrs/0.12.0",
        })
    }
}

/// One line of JSON-RPC: compact, with sorted keys.
pub(crate) fn respond(id: &Value, answer: Result<Value, Refusal>) -> Vec<u8> {
    let body = match answer {
        Ok(result) => json!({ "id": id, "jsonrpc": "2.0", "result": result }),
        Err((code, message)) => {
            json!({ "error": { "code": code, "message": message }, "id": id, "jsonrpc": "2.0" })
        }
    };
    format!("{body}\n").into_bytes()
}

/// A row of a peers list that stands for these endpoints of one host.
pub(crate) fn peer_row(endpoints: &[Endpoint]) -> Value {
    let mut features = vec!["v1.4".to_owned()];
    for endpoint in endpoints {
        // A peers list has no words for WebSocket.
        match endpoint.transport {
            Transport::Tcp => features.push(format!("t{}", endpoint.port)),
            Transport::Tls => features.push(format!("s{}", endpoint.port)),
            Transport::Ws | Transport::Wss => {}
        }
    }
    let host = endpoints.first().map(|e| e.host.to_string());
    json!([host, host, features])
}
