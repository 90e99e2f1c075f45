//! Simulated servers on real sockets: TCP, TLS, WebSocket, what happens when a client closes its side, blocks that
//! arrive, and ten thousand endpoints in one process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use simulator::{
    chain::{Chain, ChainPlan},
    grammar::{Identity, Library, Service},
    node::{Node, NodePlan},
    serve::{Clock, Credentials, Endpoint, Listening, Server, Transport, listen},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

const BOUND: Duration = Duration::from_secs(20);
const GREETING: &str =
    "{\"jsonrpc\":\"2.0\",\"id\":1e2,\"method\":\"server.version\",\"params\":[\"x\",\"1.4\"]}\n";

fn node() -> anyhow::Result<Arc<Node>> {
    let plan = ChainPlan {
        blocks: 120,
        ahead: 40,
        histories: vec![1],
        crowd: 5,
        forks: Vec::new(),
        ..ChainPlan::default()
    };
    Ok(Arc::new(Node::new(NodePlan::default(), Arc::new(Chain::generate(&plan)?))))
}

fn server(grammar: &str, node: &Arc<Node>) -> anyhow::Result<Arc<Server>> {
    let library = Library::embedded()?;
    let grammar = Arc::clone(library.get(grammar).context("a grammar")?);
    let identity = Identity {
        services: vec![Service { protocol: "tcp", host: "sim.example".to_owned(), port: 50_001 }],
        bound: SocketAddr::from(([127, 0, 0, 1], 50_001)),
        genesis_hash: node.chain().genesis_hash(),
        banner: None,
        donation_address: None,
        agent: None,
        peers: Vec::new(),
    };
    Ok(Arc::new(Server {
        grammar,
        identity: Arc::new(identity),
        node: Arc::clone(node),
        conduct: Arc::default(),
    }))
}

fn credentials() -> anyhow::Result<Arc<Credentials>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "sim.example");
    let certificate: CertificateDer<'static> = params.self_signed(&key)?.into();
    Ok(Arc::new(Credentials::new(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())))
}

fn serve(grammar: &str, transport: Transport, clock: Clock) -> anyhow::Result<Listening> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(listen(vec![Endpoint { address, transport, server: server(grammar, &node()?)? }], clock)?)
}

async fn line(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> anyhow::Result<String> {
    let mut line = String::new();
    timeout(BOUND, stream.read_line(&mut line)).await??;
    Ok(line)
}

#[tokio::test]
async fn each_grammar_greets_over_tcp() -> anyhow::Result<()> {
    for (name, id, end) in [
        ("ElectrumX-1.16.0", "100.0", "}\n"),
        ("ElectrumX-1.20.0", "100.0", " }\n"),
        ("Fulcrum-2.1.1", "100", "}\r\n"),
        ("electrs-0.12.0", "100.0", "}\n"),
        ("mempool-electrs-3.1.0", "100.0", "}\n"),
    ] {
        let listening = serve(name, Transport::Tcp, Clock::start(1))?;
        let mut stream = BufReader::new(TcpStream::connect(listening.addresses()[0]).await?);
        stream.write_all(GREETING.as_bytes()).await?;
        let answer = line(&mut stream).await?;
        let spaced = answer.replace(": ", ":");
        ensure!(spaced.contains(&format!("\"id\":{id}")) && answer.ends_with(end), "{name}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn tls_shows_the_certificate_that_was_given() -> anyhow::Result<()> {
    let listening = serve("electrs-0.12.0", Transport::Tls(credentials()?), Clock::start(1))?;
    let address = listening.addresses()[0];
    let stream = TcpStream::connect(address).await?;
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("sim.example")?;
    let refused = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    // The certificate is self-signed: it was shown, and it is not trusted.
    ensure!(refused.is_err_and(|error| error.to_string().contains("certificate")));
    Ok(())
}

#[tokio::test]
async fn websocket_messages_are_not_padded() -> anyhow::Result<()> {
    let listening = serve("ElectrumX-1.20.0", Transport::WebSocket, Clock::start(1))?;
    let (mut socket, _) = tokio_tungstenite::client_async(
        "ws://sim.example/",
        TcpStream::connect(listening.addresses()[0]).await?,
    )
    .await?;
    socket.send(Message::text(GREETING.trim())).await?;
    let answer = timeout(BOUND, socket.next()).await?.context("an answer")??;
    ensure!(answer.to_text()?.ends_with("\"id\":100.0}"), "{answer}");
    Ok(())
}

/// Whether a request is answered whose client closes its side at once.
async fn half_closed(address: SocketAddr, request: &str) -> anyhow::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    stream.shutdown().await?;
    let mut bytes = Vec::new();
    timeout(BOUND, stream.read_to_end(&mut bytes)).await??;
    Ok(!bytes.is_empty())
}

#[tokio::test]
async fn implementations_differ_when_the_client_closes_its_side() -> anyhow::Result<()> {
    for (name, finished, unfinished) in
        [("ElectrumX-1.17.0", false, false), ("Fulcrum-2.1.1", true, false), ("electrs-0.12.0", true, true)]
    {
        for (request, answered) in [(GREETING, finished), (GREETING.trim(), unfinished)] {
            let listening = serve(name, Transport::Tcp, Clock::start(1))?;
            // On a busy machine the end may come too late to spoil the answer: once is enough.
            let mut heard = Vec::new();
            for _ in 0..10 {
                heard.push(half_closed(listening.addresses()[0], request).await?);
            }
            ensure!(heard.contains(&answered), "{name} {request:?}: {heard:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_block_is_announced() -> anyhow::Result<()> {
    // Ten minutes pass in a third of a second.
    let listening = serve("Fulcrum-2.1.1", Transport::Tcp, Clock::start(2_000))?;
    let mut stream = BufReader::new(TcpStream::connect(listening.addresses()[0]).await?);
    stream.write_all(GREETING.as_bytes()).await?;
    line(&mut stream).await?;
    stream
        .write_all(
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"blockchain.headers.subscribe\",\"params\":[]}\n",
        )
        .await?;
    ensure!(line(&mut stream).await?.contains("\"height\":"));
    let notice = line(&mut stream).await?;
    ensure!(notice.contains("\"method\":\"blockchain.headers.subscribe\""), "{notice}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what it takes is what people look at")]
async fn ten_thousand_endpoints_listen_in_one_process() -> anyhow::Result<()> {
    const COUNT: u32 = 10_000;
    let node = node()?;
    let (grammar, shared) = (server("ElectrumX-1.20.0", &node)?, credentials()?);
    let resident = || -> anyhow::Result<u64> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
    };
    let before = resident()?;
    let started = std::time::Instant::now();
    let endpoint = |number: u32| {
        let [_, _, high, low] = number.to_be_bytes();
        let transport =
            if number.is_multiple_of(2) { Transport::Tcp } else { Transport::Tls(Arc::clone(&shared)) };
        // Each server has what an operator gave it.
        let server =
            Arc::new(Server { identity: Arc::new((*grammar.identity).clone()), ..(*grammar).clone() });
        Endpoint { address: SocketAddr::from(([127, 88, high, low], 50_001)), transport, server }
    };
    let listening = listen((0..COUNT).map(endpoint).collect(), Clock::start(1))?;
    let took = started.elapsed();
    for address in listening.addresses().iter().step_by(998) {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        stream.write_all(GREETING.as_bytes()).await?;
        ensure!(line(&mut stream).await?.contains("ElectrumX 1.20.0"));
    }
    let grown = resident()?.saturating_sub(before);
    println!("{COUNT} endpoints in {took:?}, {} bytes each", grown * 1_024 / u64::from(COUNT));
    ensure!(took < Duration::from_secs(60) && grown < 2_000_000, "{took:?}, {grown} KiB");
    Ok(())
}
