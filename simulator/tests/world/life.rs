//! What happens to a world as time goes on.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use serde_json::json;
use simulator::{
    SimTime,
    grammar::{Library, Peer},
    scenario,
    serve::{Clock, NameServer, Presence, listen},
    world::{Days, Member, World, files},
};
use tokio::net::TcpStream;

use crate::support::{CHANGES, Client, Served, made};

const DAYS: Days = Days { from: 0, count: 3 };
const SECOND: Duration = Duration::from_secs(1);

fn named(name: &str, seed: u64, days: Days) -> anyhow::Result<World> {
    let grammars = Library::embedded()?;
    let scenario = scenario::named(name, &grammars).context("a scenario")??;
    Ok(World::lasting(&scenario, seed, None, days, &grammars)?)
}

/// One world for all who only look at it: to make one takes a while.
fn changes() -> anyhow::Result<&'static World> {
    static WORLD: LazyLock<anyhow::Result<World>> = LazyLock::new(|| made(CHANGES, 9_101, DAYS));
    WORLD.as_ref().map_err(|error| anyhow!("{error:#}"))
}

fn of<'w>(world: &'w World, group: &str) -> anyhow::Result<&'w Arc<Member>> {
    world.members().iter().find(|member| member.truth().group == group).context("a server of that group")
}

fn agent(member: &Member, now: SimTime) -> Option<String> {
    let server = member.at(member.addresses()[0], now)?;
    Some(format!("{} {}", server.grammar.name(), server.grammar.version()))
}

#[test]
fn a_server_is_down_and_becomes_other_software_when_the_truth_says_so() -> anyhow::Result<()> {
    let world = changes()?;
    let upgraded = of(world, "upgraded")?;
    let at = world.day(0) + SECOND * u32::try_from(upgraded.truth().upgrades[0].at)?;
    ensure!(at >= world.day(2) && at < world.day(2) + SECOND * 2_401);
    ensure!(agent(upgraded, at - SECOND).as_deref() == Some("ElectrumX 1.16.0"));
    ensure!(agent(upgraded, at + SECOND).as_deref() == Some("ElectrumX 1.20.0"));
    let failing = of(world, "failing")?;
    let outage = failing.truth().outages[0];
    let (from, until) = (outage.from, outage.until.context("an end")?);
    for (second, up) in [(from - 1, true), (from + 1, false), (until - 1, false), (until + 1, true)] {
        let now = world.day(0) + SECOND * u32::try_from(second)?;
        ensure!(failing.presence(now).up == up && agent(failing, now).is_some() == up, "{second}");
    }
    Ok(())
}

#[test]
fn which_days_are_looked_at_changes_nothing_about_them() -> anyhow::Result<()> {
    let (long, late) = (changes()?, made(CHANGES, 9_101, Days { from: 2, count: 1 })?);
    ensure!(late.begins() == long.day(2) && late.day(0) == long.day(0));
    for hour in [0, 7, 23] {
        let now = long.day(2) + SECOND * 3_600 * hour;
        for (one, other) in long.members().iter().zip(late.members()) {
            let heights = [one, other].map(|member| {
                member.at(member.addresses()[0], now).map(|server| server.node.view(now).height())
            });
            ensure!(one.hosts(now) == other.hosts(now) && agent(one, now) == agent(other, now));
            ensure!(heights[0] == heights[1], "{heights:?}");
        }
    }
    Ok(())
}

#[test]
fn a_name_changes_hands() -> anyhow::Result<()> {
    let world = changes()?;
    let (before, after) = (of(world, "before")?, of(world, "after")?);
    let name = before.truth().server.as_str();
    ensure!(name == "1.dynamic.example" && after.truth().server == name);
    for (day, owner) in [(0, Some(before)), (1, None), (2, Some(after)), (3, Some(after))] {
        let addresses = owner.map_or(Vec::new(), |member| member.addresses().to_vec());
        ensure!(world.resolve(name, world.day(day)) == addresses, "{day}");
    }
    ensure!(agent(before, world.day(2)).is_none() && agent(after, world.day(1)).is_none());
    Ok(())
}

fn peers(member: &Member, now: SimTime) -> anyhow::Result<Vec<Peer>> {
    Ok(member.at(member.addresses()[0], now).context("a server")?.identity.peers.clone())
}

#[test]
fn renewed_names_are_told_and_resolved_for_an_hour() -> anyhow::Result<()> {
    let world = changes()?;
    let (flood, open) = (of(world, "renewed")?, of(world, "upgraded")?);
    let hour = |number: u32| world.day(0) + SECOND * 3_600 * number + SECOND;
    let (first, second) = (flood.hosts(hour(0)), flood.hosts(hour(1)));
    ensure!(first.len() == 2 && first == flood.hosts(hour(1) - SECOND * 2));
    let all: BTreeSet<_> = first.iter().chain(&second).collect();
    ensure!(all.len() == 4, "{all:?}");
    for name in &first {
        ensure!(world.resolve(name, hour(0)) == flood.addresses() && world.resolve(name, hour(1)).is_empty());
    }
    let told = peers(open, hour(1))?;
    let told: BTreeSet<&str> = told.iter().map(|peer| peer.host.as_str()).collect();
    ensure!(second.iter().all(|name| told.contains(name.as_str())), "{told:?}");
    ensure!(!first.iter().any(|name| told.contains(name.as_str())), "{told:?}");
    Ok(())
}

#[test]
fn a_second_address_is_a_host_and_may_be_treated_otherwise() -> anyhow::Result<()> {
    let world = changes()?;
    let (two, now) = (of(world, "two-addresses")?, world.begins());
    let [first, second] = two.addresses() else { anyhow::bail!("{:?}", two.addresses()) };
    ensure!(two.hosts(now) == [first.to_string(), second.to_string()]);
    ensure!(two.truth().hosts == two.hosts(now) && two.truth().endpoints.len() == 4);
    ensure!(world.member_at(*second).is_some_and(|member| Arc::ptr_eq(member, two)));
    let servers = [first, second].map(|address| two.at(*address, now));
    let [Some(one), Some(other)] = servers else { anyhow::bail!("nobody") };
    ensure!(Arc::ptr_eq(&one.identity, &other.identity) && !Arc::ptr_eq(&one.conduct, &other.conduct));
    Ok(())
}

#[test]
fn a_split_chain_has_the_first_blocks_and_another_tip() -> anyhow::Result<()> {
    let world = named("x8-other-chain", 9_106, Days::default())?;
    let header = |group: &str, height: u32| -> anyhow::Result<_> {
        let member = of(&world, group)?;
        let server = member.at(member.addresses()[0], world.begins()).context("a server")?;
        Ok(server.node.view(world.begins()).header(height))
    };
    for (height, split, other) in
        [(0, true, false), (600, true, false), (601, false, false), (1_200, false, false)]
    {
        let usual = header("honest-homes", height)?;
        ensure!(usual.is_some() && (header("split-chain", height)? == usual) == split, "{height}");
        ensure!((header("other-chain", height)? == usual) == other, "{height}");
    }
    Ok(())
}

/// Whoever rents in one place is down at once, and homes are not.
#[test]
fn a_datacentre_is_down_as_one() -> anyhow::Result<()> {
    let world = named("n7-same-datacentre", 9_107, Days::default())?;
    let tenants: Vec<_> = world.members().iter().filter(|member| member.truth().group == "tenants").collect();
    let down = |second: u64| -> anyhow::Result<usize> {
        let now = world.day(0) + SECOND * u32::try_from(second)?;
        Ok(tenants.iter().filter(|member| !member.presence(now).up).count())
    };
    let starts: Vec<usize> =
        tenants[0].truth().outages.iter().map(|outage| down(outage.from + 1)).collect::<Result<_, _>>()?;
    ensure!(starts.iter().filter(|count| **count == tenants.len()).count() >= 3, "{starts:?}");
    Ok(())
}

#[test]
fn late_nodes_and_forks_are_passing() -> anyhow::Result<()> {
    let world = named("n5-reorg-lag", 9_108, Days::default())?;
    let height = |member: &Member, now: SimTime| -> anyhow::Result<_> {
        let view = member.at(member.addresses()[0], now).context("a server")?.node.view(now);
        let height = view.height();
        Ok((height, view.header(height)))
    };
    let (home, fork, late) =
        (of(&world, "honest-homes")?, of(&world, "on-the-other-side")?, of(&world, "late")?);
    let (mut beside, mut behind) = (0, 0);
    let looks = 72;
    for look in 0..looks {
        let now = world.begins() + SECOND * 600 * look;
        let (tip, header) = height(home, now)?;
        let (its, other) = height(fork, now)?;
        beside += u32::from(tip == its && header != other);
        behind += u32::from(height(late, now)?.0 < tip);
    }
    ensure!((1..looks / 3).contains(&beside) && (1..looks / 2).contains(&behind), "{beside}, {behind}");
    Ok(())
}

#[test]
fn what_is_not_there_yet_is_not_listed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (from, listed) in [(0, "before"), (2, "after")] {
        let world = made(CHANGES, 9_109, Days { from, count: 1 })?;
        files::write(&world, folder.path())?;
        let seeds = fs::read_to_string(folder.path().join("seeds.txt"))?;
        let endpoint = of(&world, listed)?.truth().endpoints[0].clone();
        ensure!(seeds.lines().filter(|line| *line == endpoint).count() == 1, "{listed}: {seeds}");
    }
    Ok(())
}

/// The same address answers as one version, not at all, and as another, while a client watches.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_down_and_is_upgraded_as_the_clock_passes() -> anyhow::Result<()> {
    let world = made(CHANGES, 9_110, DAYS)?;
    let member = of(&world, "upgraded")?;
    let at = world.day(0) + SECOND * u32::try_from(member.truth().upgrades[0].at)?;
    // A minute of the world before, at a speed at which it passes in three seconds.
    let clock = Clock::start_at(at - SECOND * 60, 20);
    let _listening = listen(world.endpoints(), clock)?;
    let address = member.addresses()[0];
    let mut early = Client::greet(address, "x").await?;
    ensure!(early.agent == "ElectrumX 1.16.0", "{}", early.agent);
    // Whoever is connected is left when the old software ends.
    early.result("server.ping", json!([])).await?;
    tokio::time::sleep(clock.until(at + SECOND)).await;
    ensure!(early.ask("server.ping", json!([])).await.is_err());
    let late = Client::greet(address, "x").await?;
    ensure!(late.agent == "ElectrumX 1.20.0", "{}", late.agent);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_refused_while_a_server_is_down() -> anyhow::Result<()> {
    let world = made(CHANGES, 9_111, DAYS)?;
    let failing = of(&world, "failing")?;
    let outage = failing.truth().outages[0];
    let from = world.day(0) + SECOND * u32::try_from(outage.from)?;
    let clock = Clock::start_at(from + SECOND * 60, 1_200);
    let _listening = listen(world.endpoints(), clock)?;
    let door = (failing.addresses()[0], 50_001);
    let refused = TcpStream::connect(door).await.err().context("nobody should be there")?;
    ensure!(refused.kind() == std::io::ErrorKind::ConnectionRefused, "{refused}");
    let Presence { up: false, until: Some(back) } = failing.presence(clock.now()) else {
        anyhow::bail!("it is back already")
    };
    tokio::time::sleep(clock.until(back)).await;
    // The listener needs a moment.
    for _ in 0..200 {
        if TcpStream::connect(door).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("it did not come back")
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_resolved_over_the_network() -> anyhow::Result<()> {
    let world = Arc::new(made(CHANGES, 9_112, DAYS)?);
    let known = Arc::clone(&world);
    let clock = Clock::start_at(world.begins(), 1);
    let server = NameServer::start(move |name, now| known.resolve(name, now), clock).await?;
    let names = electrum::names::Names::at(server.address());
    let addresses = async |name: &str| match name.parse()? {
        electrum::Host::Name(name) => Ok::<_, anyhow::Error>(names.addresses(&name).await.ok()),
        host => anyhow::bail!("{host} is no name"),
    };
    let expected: Vec<IpAddr> = of(&world, "before")?.addresses().iter().copied().map(IpAddr::V4).collect();
    ensure!(addresses("1.dynamic.example").await? == Some(expected));
    ensure!(addresses("nobody.example").await?.is_none());
    Ok(())
}

/// What is said comes a round trip later.
#[tokio::test(flavor = "multi_thread")]
async fn far_servers_answer_late() -> anyhow::Result<()> {
    let served = Served::start(&made(CHANGES, 9_113, Days::default())?)?;
    let began = std::time::Instant::now();
    let far: Ipv4Addr =
        served.truths.iter().find(|truth| truth.country == "AU").context("Australia")?.addresses[0];
    Client::greet(far, "x").await?;
    ensure!(began.elapsed() >= Duration::from_millis(280), "{:?}", began.elapsed());
    Ok(())
}
