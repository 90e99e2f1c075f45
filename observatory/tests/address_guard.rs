//! Nobody can lead the observatory to places that are none of the public's business: neither whoever
//! names a server, nor a name server, nor a server that names its peers.

mod support;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use anyhow::ensure;
use electrum::Transport;
use serde_json::{Value, json};
use support::{
    chain::Chain,
    command::scan,
    dns::{NameServer, Record},
    honest::Honest,
    loopback,
    socks::Proxy,
    wire::{self, tcp},
};

const BOUND: Duration = Duration::from_secs(60);

/// Names of onion services: no address of any network, so that a mistake cannot reach a stranger.
const SEED_ONION: &str = "pwsdcrfuwkgvfdwlo6ccmh2qnpctlu7wsht3jcl3uxmgl4gn72vzhqid.onion";
const PEER_ONION: &str = "bo6igykoay2uz4ancgvcdclvmbuyk3vhpqt6tc2n7fv7vzdjnj6uurad.onion";

#[tokio::test(flavor = "multi_thread")]
async fn private_places_are_refused_however_they_are_written() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(3));
    let inside = Honest::new(&chain).start(Ipv4Addr::LOCALHOST, &[Transport::Tcp]).await?;
    let port = inside.port();
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mapped = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let names = NameServer::start(HashMap::from([
        ("inward.example.net".to_owned(), Record::Addresses(vec![local])),
        ("inward6.example.net".to_owned(), Record::Addresses(vec![Ipv6Addr::LOCALHOST.into()])),
        ("mapped.example.net".to_owned(), Record::Addresses(vec![mapped])),
        (
            "lan.example.net".to_owned(),
            Record::Addresses(vec![[192, 168, 1, 1].into(), [10, 0, 0, 1].into()]),
        ),
        ("metadata.example.net".to_owned(), Record::Addresses(vec![[169, 254, 169, 254].into()])),
        ("localhost".to_owned(), Record::Addresses(vec![local])),
        ("nowhere.example.net".to_owned(), Record::Addresses(vec![Ipv4Addr::UNSPECIFIED.into()])),
    ]))
    .await?;
    let by_name = [
        "inward.example.net",
        "inward6.example.net",
        "mapped.example.net",
        "lan.example.net",
        "metadata.example.net",
        "nowhere.example.net",
        "localhost",
    ];
    let by_address = ["127.0.0.1", "::1", "0.0.0.0"];
    let servers: Vec<_> = by_address
        .into_iter()
        .chain(["2130706433", "::ffff:127.0.0.1"])
        .chain(by_name)
        .map(|host| tcp(host, port))
        .collect::<anyhow::Result<_>>()?;
    let folder = tempfile::tempdir()?;
    let resolver = names.address.to_string();
    let run = scan(folder.path(), &servers, &["--json", "--resolver", &resolver], BOUND).await?;
    let rows = run.by_server()?;

    let mut complaints = Vec::new();
    for server in by_address.into_iter().chain(by_name) {
        match rows.get(server) {
            Some(row) if row["outcome"] == "address-refused" => {}
            row => complaints.push(format!("{server}: {row:?}")),
        }
    }
    if inside.meter.accepts() > 0 {
        complaints.push(format!("{} connections came", inside.meter.accepts()));
    }
    run.without(&complaints)
}

/// The guard stands, nothing is excluded by hand, and the one who names the places is a server that
/// is reached as a stranger would be: through a proxy.
#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_peers_list_leads_nowhere() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(12));
    let trap = Honest::new(&chain).start(Ipv4Addr::new(127, 66, 1, 1), &[Transport::Tcp]).await?;
    let inside = Honest::new(&chain).start(Ipv4Addr::LOCALHOST, &[Transport::Tcp]).await?;
    let poison = [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "127.0.0.1",
        "127.66.1.1",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "fd00::1",
        "fe80::1",
        "ff02::1",
        "0x7f.1",
        "2130706433",
        "localhost",
    ];
    let row = |host: &str, port: u16| json!([host, host, ["v1.4", format!("t{port}")]]);
    let mut peers: Vec<Value> =
        poison.iter().flat_map(|host| [row(host, trap.port()), row(host, inside.port())]).collect();
    peers.push(row("inward.example.net", trap.port()));
    peers.push(row(PEER_ONION, 50001));
    let seed = Honest::new(&chain).with_peers(peers).start(loopback(24, 0), &[Transport::Tcp]).await?;
    let peer = Honest::new(&chain).start(loopback(24, 1), &[Transport::Tcp]).await?;

    let names = NameServer::start(HashMap::from([(
        "inward.example.net".to_owned(),
        Record::Addresses(vec![Ipv4Addr::new(127, 66, 1, 1).into()]),
    )]))
    .await?;
    let proxy = Proxy::start(HashMap::from([
        (SEED_ONION.to_owned(), (loopback(24, 0), seed.port()).into()),
        (PEER_ONION.to_owned(), (loopback(24, 1), peer.port()).into()),
    ]))
    .await?;
    let folder = tempfile::tempdir()?;
    let (resolver, proxy_url) = (names.address.to_string(), format!("socks5://{}", proxy.address));
    let more = ["--json", "--resolver", &resolver, "--proxy", &proxy_url];
    let run = scan(folder.path(), &[tcp(SEED_ONION, 50001)?], &more, BOUND).await?;
    let rows = run.by_server()?;

    let mut complaints = Vec::new();
    // The crawl took place: what else it did not do is worth something.
    for server in [SEED_ONION, PEER_ONION] {
        if rows.get(server).is_none_or(|row| row["outcome"] != "answered") {
            complaints.push(format!("{server}: {:?}", rows.get(server)));
        }
    }
    for asked in proxy.asked() {
        let is_address = asked.parse::<IpAddr>().is_ok();
        if is_address || poison.contains(&asked.as_str()) {
            complaints.push(format!("the proxy was asked for {asked}"));
        }
    }
    for server in [&trap, &inside] {
        if server.meter.accepts() > 0 {
            complaints.push(format!("{} was visited", server.host()));
        }
    }
    if let Some(leak) = names.asked().iter().find(|name| name.ends_with(".onion")) {
        complaints.push(format!("{leak} was looked up: onions are none of a name server's business"));
    }
    run.without(&complaints)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_proxy_is_not_the_servers_fault() -> anyhow::Result<()> {
    let dead = wire::bind(loopback(25, 0)).await?.local_addr()?;
    let folder = tempfile::tempdir()?;
    let more = ["--json", "--proxy", &format!("socks5://{dead}")];
    let run = scan(folder.path(), &[tcp(SEED_ONION, 50001)?], &more, BOUND).await?;
    let rows = run.by_server()?;
    let outcome = rows.get(SEED_ONION).map(|row| &row["outcome"]);
    ensure!(outcome == Some(&json!("proxy-failed")), "{outcome:?}: {}", run.complaint());
    Ok(())
}
