//! One run: a world, its visits, what is concluded of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};

use analyzer::{
    analysis::{Analysis, Beside},
    collect::Collection,
    dossier::{self, Dossier},
    exposure::Play,
    identify::Knowledge,
    notes::Note,
    signs::Signs,
};
use anyhow::{Context as _, ensure};
use electrum::{Host, Network};
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use jiff::Timestamp;
use model::{Archive, Visit, assessment::Address, finding::Digest};
use scanner::{
    agenda::Profile,
    caller::{Caller, ClientName},
};
use simulator::{
    chain::Chains,
    chance::Chance,
    grammar::Library,
    scenario::{self, Scenario},
    serve::{Clock, NameServer, listen},
    world::{Days, World, files},
};
use tokio::runtime::Runtime;

use super::{
    addresses::Addresses,
    judge::{Verdict, judge},
};
use crate::{
    scan::product,
    simulate::history::{History, Round, alone},
};

/// How servers are visited.
#[derive(Debug)]
pub(super) enum Way {
    /// Within the process, over the days of the campaign.
    Archive,
    /// Over sockets at addresses that no other run has, on a few of these days.
    Sockets(Addresses),
}

/// Days that a campaign lasts.
const DAYS: u32 = 16;
/// The days on which everybody is visited deeply: what changes in the scenarios changes on the tenth to twelfth, and the
/// fifth deep visit is the first that compares again what the first compared.
const DEEP_DAYS: [u32; 5] = [0, 1, 2, 13, 15];
/// The days on which servers are scanned over sockets, and how often each.
const SCANNED_DAYS: [u32; 2] = [0, 13];
const SCANS_A_DAY: u32 = 3;
/// From one seed to the next where scenarios must not share one: more than there are scenarios.
const APART: u64 = 64;
/// In which everybody's turn comes, as in a scan of some hundred servers: what nodes say is compared block by block.
const ROUND: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What all runs need.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) grammars: Library,
    knowledge: Knowledge,
    signs: Signs,
    /// Scenarios are done seed by seed, and those of one seed have one chain.
    chains: Chains,
}

impl Common {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            grammars: Library::embedded()?,
            knowledge: Knowledge::embedded()?,
            signs: Signs::embedded()?,
            chains: Chains::default(),
        })
    }
}

/// Does it.
pub(super) fn one(
    name: &str,
    scenario: &Scenario,
    seed: u64,
    way: &Way,
    common: &Common,
) -> anyhow::Result<Verdict> {
    let Common { grammars, knowledge, signs, chains } = common;
    let days = Days { from: 0, count: DAYS };
    let whole = |seed| World::sharing(chains, scenario, seed, None, days, grammars);
    let (world, collection) = match way {
        Way::Archive => {
            let world = whole(seed)?;
            let collection = rehearsed(&world, seed, knowledge)?;
            (world, collection)
        }
        Way::Sockets(addresses) => {
            let seed = apart(name, seed);
            // Many scans wait at once: each holds no more than it needs.
            let collection = scanned(scenario, seed, grammars, knowledge, addresses)?;
            (whole(seed)?, collection)
        }
    };
    let places: BTreeMap<IpAddr, Address> = world
        .members()
        .iter()
        .flat_map(|member| {
            let place = member.place();
            member.addresses().iter().map(|address| {
                let ip = IpAddr::from(*address);
                let (organisation, country) = (place.organization.clone(), place.country.clone());
                (
                    ip,
                    Address {
                        ip,
                        asn: Some(place.asn),
                        organisation: Some(organisation),
                        country: Some(country),
                    },
                )
            })
        })
        .collect();
    let nowhere = |ip| Address { ip, asn: None, organisation: None, country: None };
    let place = |ip| places.get(&ip).cloned().unwrap_or_else(|| nowhere(ip));
    let opened = BTreeSet::new();
    // Neither figures nor what wallets give away are judged here: nothing is drawn, and nobody is played.
    let beside = Beside {
        previous: &[],
        opened: &opened,
        place: &place,
        defaults: &[],
        signs,
        play: Play { wallets: 0, seed },
        draws: 0,
    };
    let analysis = Analysis::of(&collection, knowledge, &beside);
    let truths: Vec<_> = world.truths().cloned().collect();
    Ok(judge(scenario, seed, &truths, &analysis))
}

/// The seed of a scenario's world where worlds of one seed must not have the same addresses: they can be listened at only
/// once.
fn apart(name: &str, seed: u64) -> u64 {
    let place = scenario::names().position(|each| each == name);
    seed * APART + place.map_or(0, |place| place as u64)
}

/// What a campaign sees that visits the world from within the process.
fn rehearsed(world: &World, seed: u64, knowledge: &Knowledge) -> anyhow::Result<Collection> {
    let light = (0..DAYS).map(|day| Round { begins: DAY * day, lasts: ROUND, profile: Profile::Light });
    let deep = DEEP_DAYS.map(|day| Round {
        // Between two light ones.
        begins: DAY * day + DAY / 2,
        lasts: ROUND,
        profile: Profile::Deep,
    });
    let mut rounds: Vec<Round> = light.chain(deep).collect();
    rounds.sort_by_key(|round| round.begins);
    let history = History { rounds, seed };
    let mut caller = Caller {
        network: Network::Regtest,
        vantage: "evaluation".to_owned(),
        name: ClientName::Same(product()),
        objects: OnceLock::new(),
        disabled: Arc::default(),
        secret: Chance::new(seed, "secret", &[]).bytes(),
    };
    let mut dossiers: BTreeMap<Host, Dossier> = BTreeMap::new();
    let mut keep = async |visit: &Visit| {
        // By which bytes a visit is found again is not judged, and to write every visit for it is dear.
        let digest = Digest::of_bytes(format!("{} {}", visit.endpoint, visit.started_at).as_bytes());
        let dossier = dossiers.entry(visit.endpoint.host.clone()).or_default();
        dossier.take(&Note::of(visit, digest, knowledge));
        Ok(())
    };
    alone(async || {
        if let Some(objects) = history.objects(&caller, world, &mut keep).await? {
            caller.objects = Arc::new(objects).into();
        }
        let places: Vec<usize> = (0..world.len()).collect();
        history.visits(&caller, world, &places, &ProgressBar::hidden(), &mut keep).await
    })?;
    Ok(Collection::of(Network::Regtest, dossiers))
}

/// What scans see of the world on sockets.
fn scanned(
    scenario: &Scenario,
    seed: u64,
    grammars: &Library,
    knowledge: &Knowledge,
    addresses: &Addresses,
) -> anyhow::Result<Collection> {
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("archive");
    let mut began = Vec::new();
    for day in SCANNED_DAYS {
        began.push((day, Timestamp::now()));
        let world = World::lasting(scenario, seed, None, Days { from: day, count: 1 }, grammars)?;
        files::write(&world, folder.path())?;
        let endpoints = world.endpoints();
        // Before the runtime, whose end closes the sockets: only then others may listen there.
        let _reserved = addresses.reserve(endpoints.iter().map(|endpoint| endpoint.address.ip()).collect());
        let runtime = Runtime::new()?;
        let _guard = runtime.enter();
        let clock = Clock::start_at(world.begins(), 1);
        let world = Arc::new(world);
        let _listening = listen(endpoints, clock)?;
        let known = Arc::clone(&world);
        let names = runtime.block_on(NameServer::start(move |name, now| known.resolve(name, now), clock))?;
        let mut scan = Command::new(std::env::current_exe()?);
        scan.args(["scan", "--network", "regtest", "--allow-private", "--profile", "deep", "--json"]);
        scan.args(["--rounds", &SCANS_A_DAY.to_string(), "--interval", "1ms"]);
        scan.args(["--resolver", &names.address().to_string()]);
        scan.arg("--seeds").arg(folder.path().join("seeds.txt")).arg("--archive").arg(&archive);
        let scanned = scan.stdin(Stdio::null()).output()?;
        ensure!(scanned.status.success(), "{}", String::from_utf8_lossy(&scanned.stderr));
    }
    let archive = Archive::open(archive.to_str().context("a path in UTF-8")?)?;
    let mut dossiers = BTreeMap::new();
    Runtime::new()?.block_on(async {
        let mut visits = std::pin::pin!(archive.read());
        while let Some(mut visit) = visits.try_next().await? {
            // Days that lie far apart are scanned one after the other, and what was seen is dated as they lie.
            let scan = began.iter().rfind(|(_, began)| *began <= visit.started_at);
            let (day, _) = scan.context("a visit before the first scan")?;
            visit.started_at = visit.started_at.checked_add(DAY * *day)?;
            dossier::take(&mut dossiers, &visit, knowledge)?;
        }
        anyhow::Ok(())
    })?;
    Ok(Collection::of(Network::Regtest, dossiers))
}
