//! The bad servers of the other tests do what their names say: a test against a toothless attacker
//! would prove nothing.

mod support;

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use support::{
    chain::Chain,
    client::{VERSION, VERSION_ANSWER, dial, encrypt, hear, request},
    honest::Honest,
    hostile::{Cut, Handshake, Hostile, HostileSocket, Lie},
    loopback,
    wire::Listening,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const MEGABYTE: usize = 1 << 20;

async fn start(kind: Hostile, number: u16) -> anyhow::Result<(Listening, TcpStream)> {
    let honest = Arc::new(Honest::new(&Arc::new(Chain::mine(10))));
    let server = kind.start(loopback(11, number), &honest).await?;
    let stream = dial(&server.endpoints[0]).await?;
    Ok((server, stream))
}

#[tokio::test]
async fn lies_lie() -> anyhow::Result<()> {
    for (number, &kind) in (100..).zip(Lie::ALL) {
        let (_server, stream) = start(Hostile::Lie(kind), number).await?;
        let methods = [
            "server.ping",
            "server.features",
            "server.banner",
            "server.peers.subscribe",
            "blockchain.headers.subscribe",
            "blockchain.scripthash.subscribe",
            "blockchain.estimatefee",
        ];
        let group: String = (1..).zip(methods).map(|(id, m)| request(id, m, &json!([]))).collect();
        let heard = hear(stream, &format!("{VERSION}{group}"), 8 * MEGABYTE).await;
        let text = String::from_utf8_lossy(&heard);
        let first = text.lines().next().unwrap_or_default();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let result = |id: u32| lines.iter().find(|l| l["id"] == json!(id)).map(|l| l["result"].clone());
        let honest_start = text.starts_with(VERSION_ANSWER);
        let as_named = match kind {
            Lie::GuessedIdsThenSilence => lines.len() == 16 && lines[0]["id"] == json!(0),
            Lie::GuessedIdsThenHonesty => lines.len() == 16 + 8 && text.contains(VERSION_ANSWER),
            Lie::RepeatedMembers => first.matches("\"id\"").count() == 2,
            Lie::NullResults => lines.iter().all(|line| line["result"].is_null()),
            Lie::BareNumbers => text == "42\n".repeat(8),
            Lie::ExcessiveUsage => lines[0]["error"]["code"] == json!(-101),
            Lie::ExcessiveUsageLater => honest_start && lines[7]["error"]["code"] == json!(-101),
            Lie::BareStringErrors => honest_start && lines[7]["error"].is_string(),
            Lie::MalformedHosts => result(2).is_some_and(|f| f["hosts"].is_array()),
            Lie::MalformedPeers => result(4).is_some_and(|p| p[0] == json!(7)),
            Lie::MalformedHeaders => result(5).is_some_and(|h| h["height"] == json!(-5)),
            Lie::LongBanner => result(3).is_some_and(|b| b.as_str().is_some_and(|b| b.len() > MEGABYTE / 2)),
        };
        ensure!(as_named, "{kind:?}: {}", text.chars().take(2_000).collect::<String>());
    }
    Ok(())
}

#[tokio::test]
async fn cuts_cut() -> anyhow::Result<()> {
    for (number, &kind) in (200..).zip(Cut::ALL) {
        let (_server, mut stream) = start(Hostile::Cut(kind), number).await?;
        let group = ["server.ping", "server.ping", "server.features", "blockchain.headers.subscribe"];
        let group: String = (1..).zip(group).map(|(id, m)| request(id, m, &json!([]))).collect();
        let heard = hear(&mut stream, &format!("{VERSION}{group}"), MEGABYTE).await;
        let end = timeout(Duration::from_millis(100), stream.read(&mut [0])).await;
        let open = end.is_err();
        let ended = matches!(end, Ok(Ok(0) | Err(_)));
        let as_named = match kind {
            Cut::AcceptThenClose => heard.is_empty() && ended,
            Cut::Silence => heard.is_empty() && open,
            Cut::SilenceAfterVersion => heard == VERSION_ANSWER.as_bytes() && open,
            Cut::Http => heard.starts_with(b"HTTP/1.1 400"),
            Cut::Ssh => heard.starts_with(b"SSH-2.0") && open,
        };
        ensure!(as_named, "{kind:?}: {end:?} after {:?}", String::from_utf8_lossy(&heard));
    }
    Ok(())
}

#[tokio::test]
async fn handshakes_fail_as_named() -> anyhow::Result<()> {
    for (number, &kind) in (400..).zip(Handshake::ALL) {
        let (_server, stream) = start(Hostile::Handshake(kind), number).await?;
        let error = match timeout(Duration::from_secs(2), encrypt(stream)).await {
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(_)) => "none".to_owned(),
            Err(_) => "timeout".to_owned(),
        };
        let expected = match kind {
            Handshake::Garbage | Handshake::PlainHttp => "received corrupt message",
            Handshake::Silence => "timeout",
            Handshake::Close => "eof",
            Handshake::Reset => "reset",
            Handshake::ProtocolVersionAlert => "ProtocolVersion",
            Handshake::OldVersion => "peer is incompatible",
            Handshake::MegabyteCertificate | Handshake::EndlessCertificate => "HandshakePayloadTooLarge",
        };
        ensure!(error.contains(expected), "{kind:?}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_megabyte_of_certificate_is_sent_to_whoever_takes_it() -> anyhow::Result<()> {
    let (server, stream) = start(Hostile::Handshake(Handshake::MegabyteCertificate), 500).await?;
    let heard = hear(stream, "a client that takes anything", 2 * MEGABYTE).await;
    ensure!(heard.len() > MEGABYTE && server.meter.bytes() > MEGABYTE as u64, "{}", heard.len());
    Ok(())
}

#[tokio::test]
async fn sockets_attack_as_named() -> anyhow::Result<()> {
    for (number, &kind) in (600..).zip(HostileSocket::ALL) {
        let (_server, mut stream) = start(Hostile::Socket(kind), number).await?;
        let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        if matches!(kind, HostileSocket::Refused | HostileSocket::EndlessHeaders) {
            let heard = hear(&mut stream, upgrade, 4 * MEGABYTE).await;
            let endless = heard.len() >= 4 * MEGABYTE && !heard.windows(4).any(|w| w == b"\r\n\r\n");
            ensure!(endless == (kind == HostileSocket::EndlessHeaders), "{kind:?}");
            continue;
        }
        let accepted = hear(&mut stream, upgrade, 1).await;
        ensure!(accepted.starts_with(b"HTTP/1.1 101"), "{kind:?}");
        // A masked text frame "{}" whose mask is zero.
        stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']).await?;
        let heard = hear(&mut stream, "", 4 * MEGABYTE).await;
        let head: &[u8] = match kind {
            HostileSocket::HugeFrame => &[0x81, 127, 0x40, 0, 0, 0, 0, 0, 0, 0, b'A'],
            HostileSocket::EndlessFragments => &[0x01, 7, b'{'],
            HostileSocket::PingFlood => &[0x89, 125, b'A'],
            _ => &[0x81, 0, 0x81, 0],
        };
        ensure!(heard.len() >= 4 * MEGABYTE && heard.starts_with(head), "{kind:?}: {:x?}", &heard[..16]);
    }
    Ok(())
}
