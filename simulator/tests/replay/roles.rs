//! What the captures' requests are about, on another chain: their objects are exchanged for objects of ours that play
//! the same role. What is unknown there stays unknown here.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use bitcoin::{Txid, consensus::encode::serialize_hex};
use electrum::proof::ScriptHash;
use serde_json::Value;
use simulator::{chain::Chain, node::View};

use super::capture::Row;

/// Names of theirs, in hex, and ours.
pub(crate) struct Roles {
    names: BTreeMap<String, String>,
    /// Where histories are asked for: theirs with unconfirmed transactions, and ours, which need not have coins.
    waiting: BTreeMap<String, String>,
    /// The height of the block that they ask about, and ours.
    height: (String, String),
    tips: Vec<u32>,
}

/// Objects of our chain by the roles they can play.
struct Ours {
    /// A script with a history and coins, and its hash.
    mixed: (String, String),
    /// One with confirmed and unconfirmed transactions.
    waiting: (String, String),
    /// The hash of one with unconfirmed transactions only.
    fresh: String,
    unconfirmed: Txid,
    confirmed: Txid,
    height: u32,
}

fn ours(chain: &Chain, view: &View) -> anyhow::Result<Ours> {
    let waiting: Vec<_> = view.mempool().iter().filter_map(|entry| view.transaction(&entry.txid)).collect();
    let made = waiting.iter().flat_map(|tx| tx.output.iter().map(|output| output.script_pubkey.clone()));
    let spent = waiting.iter().flat_map(|tx| tx.input.iter()).filter_map(|input| {
        let vout = usize::try_from(input.previous_output.vout).ok()?;
        Some(view.transaction(&input.previous_output.txid)?.output.get(vout)?.script_pubkey.clone())
    });
    let scripts: Vec<_> = made.chain(spent).collect();
    let is_used = |script: &&bitcoin::ScriptBuf| !view.history(&ScriptHash::of(script)).is_empty();
    let fresh =
        scripts.iter().find(|script| !is_used(script)).context("a script that is new in the mempool")?;
    let known = chain.scripts().iter().map(|known| &known.script);
    let waiting = scripts.iter().find(is_used).context("a used script in the mempool")?;
    let has_coins = |script: &&bitcoin::ScriptBuf| {
        view.mempool_history(&ScriptHash::of(script)).is_empty()
            && !view.unspent(&ScriptHash::of(script)).is_empty()
    };
    let mixed = known.filter(has_coins).max_by_key(|script| view.history(&ScriptHash::of(script)).len());
    let mixed = mixed.context("a script with a history")?;
    // A block with four transactions, of which the last has one input with a witness.
    let candidate = |height: &u32| {
        let txid = view.txid_at(*height, 3)?;
        let transaction = view.transaction(&txid)?;
        let has_address = |output: &bitcoin::TxOut| {
            bitcoin::Address::from_script(&output.script_pubkey, bitcoin::Network::Regtest).is_ok()
        };
        let alike = transaction.input.iter().all(|input| {
            // As one key opens it: who signs with several puts an empty item first.
            !input.witness.is_empty() && input.witness.iter().all(|item| !item.is_empty())
        }) && transaction.output.iter().all(has_address);
        alike.then_some((*height, txid))
    };
    let (height, confirmed) =
        (102..view.height()).filter_map(|height| candidate(&height)).next().context("a block of four")?;
    let legacy = |txid: &Txid| {
        view.transaction(txid).is_some_and(|tx| tx.input.iter().all(|input| input.witness.is_empty()))
    };
    let mempool: Vec<Txid> = view.mempool().iter().map(|entry| entry.txid).collect();
    let unconfirmed = mempool.iter().find(|txid| legacy(txid)).or(mempool.first()).context("a mempool")?;
    Ok(Ours {
        mixed: (mixed.to_hex_string(), ScriptHash::of(mixed).to_string()),
        waiting: (waiting.to_hex_string(), ScriptHash::of(waiting).to_string()),
        fresh: ScriptHash::of(fresh).to_string(),
        unconfirmed: *unconfirmed,
        confirmed,
        height,
    })
}

impl Roles {
    pub(crate) fn learn(rows: &[Row], folder: &Path, chain: &Chain, view: &View) -> anyhow::Result<Self> {
        let ours = ours(chain, view)?;
        let theirs: Value = serde_json::from_slice(&std::fs::read(folder.join("chain.json"))?)?;
        let mut names = BTreeMap::new();
        let mut put = |name: &Value, ours: &str| {
            names.insert(name.as_str().unwrap_or_default().to_owned(), ours.to_owned());
        };
        for (place, address) in theirs["addrs"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, list)| list.as_array().into_iter().flatten().enumerate())
        {
            let address = address.as_str().unwrap_or_default();
            put(&theirs["sh"][address], if place == 2 { &ours.fresh } else { &ours.mixed.1 });
            put(&theirs["spk"][address], &ours.mixed.0);
        }
        for (kind, list) in theirs["txs"].as_object().into_iter().flatten() {
            let txid = if kind == "mempool" { ours.unconfirmed } else { ours.confirmed };
            list.as_array().into_iter().flatten().for_each(|name| put(name, &txid.to_string()));
        }
        let mine = theirs["mine"].as_str().unwrap_or_default();
        put(&theirs["sh"][mine], &ours.mixed.1);
        let mut waiting = BTreeMap::new();
        let mut height = theirs["conf_tx"]["height"].to_string();
        let mut tips = vec![158, 162];
        for row in rows {
            let asked: Value = serde_json::from_str(&row.request).unwrap_or_default();
            let Some(answer) = row.answers.first().and_then(|line| serde_json::from_str::<Value>(line).ok())
            else {
                continue;
            };
            let (params, result) = (&asked["params"], &answer["result"]);
            match asked["method"].as_str().unwrap_or_default() {
                "blockchain.headers.subscribe" => {
                    tips.extend(result["height"].as_u64().and_then(|height| u32::try_from(height).ok()));
                }
                "blockchain.scripthash.get_history" if result[0]["tx_hash"].is_string() => {
                    let name = params[0].as_str().unwrap_or_default().to_owned();
                    let is_fresh = names.get(&name) == Some(&ours.fresh);
                    if row.answers[0].contains("\"fee\"") && !is_fresh {
                        waiting.insert(name.clone(), ours.waiting.1.clone());
                        let address = |(_, hash): &(&String, &Value)| hash.as_str() == Some(&name);
                        if let Some((address, _)) =
                            theirs["sh"].as_object().into_iter().flatten().find(address)
                        {
                            let script = theirs["spk"][address].as_str().unwrap_or_default();
                            waiting.insert(script.to_owned(), ours.waiting.0.clone());
                        }
                    }
                    names.entry(name).or_insert_with(|| ours.mixed.1.clone());
                }
                "blockchain.transaction.get" if result.is_string() => {
                    let name = params[0].as_str().unwrap_or_default().to_lowercase();
                    names.entry(name).or_insert_with(|| ours.confirmed.to_string());
                }
                "blockchain.transaction.get_merkle" if result["pos"].as_u64().is_some_and(|pos| pos > 0) => {
                    height = result["block_height"].to_string();
                }
                _ => {}
            }
        }
        // Whole transactions that are broadcast again.
        for row in rows.iter().filter(|row| row.probe == "tx.get_raw" || row.probe == "tx.get_mempool") {
            let txid = if row.probe == "tx.get_raw" { ours.confirmed } else { ours.unconfirmed };
            let answer: Value = row
                .answers
                .first()
                .map_or(Value::Null, |line| serde_json::from_str(line).unwrap_or_default());
            if let (Some(theirs), Some(transaction)) = (answer["result"].as_str(), view.transaction(&txid)) {
                names.insert(theirs.to_owned(), serialize_hex(&*transaction));
            }
        }
        names.retain(|name, _| name.len() > 20);
        if !waiting.is_empty() {
            waiting
                .insert(theirs["sh"][mine].as_str().unwrap_or_default().to_owned(), ours.waiting.1.clone());
        }
        waiting.retain(|name: &String, _| name.len() > 20);
        names
            .remove(theirs["sh"][theirs["unused"].as_str().unwrap_or_default()].as_str().unwrap_or_default());
        tips.sort_unstable();
        tips.dedup();
        Ok(Self { waiting, names, height: (height, ours.height.to_string()), tips })
    }

    pub(crate) fn tips(&self) -> &[u32] {
        &self.tips
    }

    /// Requests about our objects.
    pub(crate) fn ours(&self, lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let ours = |line: &Vec<u8>| match str::from_utf8(line) {
            Ok(text) => self.numbers(&self.named(text)).into_bytes(),
            Err(_) => line.clone(),
        };
        lines.iter().map(ours).collect()
    }

    /// An answer of theirs, with our names in what it repeats of the request.
    pub(crate) fn shown(&self, line: &str) -> String {
        self.numbers(&self.named(line))
    }

    fn named(&self, text: &str) -> String {
        let exchange = |text: String, (theirs, ours): (&String, &String)| {
            text.replace(theirs.as_str(), ours).replace(&theirs.to_uppercase(), &ours.to_uppercase())
        };
        let histories = text.contains("get_history") || text.contains("get_mempool");
        let first = self.waiting.iter().filter(|_| histories).fold(text.to_owned(), exchange);
        self.names.iter().fold(first, exchange)
    }

    /// Exchanges the height where it stands alone.
    fn numbers(&self, text: &str) -> String {
        let (theirs, ours) = &self.height;
        let mut out = String::new();
        let mut left = text;
        while let Some(at) = left.find(theirs.as_str()) {
            let (before, after) = (&left[..at], &left[at + theirs.len()..]);
            let alone = !before.ends_with(|c: char| c.is_alphanumeric() || c == '.')
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '.');
            out.push_str(before);
            out.push_str(if alone { ours } else { theirs });
            left = after;
        }
        out + left
    }
}
