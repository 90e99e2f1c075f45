//! What it costs to fold visits and to compare all servers: `cargo bench -p analyzer --bench attribution -- 10000
//! 100000` makes up so many servers, one in ten of a fleet of fifty on one node, and prints what each step takes.

#![allow(clippy::print_stdout, reason = "figures on standard output are what a bench is for")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use analyzer::{
    attribution::{Attribution, Context},
    behaviour::Behaviour,
    dossier::Dossier,
    gossip::Gossip,
    identify::Knowledge,
    notes::Note,
    server,
};
use electrum::{Host, Network, tls::Facts};
use jiff::Timestamp;
use model::{Exchange, Purpose, Recorded, Visit, exchange::Reply, finding::Digest};
use rcgen::{CertificateParams, DnType, KeyPair};

/// Blocks that every server is visited on.
const BLOCKS: u32 = 8;
/// Servers of a fleet, and of how many servers one fleet is made.
const FLEET: u32 = 50;
const FLEET_OF: u32 = 500;
/// Servers that each names.
const PEERS: u32 = 40;

fn main() -> anyhow::Result<()> {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000] } else { sizes };
    println!("servers  read µs/visit  fold µs/visit  join s  gossip s  attribution s  behaviour s  groups");
    for size in sizes {
        run(size)?;
    }
    Ok(())
}

fn run(size: u32) -> anyhow::Result<()> {
    let knowledge = Knowledge::embedded()?;
    let mut dossiers: BTreeMap<Host, Dossier> = BTreeMap::new();
    let (mut reading, mut folding, mut visits) = (Duration::ZERO, Duration::ZERO, 0_u32);
    for number in 0..size {
        let certificate = certificate(number)?;
        for block in 0..BLOCKS {
            let visit = visit(number, block, size, &certificate)?;
            let began = Instant::now();
            let note = Note::of(&visit, Digest::of_bytes(&[]), &knowledge);
            reading += began.elapsed();
            let began = Instant::now();
            dossiers.entry(visit.endpoint.host.clone()).or_default().take(&note);
            folding += began.elapsed();
            visits += 1;
        }
    }
    let mut times = Vec::new();
    let mut began = Instant::now();
    let mut lap = || times.push(std::mem::replace(&mut began, Instant::now()).elapsed().as_secs_f64());
    let servers = server::join(&dossiers);
    lap();
    let gossip = Gossip::of(&servers);
    lap();
    let attribution = Attribution::of(&servers, &gossip, &Context { previous: &[], system: &|_| None });
    lap();
    let behaviour = Behaviour::of(&servers, &attribution);
    lap();
    anyhow::ensure!(behaviour.clusters.len() == servers.len());
    let [join, gossip, linked, alike] = times[..] else { anyhow::bail!("four laps") };
    let [read, fold] = [reading, folding].map(|all| all.as_secs_f64() * 1e6 / f64::from(visits));
    let groups = attribution.groups.len();
    println!(
        "{size:7}  {read:13.1}  {fold:13.1}  {join:6.2}  {gossip:8.2}  {linked:13.2}  {alike:11.2}  {groups:6}"
    );
    Ok(())
}

fn address(number: u32) -> IpAddr {
    // Each in a /24 of its own.
    Ipv4Addr::from((16 << 24) + (number << 8) + 1).into()
}

fn of_fleet(number: u32) -> Option<u32> {
    (number % FLEET_OF < FLEET).then_some(number / FLEET_OF)
}

fn certificate(number: u32) -> anyhow::Result<Vec<u8>> {
    let mut params = CertificateParams::default();
    let name = match of_fleet(number) {
        Some(fleet) => format!("fleet{}-node-{number}", char::from(b'a' + u8::try_from(fleet % 26)?)),
        None => address(number).to_string(),
    };
    params.distinguished_name.push(DnType::CommonName, name);
    let since = 1_600_000_001 + u64::from(number) * if of_fleet(number).is_some() { 10 } else { 3_601 };
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since);
    Ok(params.self_signed(&KeyPair::generate()?)?.der().to_vec())
}

fn visit(number: u32, block: u32, size: u32, certificate: &[u8]) -> anyhow::Result<Visit> {
    let endpoint: electrum::Endpoint = format!("ssl://{}:50002", address(number)).parse()?;
    let at = Timestamp::from_second(1_767_225_600 + i64::from(block) * 600)?;
    let mut visit = Visit::begun(Network::Regtest, endpoint, "bench".to_owned(), Purpose::Light, at);
    visit.peer = Some((address(number), 50_002).into());
    let chain = vec![certificate.into()];
    visit.tls = Some(Facts { version: None, cipher: None, group: None, alpn: None, chain, key_proven: true });
    let node = of_fleet(number).map_or(number, |fleet| 1_000_000 + fleet);
    let header = format!("01000000{}{block:08x}{}", "0".repeat(64), "0".repeat(80));
    let peers: Vec<String> = (0..PEERS)
        .map(|peer| address((number + peer * peer * 7 + 1) % size).to_string())
        .map(|host| format!(r#"["{host}","{host}",["v1.4.2","s","t"]]"#))
        .collect();
    let mut said = vec![
        ("H1", "[]".to_owned(), r#"["ElectrumX 1.18.0","1.4.2"]"#.to_owned()),
        ("M1", "[]".to_owned(), r#"{"hosts":{},"protocol_min":"1.4","protocol_max":"1.4.3"}"#.to_owned()),
        ("M2", "[]".to_owned(), r#""You are connected to an ElectrumX 1.18.0 server.""#.to_owned()),
        ("M3", "[]".to_owned(), r#""""#.to_owned()),
        ("M4", "[]".to_owned(), format!("[{}]", peers.join(","))),
        ("C1", "[]".to_owned(), format!(r#"{{"height":{block},"hex":"{header}"}}"#)),
    ];
    for (target, rate) in [(2, 9_000), (5, 7_000), (25, 5_000), (144, 3_000)] {
        let rate = f64::from(rate + node % 1_000 + node / 1_000 * 7 + block) / 1e8;
        said.push(("F1", format!("[{target}]"), format!("{rate:.8}")));
    }
    visit.exchanges =
        said.into_iter().map(|(probe, params, result)| exchange(probe, &params, &result)).collect();
    Ok(visit)
}

fn exchange(probe: &'static str, params: &str, result: &str) -> Exchange {
    let recorded = |text: String| Recorded::new(text.as_bytes(), Recorded::LIMIT);
    let sent = Duration::from_millis(100).into();
    let response = recorded(format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#));
    Exchange {
        probe: probe.into(),
        request: recorded(format!(r#"{{"id":1,"method":"m","params":{params}}}"#)),
        sent,
        answer: Some(Reply { response, first_byte: sent, last_byte: sent }),
    }
}
