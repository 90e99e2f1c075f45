//! Worlds: the same for a seed, written down so that others can read it, and lies that a client sees on the wire.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute,
    consensus::encode::serialize_hex, hashes::Hash as _, transaction,
};
use electrum::proof::ScriptHash;
use serde_json::{Value, json};
use simulator::{
    chain::{Chain, ChainPlan},
    grammar::Library,
    scenario::{self, Scenario},
    serve::{Clock, Listening, listen},
    world::{Truth, World, files},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

const BOUND: Duration = Duration::from_secs(20);
const ELECTRUM: &str = "electrum/4.8.1";

/// One server of each kind, of two implementations.
const KINDS: &str = r#"
title = "one of each"
prose = "for tests"

[[servers]]
name = "honest"
count = 2
software = { "ElectrumX-1.20.0" = 1 }
places = [{ country = "DE", asn = 3320, organization = "Deutsche Telekom AG" }]

[[servers]]
name = "phisher"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
behaviours = [{ phishing = { text = "<h1>Update</h1>", to = { older-than = "3.3.4" } } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "faker"
count = 1
software = { "Fulcrum-2.1.1" = 1 }
behaviours = [{ fake-broadcast = {} }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "warner"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
behaviours = [{ fake-broadcast = {} }, { warning = { text = "<br/>old", to = { older-than = "3.3.4" } } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "omitter"
count = 1
software = { "electrs-0.12.0" = 1 }
behaviours = [{ omission = { one_in = 1, to = { named = ["electrum/"] } } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "cutter"
count = 1
software = { "Fulcrum-2.1.1" = 1 }
behaviours = [{ cut-history = { one_in = 1 } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "inflater"
count = 1
software = { "mempool-electrs-3.1.0" = 1 }
behaviours = [{ inflated-values = { factor = 10 } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "stalled"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
behaviours = ["frozen-tip"]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "slow"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
behaviours = [{ delay-unseen = { millis = 1500 } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "overloaded"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
behaviours = [{ overload = { millis = 1, silent_one_in = 3 } }]
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "other-chain"
count = 1
software = { "ElectrumX-1.20.0" = 1 }
chain = "other"
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]

[[servers]]
name = "clique"
count = 4
software = { "ElectrumX-1.20.0" = 1 }
operator = "clique"
node = "clique"
peers = "own"
claims = "ElectrumX 1.19.0"
banner = "We are many"
certificate = { template = { name = "node-{n}", apart = 10 } }
places = [{ country = "US", asn = 14061, organization = "DigitalOcean, LLC" }]

[[servers]]
name = "pair"
count = 2
software = { "Fulcrum-2.1.1" = 1 }
process = "pair"
node = "pair"
announces = "group"
addresses = "neighbours"
certificate = { shared = "pair" }
places = [{ country = "DE", asn = 24940, organization = "Hetzner Online GmbH" }]

[[servers]]
name = "proxy"
count = 1
software = { "Fulcrum-2.1.1" = 1 }
through = "pair"
claims = "ElectrumX 1.16.0"
places = [{ country = "FR", asn = 16276, organization = "OVH SAS" }]
"#;

fn kinds(seed: u64) -> anyhow::Result<World> {
    let grammars = Library::embedded()?;
    Ok(World::new(&Scenario::read(KINDS, "kinds", &grammars)?, seed, None, &grammars)?)
}

/// A world that is served.
struct Served {
    truths: Vec<Truth>,
    _listening: Listening,
}

impl Served {
    fn start(world: &World) -> anyhow::Result<Self> {
        let listening = listen(world.endpoints(), Clock::start_at(world.begins(), 1))?;
        Ok(Self { truths: world.truths().cloned().collect(), _listening: listening })
    }

    fn address(&self, group: &str) -> anyhow::Result<Ipv4Addr> {
        Ok(self.truths.iter().find(|truth| truth.group == group).context("a server of that group")?.server)
    }

    /// A client that has greeted a server of a group.
    async fn client(&self, group: &str, name: &str) -> anyhow::Result<Client> {
        Client::greet(self.address(group)?, name).await
    }
}

struct Client {
    stream: BufReader<TcpStream>,
    /// What the server said to the greeting.
    agent: String,
}

impl Client {
    async fn greet(address: Ipv4Addr, name: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((address, 50_001))).await?;
        let mut client = Self { stream: BufReader::new(stream), agent: String::new() };
        let greeting = client.ask("server.version", json!([name, "1.4"])).await?;
        client.agent = greeting["result"][0].as_str().context("an agent")?.to_owned();
        Ok(client)
    }

    async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.answer(method, params, BOUND).await?.context("an answer")
    }

    /// None where no answer comes within a time.
    async fn answer(
        &mut self,
        method: &str,
        params: Value,
        bound: Duration,
    ) -> anyhow::Result<Option<Value>> {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).await?;
        let mut line = String::new();
        match timeout(bound, self.stream.read_line(&mut line)).await {
            Ok(read) => {
                read?;
                Ok(Some(serde_json::from_str(&line)?))
            }
            Err(_) => Ok(None),
        }
    }

    async fn result(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let mut answer = self.ask(method, params).await?;
        ensure!(answer["error"].is_null(), "{method}: {answer}");
        Ok(answer["result"].take())
    }
}

/// A script that has a history on every chain: the first of the test wallet.
fn script() -> anyhow::Result<String> {
    let plan = ChainPlan {
        blocks: 120,
        ahead: 0,
        histories: vec![],
        crowd: 0,
        forks: vec![],
        ..ChainPlan::default()
    };
    let wallet = Chain::generate(&plan)?.test_wallet().clone();
    let first = wallet.receive.first().context("an address")?;
    Ok(ScriptHash::of(&first.script_pubkey()).to_string())
}

/// A well-formed transaction that can never be mined.
fn unminable() -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), 0),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let output = TxOut { value: Amount::from_sat(1_000), script_pubkey: ScriptBuf::new() };
    let (version, lock_time) = (transaction::Version::TWO, absolute::LockTime::ZERO);
    Transaction { version, lock_time, input: vec![input], output: vec![output] }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_behaviour_is_seen_on_the_wire() -> anyhow::Result<()> {
    let world = kinds(9_001)?;
    let served = Served::start(&world)?;
    broadcasts(&served).await?;
    histories(&served).await?;
    times(&served).await?;
    identities(&served).await
}

async fn broadcasts(served: &Served) -> anyhow::Result<()> {
    let transaction = unminable();
    let (raw, txid) = (json!([serialize_hex(&transaction)]), json!(transaction.compute_txid().to_string()));
    let broadcast = "blockchain.transaction.broadcast";
    for (group, client, text) in [
        ("honest", ELECTRUM, "missingorspent"),
        ("phisher", ELECTRUM, "missingorspent"),
        ("phisher", "3.3.2", "<h1>Update</h1>"),
    ] {
        let answer = served.client(group, client).await?.ask(broadcast, raw.clone()).await?;
        let message = answer["error"]["message"].as_str().context("an error")?;
        ensure!(message.contains(text) && answer["error"]["code"] == 1, "{group}, {client}: {answer}");
    }
    for (group, client, said) in [
        ("faker", ELECTRUM, txid.clone()),
        ("warner", ELECTRUM, txid),
        ("warner", "3.3.2", json!("<br/>old")),
    ] {
        // The warner warns of what succeeds, and fakes that for this test.
        let answer = served.client(group, client).await?.result(broadcast, raw.clone()).await?;
        ensure!(answer == said, "{group}, {client}: {answer}");
    }
    Ok(())
}

/// What a server says of a script: its history, its outputs, its balance and its status.
async fn told(served: &Served, group: &str, client: &str) -> anyhow::Result<[Value; 4]> {
    let mut client = served.client(group, client).await?;
    let script = json!([script()?]);
    Ok([
        client.result("blockchain.scripthash.get_history", script.clone()).await?,
        client.result("blockchain.scripthash.listunspent", script.clone()).await?,
        client.result("blockchain.scripthash.get_balance", script.clone()).await?,
        client.result("blockchain.scripthash.subscribe", script).await?,
    ])
}

async fn histories(served: &Served) -> anyhow::Result<()> {
    let truth = told(served, "honest", ELECTRUM).await?;
    let [history, outputs, balance, status] = &truth;
    ensure!(history[0]["height"].as_u64() > Some(0) && status.is_string(), "{history}, {status}");
    ensure!(told(served, "omitter", "Sparrow").await? == truth);
    let nothing = [json!([]), json!([]), json!({"confirmed": 0, "unconfirmed": 0}), json!(null)];
    let omitted = told(served, "omitter", ELECTRUM).await?;
    ensure!(omitted == nothing, "{omitted:?}");
    let [cut, rest @ ..] = told(served, "cutter", ELECTRUM).await?;
    ensure!(cut == json!([]) && rest[..] == truth[1..], "{cut}, {rest:?}");
    let [same, inflated, more, _] = told(served, "inflater", ELECTRUM).await?;
    let times_ten = |value: &Value| value.as_u64().map(|value| value * 10);
    ensure!(same == *history && more["confirmed"].as_u64() == times_ten(&balance["confirmed"]), "{more}");
    ensure!(inflated[0]["value"].as_u64() == times_ten(&outputs[0]["value"]), "{inflated} for {outputs}");
    Ok(())
}

async fn times(served: &Served) -> anyhow::Result<()> {
    let tip = async |group: &str| -> anyhow::Result<u64> {
        let answer =
            served.client(group, "x").await?.result("blockchain.headers.subscribe", json!([])).await?;
        answer["height"].as_u64().context("a height")
    };
    ensure!(tip("stalled").await? + 2 < tip("honest").await?);
    let mut slow = served.client("slow", "x").await?;
    let mut took = Vec::new();
    for _ in 0..2 {
        let began = Instant::now();
        slow.result("blockchain.scripthash.get_balance", json!(["ab".repeat(32)])).await?;
        took.push(began.elapsed());
    }
    // The first takes what was told it; that the second does not is seen with room to spare.
    ensure!(took[0] > Duration::from_millis(1_400) && took[1] < took[0], "{took:?}");
    let mut overloaded = served.client("overloaded", "x").await?;
    overloaded.result("server.ping", json!([])).await?;
    let silence = overloaded.answer("server.ping", json!([]), Duration::from_millis(1_500)).await?;
    ensure!(silence.is_none(), "{silence:?}");
    Ok(())
}

async fn identities(served: &Served) -> anyhow::Result<()> {
    let features = async |group: &str| -> anyhow::Result<Value> {
        served.client(group, "x").await?.result("server.features", json!([])).await
    };
    let genesis = |features: &Value| features["genesis_hash"].clone();
    ensure!(genesis(&features("honest").await?) != genesis(&features("other-chain").await?));
    let hosts = features("pair").await?["hosts"].as_object().context("hosts")?.len();
    ensure!(hosts == 2, "{hosts}");
    let mut clique = served.client("clique", "x").await?;
    ensure!(clique.agent == "ElectrumX 1.19.0", "{}", clique.agent);
    ensure!(clique.result("server.banner", json!([])).await? == "We are many");
    let own: Vec<String> = served
        .truths
        .iter()
        .filter(|truth| truth.group == "clique")
        .map(|truth| truth.server.to_string())
        .collect();
    let peers = clique.result("server.peers.subscribe", json!([])).await?;
    let peers: Vec<&str> =
        peers.as_array().context("peers")?.iter().filter_map(|row| row[0].as_str()).collect();
    ensure!(peers.len() == 3 && peers.iter().all(|peer| own.iter().any(|one| one == peer)), "{peers:?}");
    let peers = served.client("honest", "x").await?.result("server.peers.subscribe", json!([])).await?;
    ensure!(peers.as_array().context("peers")?.len() > 5, "{peers}");
    let mut proxy = served.client("proxy", "x").await?;
    ensure!(proxy.agent == "ElectrumX 1.16.0", "{}", proxy.agent);
    let unknown = proxy.ask("no.such.method", json!([])).await?;
    ensure!(unknown["error"]["message"] == "Unsupported request: no.such.method", "{unknown}");
    Ok(())
}

fn written(world: &World) -> anyhow::Result<BTreeMap<&'static str, Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    files::write(world, folder.path())?;
    let names = ["seeds.txt", "truth.json", "geo.mmdb", "asn.mmdb"];
    names.into_iter().map(|name| Ok((name, fs::read(folder.path().join(name))?))).collect()
}

#[test]
fn a_seed_decides_every_byte() -> anyhow::Result<()> {
    let (one, again, other) = (kinds(1)?, kinds(1)?, kinds(2)?);
    ensure!(written(&one)? == written(&again)?);
    ensure!(written(&one)? != written(&other)?);
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
        let address = IpAddr::from(truth.server);
        let country: Value = geo.lookup(address)?.decode()?.context("a country")?;
        ensure!(country["country"]["iso_code"] == truth.country.as_str(), "{country}");
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

/// The network of today, at its size: everything listens, and how long that took is printed.
#[expect(clippy::print_stderr, reason = "a figure for whoever reads the log")]
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_network_listens() -> anyhow::Result<()> {
    let began = Instant::now();
    let grammars = Library::embedded()?;
    let scenario = scenario::named("mixed-2026", &grammars).context("a scenario")??;
    let world = World::new(&scenario, 9_002, None, &grammars)?;
    let served = Served::start(&world)?;
    eprintln!("{} servers, {} endpoints, {:?}", world.len(), world.endpoints().len(), began.elapsed());
    ensure!(world.len() > 330, "{}", world.len());
    for truth in served.truths.iter().filter(|truth| truth.endpoints[0].ends_with(":50001")).step_by(40) {
        let client = Client::greet(truth.server, "x").await?;
        let named = truth.claims.clone().unwrap_or_else(|| truth.version.clone());
        ensure!(client.agent.contains(&named), "{} for {truth:?}", client.agent);
    }
    Ok(())
}
