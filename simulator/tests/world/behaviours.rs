//! Lies, as a client sees them on the wire.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute,
    consensus::encode::serialize_hex, hashes::Hash as _, transaction,
};
use electrum::proof::ScriptHash;
use serde_json::{Value, json};
use simulator::chain::{Chain, ChainPlan};

use crate::support::{ELECTRUM, Served, kinds};

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
    fees(&served).await?;
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

async fn fees(served: &Served) -> anyhow::Result<()> {
    let estimate = async |client: &str| -> anyhow::Result<f64> {
        let mut client = served.client("inflater", client).await?;
        client.result("blockchain.estimatefee", json!([2])).await?.as_f64().context("an estimate")
    };
    let (fair, dear) = (estimate("Sparrow").await?, estimate(ELECTRUM).await?);
    ensure!(fair > 0.0 && (dear / fair - 20.0).abs() < 1e-6, "{dear} for {fair}");
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
        .map(|truth| truth.server.clone())
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
