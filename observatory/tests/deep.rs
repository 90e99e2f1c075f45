//! The deep profile against a real ElectrumX: in enough rounds the whole catalogue is asked, politely, and a later
//! scan goes on where an earlier one left off.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use electrum::{
    Endpoint,
    tls::{Redemption, StackAnswer},
};
use futures_util::TryStreamExt as _;
use model::{Archive, Exchange, Outcome, Purpose, Visit, purpose::Arm};
use scanner::{
    ledger::MOST_ERRORS,
    probe::{Occasion, catalogue},
};
use serde_json::Value;
use support::lab::{Lab, RealServer};

const BOUND: Duration = Duration::from_secs(120);
/// Rounds after which everything was asked at least once: two cards a round, and four rounds with one alone.
const ROUNDS: usize = 14;

/// The rows of a deep scan, and all visits of the archive.
async fn deep(
    folder: &Path,
    endpoints: &[Endpoint],
    rounds: usize,
) -> anyhow::Result<(HashMap<String, Value>, Vec<Visit>)> {
    let rounds = rounds.to_string();
    let more = ["--allow-private", "--profile", "deep", "--rounds", &rounds, "--interval", "10ms", "--json"];
    let run = support::command::scan(folder, endpoints, &more, BOUND).await?;
    let archive = Archive::open(folder.join("archive").to_str().context("a path in UTF-8")?)?;
    Ok((run.by_server()?, archive.read().try_collect().await?))
}

fn response(exchange: &Exchange) -> String {
    let reply = exchange.answer.as_ref().map(|reply| reply.response.bytes()).unwrap_or_default();
    String::from_utf8_lossy(reply).into_owned()
}

fn errors(visit: &Visit) -> usize {
    visit.exchanges.iter().filter(|exchange| response(exchange).contains("\"error\":")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn enough_rounds_ask_everything_and_a_second_scan_goes_on_where_the_first_left_off()
-> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(|| Lab::start_with(&["--electrumx", "1.17.0"])).await??;
    let servers = lab.servers()?;
    let endpoints: Vec<Endpoint> = servers.iter().flat_map(RealServer::endpoints).collect();
    let folder = tempfile::tempdir()?;
    let (_, first) = deep(folder.path(), &endpoints, 3).await?;
    let (_, all) = deep(folder.path(), &endpoints, ROUNDS - 3).await?;
    ensure!(all[..first.len()] == first[..], "a second scan appends");

    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for visit in &all {
        ensure!(visit.outcome == Outcome::Answered, "{:?} {:?}", visit.purpose, visit.detail);
        let most = if visit.purpose == Purpose::ParseError { 1_160.0 } else { 350.0 };
        ensure!(visit.cost <= most, "{:?} cost {}", visit.purpose, visit.cost);
        ensure!(errors(visit) <= MOST_ERRORS as usize, "{:?} had {} errors", visit.purpose, errors(visit));
        for exchange in &visit.exchanges {
            *asked.entry(&exchange.probe).or_default() += 1;
        }
    }
    // The lab has no address with 600 transactions, and nobody watches here.
    let expected = catalogue().filter(|probe| probe.occasion != Occasion::Watch && probe.id != "S10");
    let missing: Vec<_> = expected.map(|probe| probe.id).filter(|id| !asked.contains_key(id)).collect();
    ensure!(missing.is_empty(), "{missing:?} were never asked");
    ensure!(asked["E9"] == 1, "what is no JSON was sent {} times", asked["E9"]);
    let searches = all.iter().filter(|visit| visit.purpose == Purpose::Objects).count();
    ensure!(searches == 1, "objects were looked for {searches} times");
    check_twins(&all)?;
    check_scripts(&all)
}

/// Series are whole, in order, and differ in one thing.
fn check_twins(visits: &[Visit]) -> anyhow::Result<()> {
    let mut series: BTreeMap<u64, Vec<Arm>> = BTreeMap::new();
    let mut factors = BTreeSet::new();
    for visit in visits {
        let Purpose::Twin(twin) = &visit.purpose else { continue };
        series.entry(twin.series).or_default().push(twin.arm);
        factors.insert(twin.factor);
    }
    ensure!(series.len() == ROUNDS && series.values().all(|arms| arms[..] == Arm::ORDER), "{series:?}");
    ensure!(factors.len() == 4, "{factors:?}");
    Ok(())
}

/// Outputs of all types were asked about, and each is known to the server.
fn check_scripts(visits: &[Visit]) -> anyhow::Result<()> {
    let deep = visits.iter().find(|visit| visit.purpose == Purpose::Deep).context("a deep visit")?;
    for id in ["S2", "S3", "S4", "S5", "S6", "S7", "S8"] {
        let said: Vec<String> =
            deep.exchanges.iter().filter(|exchange| exchange.probe == id).map(response).collect();
        ensure!(said.len() == 4, "{id} was asked {} times", said.len());
        ensure!(said[1].contains("tx_hash") && said[3].contains("tx_hash"), "{id}: {said:?}");
    }
    let newest = visits.iter().flat_map(|visit| &visit.exchanges).any(|exchange| {
        exchange.probe == "H1" && String::from_utf8_lossy(exchange.request.bytes()).contains("\"1.7\"")
    });
    ensure!(newest, "the newest protocol was never offered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_round_shows_tls_stacks_and_tickets_in_few_round_trips_a_visit() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(Lab::start).await??;
    let servers = lab.servers()?;
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<Endpoint> = servers.iter().flat_map(RealServer::endpoints).collect();
    let (rows, visits) = deep(folder.path(), &endpoints, 1).await?;
    let deep: Vec<_> = visits.iter().filter(|visit| visit.purpose == Purpose::Deep).collect();
    ensure!(deep.len() == servers.len(), "{} deep visits", deep.len());
    for visit in deep {
        // The greeting, five pings at the most, three rounds, three lone questions, three cards at the most
        // (docs/probes.md).
        let writes: BTreeSet<_> = visit.exchanges.iter().map(|exchange| exchange.sent).collect();
        ensure!(writes.len() <= 15, "{} round trips", writes.len());
        ensure!(visit.exchanges.iter().all(|exchange| exchange.answer.is_some()), "everything is answered");
        ensure!(visit.exchanges.len() > 80, "{} questions", visit.exchanges.len());
    }
    for server in servers.iter().filter(|server| server.implementation == "ElectrumX") {
        let row = rows.get(&server.host).context("a row")?;
        server.check_identified(&row["implementation"]).with_context(|| server.version.clone())?;
        ensure!(row["tls"]["self_signed"] == true && row["outcome"] == "answered", "{row}");
        let (endpoint, _) = server.tls.as_ref().context("a TLS port")?;
        let answers: Vec<_> = visits
            .iter()
            .filter(|visit| visit.endpoint == *endpoint && matches!(visit.purpose, Purpose::TlsStack { .. }))
            .filter_map(|visit| visit.tls_stack.clone())
            .collect();
        // Python's asyncio says nothing to a version it does not speak.
        ensure!(answers.len() == 3 && answers[2] == StackAnswer::Closed, "{}: {answers:?}", server.version);
    }
    // The names in their certificates differ in digits only, so that each ticket is shown to the next.
    for visit in visits.iter().filter(|visit| visit.redemption.is_some()) {
        let Purpose::Resumption { from } = &visit.purpose else { continue };
        let expected = if *from == visit.endpoint { Redemption::Resumed } else { Redemption::Refused };
        ensure!(visit.redemption == Some(expected), "{from} at {}: {:?}", visit.endpoint, visit.redemption);
    }
    let shown = visits.iter().filter(|visit| visit.redemption.is_some()).count();
    ensure!(shown == 6, "three tickets, shown twice: {shown}");
    Ok(())
}
