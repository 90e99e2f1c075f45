//! Worlds written down: the same for a seed, and what others can read.

use std::{collections::BTreeMap, fs, net::IpAddr, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use simulator::world::{Days, Truth, World, files};

use crate::support::{CHANGES, KINDS, kinds, made};

fn written(world: &World) -> anyhow::Result<BTreeMap<&'static str, Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    files::write(world, folder.path())?;
    let names = ["seeds.txt", "truth.json", "geo.mmdb", "asn.mmdb"];
    names.into_iter().map(|name| Ok((name, fs::read(folder.path().join(name))?))).collect()
}

#[test]
fn a_seed_decides_every_byte() -> anyhow::Result<()> {
    for scenario in [KINDS, CHANGES] {
        let [one, again, other] = [1, 1, 2].map(|seed| made(scenario, seed, Days::default()));
        let one = written(&one?)?;
        ensure!(one == written(&again?)? && one != written(&other?)?);
    }
    Ok(())
}

#[test]
fn the_files_are_what_others_read() -> anyhow::Result<()> {
    let world = kinds(3)?;
    let folder = tempfile::tempdir()?;
    files::write(&world, folder.path())?;
    let truths: Vec<Truth> = serde_json::from_slice(&fs::read(folder.path().join("truth.json"))?)?;
    ensure!(truths.len() == world.len() && truths.iter().eq(world.truths()));
    let seeds = fs::read_to_string(folder.path().join("seeds.txt"))?;
    ensure!(seeds.lines().eq(truths.iter().flat_map(|truth| &truth.endpoints)));
    let open = |name: &str| maxminddb::Reader::open_readfile(Path::new(folder.path()).join(name));
    let (geo, asn) = (open("geo.mmdb")?, open("asn.mmdb")?);
    for truth in &truths {
        let address = IpAddr::from(truth.addresses[0]);
        let country: Value = geo.lookup(address)?.decode()?.context("a country")?;
        ensure!(country["country"]["iso_code"] == truth.country.as_str(), "{country}");
        ensure!(country["location"]["latitude"].is_f64() && country["location"]["longitude"].is_f64());
        let network: Value = asn.lookup(address)?.decode()?.context("a network")?;
        ensure!(network["autonomous_system_number"] == truth.asn, "{network}");
        ensure!(network["autonomous_system_organization"] == truth.organization.as_str(), "{network}");
    }
    Ok(())
}

/// What is shared has one name, and what is not has several.
#[test]
fn the_truth_says_who_shares_what() -> anyhow::Result<()> {
    let world = kinds(4)?;
    let of = |group: &str| -> Vec<&Truth> { world.truths().filter(|truth| truth.group == group).collect() };
    let [honest, clique, pair, proxy] = ["honest", "clique", "pair", "proxy"].map(of);
    ensure!(honest[0].node != honest[1].node && honest[0].operator != honest[1].operator);
    ensure!(clique[0].node == clique[3].node && clique[0].process != clique[3].process);
    ensure!(pair[0].process == pair[1].process && proxy[0].process == pair[0].process);
    ensure!(proxy[0].implementation == "Fulcrum" && proxy[0].claims.as_deref() == Some("ElectrumX 1.16.0"));
    ensure!(!proxy[0].is_honest() && honest[0].is_honest());
    Ok(())
}
