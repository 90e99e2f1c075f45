//! The honest servers, the name server and the proxy of the other tests do what they should: where
//! they erred, a test would blame the observatory.

mod support;

use std::{collections::HashMap, net::Ipv4Addr, process::ExitStatus, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use electrum::{Network, Transport};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use support::{
    chain::Chain,
    client::{VERSION, VERSION_ANSWER, dial, encrypt, request},
    command::Run,
    dns::{NameServer, Record},
    honest::Honest,
    lab::Lab,
    loopback,
    socks::Proxy,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// The pipelined requests of a visit, and what an honest server must say to them.
async fn converse_honestly(stream: impl AsyncRead + AsyncWrite + Unpin, chain: &Chain) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.write_all(VERSION.as_bytes()).await?;
    stream.flush().await?;
    stream.read_line(&mut line).await?;
    ensure!(line == VERSION_ANSWER, "{line}");

    let hash = json!(["ab".repeat(32)]);
    let tip = chain.height();
    let asked = [
        ("server.ping", json!([]), Value::Null),
        ("server.donation_address", json!([]), Value::Null),
        ("server.peers.subscribe", json!([]), json!([])),
        ("blockchain.headers.subscribe", json!([]), json!({ "height": tip, "hex": chain.header(tip) })),
        ("blockchain.estimatefee", json!([25]), json!(0.00008)),
        ("blockchain.scripthash.subscribe", hash.clone(), Value::Null),
        ("blockchain.scripthash.get_balance", hash.clone(), json!({ "confirmed": 0, "unconfirmed": 0 })),
        ("blockchain.scripthash.get_history", hash, json!([])),
        ("blockchain.block.header", json!([7]), json!(chain.header(7))),
    ];
    let group: String =
        (0..).zip(&asked).map(|(id, (method, params, _))| request(id, method, params)).collect();
    stream.write_all(group.as_bytes()).await?;
    stream.flush().await?;
    for (id, (method, _, expected)) in (0..).zip(&asked) {
        line.clear();
        stream.read_line(&mut line).await?;
        let answer: Value = serde_json::from_str(&line)?;
        let expected = json!({ "id": Value::from(id), "jsonrpc": "2.0", "result": expected });
        ensure!(answer == expected, "{method}: {answer}");
    }
    Ok(())
}

#[test]
fn control_characters_are_found_in_both_outputs() {
    let run = |stdout: &[u8], stderr: &[u8]| Run {
        status: ExitStatus::default(),
        stdout: stdout.to_vec(),
        stderr: stderr.to_vec(),
        peak_kib: 0,
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
    };
    assert!(run("fine, and \u{e9}ven so\n".as_bytes(), b"\\u001b[31m\n").control_characters().is_empty());
    for bad in ["\u{1b}[31m", "\r", "\t", "\u{7f}", "\u{9b}31m", "\0"] {
        assert_eq!(run(bad.as_bytes(), b"").control_characters().len(), 1, "{bad:?}");
        assert_eq!(run(b"", bad.as_bytes()).control_characters().len(), 1, "{bad:?}");
    }
    assert_eq!(run(b"\x9b", b"").control_characters(), ["stdout is not UTF-8"]);
}

#[test]
fn the_chain_is_linked_and_worked_for() -> anyhow::Result<()> {
    let chain = Chain::mine(50);
    let headers: Vec<bitcoin::block::Header> = (0..=chain.height())
        .map(|h| Ok(bitcoin::consensus::encode::deserialize_hex(&chain.header(h).context("a header")?)?))
        .collect::<anyhow::Result<_>>()?;
    ensure!(headers[0].block_hash().to_string() == Network::Regtest.genesis_hash());
    for (parent, child) in headers.iter().zip(&headers[1..]) {
        ensure!(child.prev_blockhash == parent.block_hash());
        ensure!(child.validate_pow(child.target()).is_ok() && child.bits == parent.bits);
    }
    ensure!(headers[50].block_hash() == chain.tip());
    Ok(())
}

#[tokio::test]
async fn an_honest_server_answers_on_every_transport() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(30));
    let transports = [Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
    let server = Honest::new(&chain).start(loopback(10, 0), &transports).await?;
    for endpoint in &server.endpoints {
        let stream = dial(endpoint).await?;
        match endpoint.transport {
            Transport::Tcp => converse_honestly(stream, &chain).await?,
            Transport::Tls => converse_honestly(encrypt(stream).await?, &chain).await?,
            Transport::Ws => converse_over_websocket(stream).await?,
            Transport::Wss => converse_over_websocket(encrypt(stream).await?).await?,
        }
    }
    ensure!(server.meter.accepts() == 4);
    ensure!(server.meter.bytes() > 4 * 300, "{}", server.meter.bytes());
    Ok(())
}

async fn converse_over_websocket(stream: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<()> {
    let (mut socket, _) = client_async("ws://127.0.0.1/", stream).await?;
    socket.send(Message::text(VERSION)).await?;
    let answer = socket.next().await.context("an answer")??;
    ensure!(answer.to_text()? == VERSION_ANSWER, "{answer}");
    Ok(())
}

#[tokio::test]
async fn an_honest_server_refuses_as_electrs_does() -> anyhow::Result<()> {
    let honest = Honest::new(&Arc::new(Chain::mine(3)));
    for (asked, expected) in [
        (request(1, "no.such", &json!([])), json!({ "code": -32601, "message": "method not found" })),
        (
            request(1, "blockchain.block.header", &json!([4])),
            json!({ "code": 1, "message": "no header at 4" }),
        ),
        (
            request(1, "blockchain.block.header", &json!([1, 3])),
            json!({ "code": -32602, "message": "invalid params" }),
        ),
        (
            request(1, "blockchain.scripthash.subscribe", &json!(["ab"])),
            json!({ "code": -32602, "message": "invalid params" }),
        ),
        ("{bad\n".to_owned(), json!({ "code": -32700, "message": "parse error" })),
    ] {
        let answer: Value = serde_json::from_slice(&honest.answer(asked.as_bytes()))?;
        ensure!(answer["error"] == expected, "{asked}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn the_name_server_answers_from_its_table() -> anyhow::Result<()> {
    let table = HashMap::from([
        ("a.example.net".to_owned(), Record::Addresses(vec![[127, 1, 2, 3].into(), "::1".parse()?])),
        ("mute.example.net".to_owned(), Record::Silent),
    ]);
    let server = NameServer::start(table).await?;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    client.connect(server.address).await?;
    let ask = async |name: &str, kind: u8| -> anyhow::Result<Option<Vec<u8>>> {
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len())?);
            query.extend_from_slice(label.as_bytes());
        }
        query.extend_from_slice(&[0, 0, kind, 0, 1]);
        client.send(&query).await?;
        let mut reply = vec![0; 512];
        match timeout(Duration::from_millis(300), client.recv(&mut reply)).await {
            Ok(length) => Ok(Some(reply[..length?].to_vec())),
            Err(_) => Ok(None),
        }
    };
    let v4 = ask("A.example.NET", 1).await?.context("an answer")?;
    ensure!(
        v4.starts_with(&[7, 7, 0x81, 0x80, 0, 1, 0, 1]) && v4.ends_with(&[0, 4, 127, 1, 2, 3]),
        "{v4:x?}"
    );
    let v6 = ask("a.example.net", 28).await?.context("an answer")?;
    ensure!(v6[7] == 1 && v6.ends_with(&[0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "{v6:x?}");
    let none = ask("b.example.net", 1).await?.context("an answer")?;
    ensure!(none[3] == 0x83 && none[7] == 0, "{none:x?}");
    ensure!(ask("mute.example.net", 1).await?.is_none());
    ensure!(server.asked().len() == 4 && server.asked()[0] == "a.example.net", "{:?}", server.asked());
    Ok(())
}

#[tokio::test]
async fn the_proxy_leads_names_to_servers_and_remembers() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(8));
    let server = Honest::new(&chain).start(loopback(10, 1), &[Transport::Tcp]).await?;
    let place = (loopback(10, 1), server.endpoints[0].port.get()).into();
    let proxy = Proxy::start(HashMap::from([("there.example.org".to_owned(), place)])).await?;

    let mut stream = TcpStream::connect(proxy.address).await?;
    stream.write_all(b"\x05\x02\x00\x02").await?;
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).await?;
    ensure!(reply == [5, 2]);
    stream.write_all(b"\x01\x01u\x01p").await?;
    stream.read_exact(&mut reply).await?;
    ensure!(reply == [1, 0]);
    stream.write_all(b"\x05\x01\x00\x03\x11there.example.org\xc3\x51").await?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await?;
    ensure!(reply[1] == 0);
    converse_honestly(stream, &chain).await?;

    let mut stream = TcpStream::connect(proxy.address).await?;
    stream.write_all(b"\x05\x01\x00\x05\x01\x00\x01\x0a\x01\x02\x03\xc3\x51").await?;
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).await?;
    ensure!(reply[..4] == [5, 0, 5, 4]);
    ensure!(proxy.asked() == ["there.example.org", "10.1.2.3"], "{:?}", proxy.asked());
    Ok(())
}

#[test]
fn the_lab_starts_what_it_is_asked_for_and_does_what_it_is_told() -> anyhow::Result<()> {
    let mut lab = Lab::start_with(&["--electrumx", "1.20.0,1.20.0@2"])?;
    let mut servers = lab.servers()?;
    servers.retain(|server| server.implementation == "ElectrumX");
    ensure!(servers.iter().map(|server| server.node).eq([1, 2]), "each asks a node of its own");
    ensure!(servers[0].host != servers[1].host && servers.iter().all(|server| server.rpc.is_some()));

    let height = lab.facts["tip"]["height"].as_u64().context("a height")?;
    // The eight feerates of eight payments: the second node relays none below 4 sat/vB.
    let paid = lab.tell("pay 8")?;
    ensure!(paid["paid"].as_array().is_some_and(|txids| txids.len() == 8), "{paid}");
    ensure!(paid["mempool"] == json!([9, 7]), "the lab's own payment, and 8 or 6: {paid}");
    let mined = lab.tell("mine 2")?;
    ensure!(mined["tip"]["height"] == height + 2, "{mined}");
    ensure!(mined["mined"][1] == mined["tip"]["hash"], "{mined}");
    ensure!(lab.tell("dance").is_err(), "what it does not know is an error");
    Ok(())
}
