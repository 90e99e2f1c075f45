//! The simulated network in which each server attacks in its own way, scanned by the real program: it must come to
//! the right end with each, in bounded time and memory, and whatever it prints must be harmless.

mod support;

use std::{collections::HashMap, net::IpAddr, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use electrum::Endpoint;
use futures_util::TryStreamExt as _;
use model::{Visit, archive::Archive};
use serde_json::Value;
use simulator::{
    grammar::Library,
    hostile::Mischief,
    scenario,
    serve::{Clock, Listening, listen},
    world::{Truth, World},
};
use support::{
    bytes_under,
    command::{Run, scan},
    dns::{NameServer, Record},
};

/// In a debug build, on a machine with other things to do.
const BOUND: Duration = Duration::from_secs(180);
const MOST_MEMORY_KIB: u64 = 200 * 1_024;
const MOST_ARCHIVE_BYTES: u64 = 32 << 20;
/// The most servers that the crowd may bring in: the frontier's cap on what one server tells.
const MOST_TOLD: usize = 500;

/// A name that a hostile server tells of.
const INWARD: &str = "inward.example";

/// The outcomes to which each kind may come. Where two are given both tell the truth.
fn expected(mischief: Mischief) -> &'static [&'static str] {
    match mischief {
        // Blanks are no TLS record, and the row is of whichever endpoint was visited last.
        Mischief::TarpitAccept => &["timed-out", "tls-failed"],
        Mischief::TarpitHandshake | Mischief::TarpitGreeting | Mischief::TarpitAnswers => &["timed-out"],
        Mischief::FloodLine
        | Mischief::FloodAnswers
        | Mischief::FloodNotifications
        | Mischief::DeepResult
        | Mischief::DeepUnclosed
        | Mischief::PeerBomb => &["limit-exceeded"],
        // Nothing is no JSON either.
        Mischief::FloodBlanks => &["limit-exceeded", "not-electrum"],
        Mischief::CertificateChain => &["tls-failed", "limit-exceeded"],
        Mischief::RawControls | Mischief::WrongUtf8 | Mischief::WrongIds => &["not-electrum"],
        Mischief::ResetAccept => &["closed", "tls-failed"],
        Mischief::ResetHandshake => &["tls-failed"],
        Mischief::ResetGreeting
        | Mischief::ResetInGreeting
        | Mischief::ResetAfterGreeting
        | Mischief::ResetInAnswer
        | Mischief::ResetAfterAnswers => &["closed"],
        // A deep visit of one that gives every answer twice hears more than anybody needs to say unasked.
        Mischief::DuplicateIds => &["answered", "limit-exceeded"],
        Mischief::CertificateNames
        | Mischief::PeerCrowd
        | Mischief::PeerPoison
        | Mischief::TerminalEscapes
        | Mischief::Markup
        | Mischief::Repetition
        | Mischief::HugeNumbers
        | Mischief::HugeVersions
        | Mischief::OutOfOrder
        | Mischief::StrayAnswers => &["answered"],
    }
}

/// The network, while it is served.
struct Network {
    world: World,
    _listening: Listening,
}

impl Network {
    fn start(seed: u64) -> anyhow::Result<Self> {
        let grammars = Library::embedded()?;
        let scenario = scenario::named("hostile", &grammars).context("the scenario")??;
        let world = World::new(&scenario, seed, None, &grammars)?;
        let listening = listen(world.endpoints(), Clock::start_at(world.begins(), 1))?;
        Ok(Self { world, _listening: listening })
    }

    fn endpoints(&self) -> anyhow::Result<Vec<Endpoint>> {
        self.world.truths().flat_map(|truth| &truth.endpoints).map(|text| Ok(text.parse()?)).collect()
    }

    /// What the rows of a scan should say of the servers, and do not.
    fn misjudged(&self, rows: &HashMap<String, Value>) -> Vec<String> {
        let judge = |truth: &Truth| {
            let kind =
                Mischief::ALL.iter().find(|kind| truth.behaviours.iter().any(|name| name == kind.name()));
            let outcomes = kind.map_or(&["answered"][..], |kind| expected(*kind));
            match rows.get(truth.server.as_str()) {
                None => Some(format!("{kind:?}: no row")),
                Some(row) if row["outcome"].as_str().is_some_and(|o| outcomes.contains(&o)) => match kind {
                    None if row["implementation"]["identified"]["name"] != truth.implementation => {
                        Some(format!("{truth:?}: {row}"))
                    }
                    Some(Mischief::HugeNumbers) if !row["tip"].is_null() => Some(format!("believed: {row}")),
                    _ => None,
                },
                Some(row) => Some(format!("{kind:?}: expected {outcomes:?}: {row}")),
            }
        };
        self.world.truths().filter_map(judge).collect()
    }
}

/// Nobody of a crowd has an address, and a poisoned name leads into a private network.
async fn names() -> anyhow::Result<NameServer> {
    let inward = Record::Addresses(vec![[192, 168, 1, 1].into()]);
    Ok(NameServer::start(HashMap::from([(INWARD.to_owned(), inward)])).await?)
}

/// What a run took of the machine, where that is too much.
fn excess(run: &Run, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    if run.peak_kib > MOST_MEMORY_KIB {
        complaints.push(format!("{} KiB of memory", run.peak_kib));
    }
    let archived = bytes_under(&folder.join("archive"))?;
    if archived == 0 || archived > MOST_ARCHIVE_BYTES {
        complaints.push(format!("an archive of {archived} bytes"));
    }
    Ok(complaints)
}

/// Characters that hide or turn what stands around them.
fn treacherous(text: &str) -> Vec<String> {
    let is_treacherous = |c: &char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    text.chars().filter(is_treacherous).map(|c| format!("{c:?} is printed")).collect()
}

/// Everybody who was dialled and is not on this machine.
async fn strayed(folder: &Path) -> anyhow::Result<Vec<String>> {
    let archive = Archive::open(folder.join("archive").to_str().context("a path in UTF-8")?)?;
    let visits: Vec<Visit> = archive.read().try_collect().await?;
    ensure!(!visits.is_empty(), "nothing is in the archive");
    let dialled = visits.iter().filter_map(|visit| visit.peer).map(|peer| peer.ip());
    Ok(dialled.filter(|ip: &IpAddr| !ip.is_loopback()).map(|ip| format!("{ip} was dialled")).collect())
}

#[expect(clippy::print_stdout, reason = "the figure of docs/performance.md")]
async fn scanned(network: &Network, profile: &str) -> anyhow::Result<()> {
    let (names, folder) = (names().await?, tempfile::tempdir()?);
    let resolver = names.address.to_string();
    let options = ["--json", "--allow-private", "--visit-timeout", "12", "--concurrency", "128"];
    let more = [&options[..], &["--profile", profile, "--resolver", &resolver]].concat();
    let run = scan(folder.path(), &network.endpoints()?, &more, BOUND).await?;

    let rows = run.by_server()?;
    let mut complaints = network.misjudged(&rows);
    complaints.extend(run.control_characters());
    complaints.extend(treacherous(&String::from_utf8_lossy(&run.stdout)));
    complaints.extend(excess(&run, folder.path())?);
    complaints.extend(strayed(folder.path()).await?);
    if rows.get(INWARD).is_none_or(|row| row["outcome"] != "address-refused") {
        complaints.push(format!("{INWARD}: {:?}", rows.get(INWARD)));
    }
    let crowd = rows.keys().filter(|server| server.starts_with("crowd-")).count();
    if crowd == 0 || crowd > MOST_TOLD {
        complaints.push(format!("{crowd} of a crowd were admitted"));
    }
    println!("{} servers, {profile}: {} KiB of memory at the most", rows.len(), run.peak_kib);
    run.without(&complaints).with_context(|| format!("a {profile} scan of {:?}", run.wall))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_comes_to_its_end_and_nobody_else_is_hurt() -> anyhow::Result<()> {
    let network = Network::start(9_300)?;
    // Both at once: most of the time is spent waiting for tarpits.
    tokio::try_join!(scanned(&network, "light"), scanned(&network, "deep")).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_nothing_in_a_servers_words() -> anyhow::Result<()> {
    let network = Network::start(9_301)?;
    let (names, folder) = (names().await?, tempfile::tempdir()?);
    let resolver = names.address.to_string();
    let more = ["--allow-private", "--visit-timeout", "12", "--concurrency", "128", "--resolver", &resolver];
    let run = scan(folder.path(), &network.endpoints()?, &more, BOUND).await?;

    let mut complaints = run.control_characters();
    let shown = String::from_utf8_lossy(&run.stdout);
    complaints.extend(treacherous(&shown).into_iter().chain(treacherous(&run.complaint())));
    for truth in network.world.truths().filter(|truth| !shown.contains(truth.server.as_str())) {
        complaints.push(format!("{truth:?} is not shown"));
    }
    if shown.lines().any(|line| line.trim_start().starts_with("forged")) {
        complaints.push("a server wrote a line of its own".to_owned());
    }
    if run.stdout.len() + run.stderr.len() > 512 * 1_024 {
        complaints.push("a server filled the screen".to_owned());
    }
    run.without(&complaints)
}
