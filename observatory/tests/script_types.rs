//! Sessions and proofs against a real ElectrumX: for an output of each script type, everything the server
//! says is checked by arithmetic instead of trust.

mod support;

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bitcoin::{Amount, OutPoint, ScriptBuf, Txid};
use data_encoding::HEXLOWER;
use electrum::{
    Endpoint, Network,
    dial::Dialer,
    guard::Guard,
    limits::Limits,
    message::{Answer, Id, Request},
    names::Names,
    proof::{self, header, merkle, script_hash::ScriptHash, status, tx},
    session::{Event, Session},
};
use futures_util::future::try_join_all;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use support::lab::{Lab, RealServer};

/// A client for one server, as plain as can be.
struct Client {
    session: Session,
    next_id: u32,
}

impl Client {
    async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let dialer = Dialer::new(Names::system(), Guard::AllowPrivate, None, Limits::default());
        let route = dialer.resolve(&endpoint.host).await.route?;
        let session = dialer.dial(endpoint, &route, dialer.limits()).await.session?;
        let mut client = Self { session, next_id: 0 };
        let _: Value =
            client.call("server.version", json!(["electrum-observatory/test", ["1.4", "1.6"]])).await?;
        Ok(client)
    }

    async fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> anyhow::Result<T> {
        let results = self.call_all(&[(method, params)]).await?;
        Ok(serde_json::from_value(results.into_iter().next().context("a result")?)?)
    }

    /// Calls in one write: ElectrumX from 1.18 on answers calls made one by one at one a second.
    async fn call_all(&mut self, calls: &[(&str, Value)]) -> anyhow::Result<Vec<Value>> {
        let mut requests = Vec::new();
        for (method, params) in calls {
            self.next_id += 1;
            requests.push(Request::call(Id::number(self.next_id), method, &params.to_string()));
        }
        let tickets = self.session.send(requests).await?;
        let mut results = vec![None; calls.len()];
        while results.contains(&None) {
            let event = tokio::time::timeout(Duration::from_secs(10), self.session.receive()).await??;
            let Event::Answer(ticket, line) = event else { continue };
            let index = tickets.iter().position(|t| *t == ticket).context("a ticket of this round")?;
            results[index] = match Answer::read(&line.bytes).context("an answer")? {
                Answer::Result(text) => Some(serde_json::from_str(text)?),
                Answer::Error(error) => bail!("{:?}: {error:?}", calls[index]),
            };
        }
        Ok(results.into_iter().flatten().collect())
    }
}

#[derive(Deserialize)]
struct Item {
    tx_hash: Txid,
    height: i64,
}

#[derive(Deserialize)]
struct Unspent {
    tx_hash: Txid,
    tx_pos: u32,
    value: u64,
}

#[derive(Deserialize)]
struct Balance {
    confirmed: i64,
    unconfirmed: i64,
}

#[derive(Deserialize)]
struct Proof {
    merkle: Vec<String>,
    pos: u64,
}

/// What a server says of a script hash before any of it is checked.
struct Claims {
    script_hash: ScriptHash,
    history: Vec<Item>,
    unspent: Vec<Unspent>,
    balance: Balance,
}

async fn claims(client: &mut Client, script_hashes: &[ScriptHash]) -> anyhow::Result<Vec<Claims>> {
    let methods = ["subscribe", "get_history", "listunspent", "get_balance"]
        .map(|m| format!("blockchain.scripthash.{m}"));
    let about = |hash: &ScriptHash| json!([hash.to_string()]);
    let calls: Vec<_> = script_hashes
        .iter()
        .flat_map(|hash| methods.iter().map(move |m| (m.as_str(), about(hash))))
        .collect();
    let results = client.call_all(&calls).await?;
    let mut claims = Vec::new();
    for (script_hash, said) in script_hashes.iter().zip(results.chunks(methods.len())) {
        let [stated, history, unspent, balance] = said else { bail!("four answers") };
        let history: Vec<Item> = serde_json::from_value(history.clone())?;
        let items: Vec<_> = history
            .iter()
            .map(|item| status::HistoryItem { txid: item.tx_hash, height: item.height })
            .collect();
        let computed = status::status(&items).map(|digest| HEXLOWER.encode(&digest));
        ensure!(*stated == json!(computed), "status {stated} is not the hash of the history, {computed:?}");
        claims.push(Claims {
            script_hash: *script_hash,
            history,
            unspent: serde_json::from_value(unspent.clone())?,
            balance: serde_json::from_value(balance.clone())?,
        });
    }
    Ok(claims)
}

/// Each unspent output is in its transaction, and all of a script hash together are its balance.
async fn check_outputs(client: &mut Client, all: &[Claims]) -> anyhow::Result<()> {
    let outputs = all.iter().flat_map(|claims| &claims.unspent);
    let calls: Vec<_> = outputs.map(|o| ("blockchain.transaction.get", json!([o.tx_hash]))).collect();
    let mut raws = client.call_all(&calls).await?.into_iter();
    for claims in all {
        let mut utxos = Vec::new();
        for (output, raw) in claims.unspent.iter().zip(&mut raws) {
            let (funding, txid) = tx::txid_of(raw.as_str().context("hex")?, 1 << 20)?;
            ensure!(
                txid == output.tx_hash && tx::script_hash_of(&funding, output.tx_pos)? == claims.script_hash
            );
            let value = tx::value_of(&funding, output.tx_pos)?;
            ensure!(value == Amount::from_sat(output.value));
            utxos.push(status::Utxo { outpoint: OutPoint::new(txid, output.tx_pos), value });
        }
        let sum = i64::try_from(status::balance(&utxos)?.to_sat())?;
        ensure!(sum == claims.balance.confirmed + claims.balance.unconfirmed, "{sum} is not the balance");
    }
    Ok(())
}

/// Each confirmed transaction is in a block that was worked for.
async fn check_blocks(client: &mut Client, all: &[Claims]) -> anyhow::Result<()> {
    let confirmed: Vec<_> =
        all.iter().flat_map(|claims| &claims.history).filter(|item| item.height > 0).collect();
    let calls: Vec<_> = confirmed
        .iter()
        .flat_map(|item| {
            let proof = ("blockchain.transaction.get_merkle", json!([item.tx_hash, item.height]));
            [proof, ("blockchain.block.header", json!([item.height]))]
        })
        .collect();
    let results = client.call_all(&calls).await?;
    for (item, said) in confirmed.iter().zip(results.chunks(2)) {
        let proved: Proof = serde_json::from_value(said[0].clone())?;
        let header = header::decode(said[1].as_str().context("hex")?)?;
        proof::chain::chain(&[header], u64::try_from(item.height)?, Network::Regtest)?;
        merkle::verify(
            item.tx_hash,
            proved.pos,
            &merkle::Branch::parse(&proved.merkle)?,
            header.merkle_root,
        )?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_real_servers_say_of_every_script_type_is_proved() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(Lab::start).await??;
    let mut servers = lab.servers()?;
    servers.retain(|server| server.implementation == "ElectrumX");
    // All at once: from 1.18 on, ElectrumX takes its time.
    try_join_all(servers.iter().map(|server| check_server(server, &lab))).await?;
    Ok(())
}

async fn check_server(server: &RealServer, lab: &Lab) -> anyhow::Result<()> {
    let mut client = Client::connect(&server.tcp).await?;
    let (script_hashes, paid) = expected(lab)?;
    let claims = claims(&mut client, &script_hashes).await?;
    for (claims, (name, amount)) in claims.iter().zip(paid) {
        let said = (claims.balance.confirmed, claims.balance.unconfirmed);
        ensure!(said == amount, "{} of {name}: {said:?} instead of {amount:?}", server.version);
    }
    check_outputs(&mut client, &claims).await?;
    check_blocks(&mut client, &claims).await
}

/// The script hashes the lab paid to, each with a name and its confirmed and unconfirmed amount.
type Paid = Vec<(String, (i64, i64))>;

fn expected(lab: &Lab) -> anyhow::Result<(Vec<ScriptHash>, Paid)> {
    let scripts = lab.facts["scripts"].as_object().context("scripts")?;
    ensure!(scripts.len() == 7, "P2PKH, P2SH, P2WPKH, P2WSH, P2TR, P2PK and bare multisig");
    let satoshis = |facts: &Value, key: &str| facts[key].as_i64().with_context(|| format!("no {key}"));
    let (mut script_hashes, mut paid) = (Vec::new(), Vec::new());
    for (kind, facts) in scripts {
        let script = ScriptBuf::from_hex(facts["script_hex"].as_str().context("a script")?)?;
        let script_hash = ScriptHash::of(&script);
        if let Some(address) = facts["address"].as_str() {
            ensure!(ScriptHash::of_address(address, Network::Regtest)? == script_hash, "{kind}");
        }
        script_hashes.push(script_hash);
        paid.push((kind.clone(), (satoshis(facts, "amount_sat")?, 0)));
    }
    let history = &lab.facts["history"];
    script_hashes.push(history["scripthash"].as_str().context("a script hash")?.parse()?);
    let amounts = (satoshis(history, "confirmed_sat")?, satoshis(history, "unconfirmed_sat")?);
    paid.push(("several transactions".to_owned(), amounts));
    Ok((script_hashes, paid))
}
