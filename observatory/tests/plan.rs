//! `observatory plan`, as a person uses it.

mod support;

use std::{
    collections::HashMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, ensure};
use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;
use support::dns::{NameServer, Record};

/// Runs it with an archive of its own.
fn plan(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
    command.arg("plan").args(arguments).arg("--archive").arg(folder.join("archive"));
    Ok(command.env("NO_COLOR", "1").output()?)
}

fn planned(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = plan(folder, arguments)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn json(folder: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&planned(folder, &[arguments, &["--json"]].concat())?)?)
}

/// Two neighbours, a stranger, a name, and three that are never visited.
const SEEDS: &str = "ssl://9.9.9.1:50002
tcp://9.9.9.1:50001
ssl://9.9.9.2:50002
tcp://8.8.8.8:50001
ssl://electrum.example.org:50002
tcp://10.0.0.1:50001
tcp://8.8.4.4:50001
tcp://explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion:50001
";

fn seeds(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("seeds.txt");
    fs::write(&path, SEEDS)?;
    Ok(path.to_str().context("a path in UTF-8")?.to_owned())
}

/// Writes a database of one network.
fn database(folder: &Path, name: &str, network: &str, record: &impl Serialize) -> anyhow::Result<PathBuf> {
    let mut writer = mmdb_writer::Writer::new("ASN");
    writer.insert(network.parse::<IpNet>()?, record)?;
    let path = folder.join(name);
    fs::write(&path, writer.to_bytes()?)?;
    Ok(path)
}

#[derive(Serialize)]
struct MaxMind {
    autonomous_system_number: u32,
    autonomous_system_organization: &'static str,
}

#[derive(Serialize)]
struct IpInfo {
    asn: &'static str,
    as_name: &'static str,
}

#[test]
fn a_plan_reads_like_this() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let quad9 =
        MaxMind { autonomous_system_number: 19_281, autonomous_system_organization: "QUAD9\u{1b}[31m" };
    let database = database(folder.path(), "asn.mmdb", "9.9.9.0/24", &quad9)?;
    let database = database.to_str().context("a path in UTF-8")?;
    let seeds = seeds(folder.path())?;
    let text = planned(
        folder.path(),
        &[
            "--network",
            "mainnet",
            "--seeds",
            &seeds,
            "--rounds",
            "3",
            "--exclude",
            "8.8.4.0/24",
            "--geoip",
            database,
            "--servers",
        ],
    )?;
    insta::assert_snapshot!(text);
    Ok(())
}

#[test]
fn addresses_are_placed_by_databases_of_either_form() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let quad9 = MaxMind { autonomous_system_number: 19_281, autonomous_system_organization: "QUAD9-AS-1" };
    let google = IpInfo { asn: "AS15169", as_name: "Google LLC" };
    let first = database(folder.path(), "first.mmdb", "9.9.9.0/24", &quad9)?;
    let second = database(folder.path(), "second.mmdb", "8.8.8.0/24", &google)?;
    let [first, second] = [&first, &second].map(|path| path.to_str().context("a path in UTF-8"));
    let (first, second, seeds) = (first?, second?, seeds(folder.path())?);
    let arguments = ["--network", "mainnet", "--seeds", &seeds, "--geoip", first, "--geoip", second];
    let plan = json(folder.path(), &arguments)?;
    let ases = plan["by_as"].as_array().context("ASes")?;
    ensure!(ases.len() == 2, "{ases:?}");
    ensure!(ases[0]["asn"] == 19_281 && ases[0]["servers"] == 2 && ases[0]["organization"] == "QUAD9-AS-1");
    ensure!(ases[1]["asn"] == 15_169 && ases[1]["servers"] == 1 && ases[1]["organization"] == "Google LLC");
    ensure!(plan["servers"] == 5 && plan["unresolved"] == 1, "{plan}");
    ensure!(plan["left_out"]["private-address"] == 1 && plan["left_out"]["onion-without-proxy"] == 1);
    ensure!(plan["by_subnet"][0]["subnet"] == "9.9.9.0/24" && plan["by_server"].as_array().is_some());
    ensure!(plan["connections_per_day"]["expected"] == 6, "{plan}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_looked_up_when_it_is_asked_for() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let table = HashMap::from([
        ("a.example.org".to_owned(), Record::Addresses(vec!["9.9.9.7".parse()?])),
        ("b.example.org".to_owned(), Record::Addresses(vec!["9.9.9.8".parse()?])),
        ("inside.example.org".to_owned(), Record::Addresses(vec!["10.0.0.1".parse()?])),
    ]);
    let names = NameServer::start(table).await?;
    let resolver = names.address.to_string();
    let mut arguments = vec!["--network", "mainnet", "--resolver", &resolver];
    for server in
        ["a.example.org:1:t", "b.example.org:1:t", "inside.example.org:1:t", "nobody.example.org:1:t"]
    {
        arguments.extend(["--server", server]);
    }
    let unresolved = json(folder.path(), &arguments)?;
    ensure!(unresolved["unresolved"] == 4 && names.asked().is_empty(), "{unresolved}");
    let plan = json(folder.path(), &[&arguments[..], &["--resolve"]].concat())?;
    ensure!(plan["servers"] == 2 && plan["unresolved"] == 0, "{plan}");
    ensure!(plan["left_out"]["private-address"] == 1 && plan["left_out"]["name-unresolved"] == 1, "{plan}");
    ensure!(plan["by_subnet"][0]["servers"] == 2 && plan["round_seconds_at_least"] == 10.0, "{plan}");
    Ok(())
}

#[test]
fn nobody_is_connected_to() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let server = format!("--server=tcp://{}", listener.local_addr()?);
    for profile in ["light", "deep"] {
        let plan = json(
            folder.path(),
            &["--network", "regtest", &server, "--allow-private", "--resolve", "--profile", profile],
        )?;
        ensure!(plan["servers"] == 1 && plan["profile"] == profile, "{plan}");
        ensure!(plan["e_per_day"]["bound"].as_f64() > plan["e_per_day"]["expected"].as_f64(), "{plan}");
    }
    ensure!(listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    Ok(())
}

#[test]
fn wrong_usage_is_told_by_exit_code_2() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let no_database = folder.path().join("no.mmdb");
    fs::write(&no_database, "this is none")?;
    let no_database = no_database.to_str().context("a path in UTF-8")?;
    for (arguments, word) in [
        (&["--network", "regtest", "--seeds", "/nowhere/seeds"][..], "/nowhere/seeds"),
        (&["--network", "signet", "--geoip", no_database], "no.mmdb"),
        (&["--network", "signet", "--exclude", "not a rule"], "exclusions"),
        (&["--network", "signet", "--contact", "me"], "--contact"),
        (&["--network", "mars"], "mars"),
    ] {
        let output = plan(folder.path(), arguments)?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(2) && said.contains(word), "{arguments:?}: {said}");
        ensure!(output.stdout.is_empty());
    }
    Ok(())
}
