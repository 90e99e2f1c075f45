//! Visits for tests: a server of one's choice, what it said, and when.

use std::{collections::BTreeMap, time::Duration};

use electrum::Host;
use jiff::Timestamp;
use model::{Exchange, Purpose, Recorded, Visit, exchange::Reply, finding::Digest};
use sha2::{Digest as _, Sha256};

use crate::{
    dossier::{Dossier, of_visits},
    identify::Knowledge,
    reading::Reading,
    visited::Visited,
};

/// So many seconds after the beginning of 2026.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a time")
}

/// A light visit that answered nothing yet.
pub(crate) fn light(endpoint: &str, second: i64) -> Visit {
    let endpoint: electrum::Endpoint = endpoint.parse().expect("an endpoint");
    let peer = endpoint.host.address().map(|ip| (ip, endpoint.port.get()).into());
    let regtest = electrum::Network::Regtest;
    let mut visit = Visit::begun(regtest, endpoint, "local".to_owned(), Purpose::Light, at(second));
    visit.peer = peer;
    visit
}

/// A light visit to a name that led to an address.
pub(crate) fn at_address(endpoint: &str, ip: &str) -> Visit {
    let mut visit = light(endpoint, 0);
    let ip: std::net::IpAddr = ip.parse().expect("an address");
    visit.resolution.addresses = [ip].into();
    visit.peer = Some((ip, visit.endpoint.port.get()).into());
    visit
}

/// A light visit that got these results, as JSON.
pub(crate) fn answers(endpoint: &str, second: i64, said: &[(&'static str, &str)]) -> Visit {
    let mut visit = light(endpoint, second);
    visit.exchanges = said.iter().map(|(probe, result)| exchange(probe, "[]", result)).collect();
    visit
}

fn exchange(probe: &'static str, params: &str, result: &str) -> Exchange {
    let recorded = |text: String| Recorded::new(text.as_bytes(), Recorded::LIMIT);
    let sent = Duration::from_millis(100).into();
    let method = if probe == "C1" { "blockchain.headers.subscribe" } else { "m" };
    Exchange {
        probe: probe.into(),
        request: recorded(format!(r#"{{"id":1,"method":"{method}","params":{params}}}"#)),
        sent,
        answer: Some(Reply {
            response: recorded(format!(r#"{{"id":1,"result":{result}}}"#)),
            first_byte: sent,
            last_byte: sent,
        }),
    }
}

/// A visit in which a server named these.
pub(crate) fn naming(endpoint: &str, hosts: &[String]) -> Visit {
    let rows: Vec<_> = hosts.iter().map(|host| ("", host, [""; 0])).collect();
    answers(endpoint, 0, &[("M4", &serde_json::to_string(&rows).expect("writes"))])
}

/// A header of a block of that height, in hex. It proves nothing.
pub(crate) fn header(height: u32) -> String {
    format!("01000000{}{height:08x}{}", "0".repeat(64), "0".repeat(160 - 80))
}

/// A visit that tells of a tip and of estimates, four for a light visit's targets, eight for a deep one's.
pub(crate) fn fees(endpoint: &str, second: i64, height: u32, rates: &[u32]) -> Visit {
    let best = format!(r#"{{"height":{height},"hex":"{}"}}"#, header(height));
    let mut visit = answers(endpoint, second, &[("C1", &best)]);
    let targets: &[u32] =
        if rates.len() == 4 { &[2, 5, 25, 144] } else { &[2, 3, 5, 10, 25, 144, 504, 1_008] };
    visit.exchanges.extend(targets.iter().zip(rates).map(|(target, rate)| {
        exchange("F1", &format!("[{target}]"), &format!("{:.8}", f64::from(*rate) / 1e8))
    }));
    visit
}

/// A visit that showed a certificate: its name, its first second, and which key it is of.
pub(crate) fn certificate(mut visit: Visit, name: &str, since: i64, key: &str) -> Visit {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(since.unsigned_abs());
    params.not_after = epoch + Duration::from_secs(since.unsigned_abs() + 86_400 * 3_650);
    let chain = vec![params.self_signed(&pair(key)).expect("a certificate").der().as_ref().into()];
    let version = Some("TLSv1.3".to_owned());
    visit.tls = Some(electrum::tls::Facts {
        version,
        cipher: None,
        group: None,
        alpn: None,
        chain,
        key_proven: true,
    });
    visit
}

/// The same key for the same name: Ed25519, whose keys are any 32 bytes.
fn pair(name: &str) -> rcgen::KeyPair {
    const FRAME: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let secret: [u8; 32] = Sha256::digest(name).into();
    let der = [&FRAME[..], &secret].concat();
    rcgen::KeyPair::try_from(der).expect("a key")
}

/// What visits show, host by host.
pub(crate) fn dossiers(visits: &[Visit]) -> BTreeMap<Host, Dossier> {
    of_visits(visits, &knowledge()).expect("visits")
}

/// What is known of implementations.
pub(crate) fn knowledge() -> Knowledge {
    Knowledge::embedded().expect("knowledge")
}

/// Has visits noted, one after the other.
pub(crate) fn fold(visits: &[Visit], mut take: impl FnMut(&Visited, &Reading<'_>)) {
    for visit in visits {
        let digest = Digest::of_visit(visit).expect("writes");
        take(&Visited::of(visit, digest), &Reading::of(visit));
    }
}
