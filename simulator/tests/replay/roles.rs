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
    /// The height of the block that they ask about, and ours.
    height: (String, String),
    tips: Vec<u32>,
}

/// Objects of our chain by the roles they can play.
struct Ours {
    /// A script with confirmed and unconfirmed transactions, and its hash.
    mixed: (String, String),
    /// The hash of one with unconfirmed transactions only.
    fresh: String,
    unconfirmed: Txid,
    confirmed: Txid,
    height: u32,
}

fn ours(chain: &Chain, view: &View) -> anyhow::Result<Ours> {
    let outputs = view.mempool().iter().filter_map(|entry| view.transaction(&entry.txid)).flat_map(|tx| tx.output.clone());
    let scripts: Vec<_> = outputs.map(|output| output.script_pubkey).collect();
    let is_used = |script: &&bitcoin::ScriptBuf| !view.history(&ScriptHash::of(script)).is_empty();
    let fresh = scripts.iter().find(|script| !is_used(script)).context("a script that is new in the mempool")?;
    let known = chain.scripts().iter().map(|known| &known.script);
    let mixed = scripts.iter().find(is_used).or_else(|| known.max_by_key(|script| view.history(&ScriptHash::of(script)).len()));
    let mixed = mixed.context("a script with a history")?;
    // A block with four transactions, of which the last has one input with a witness.
    let candidate = |height: &u32| {
        let txid = view.txid_at(*height, 3)?;
        let transaction = view.transaction(&txid)?;
        (transaction.input.len() == 1 && !transaction.input[0].witness.is_empty()).then_some((*height, txid))
    };
    let (height, confirmed) =
        (102..view.height()).filter_map(|height| candidate(&height)).next().context("a block of four")?;
    let legacy = |txid: &Txid| view.transaction(txid).is_some_and(|tx| tx.input.iter().all(|input| input.witness.is_empty()));
    let mempool: Vec<Txid> = view.mempool().iter().map(|entry| entry.txid).collect();
    let unconfirmed = mempool.iter().find(|txid| legacy(txid)).or(mempool.first()).context("a mempool")?;
    Ok(Ours {
        mixed: (mixed.to_hex_string(), ScriptHash::of(mixed).to_string()),
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
        for (place, address) in theirs["addrs"].as_object().into_iter().flatten().flat_map(|(_, list)| list.as_array().into_iter().flatten().enumerate()) {
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
        let mut height = theirs["conf_tx"]["height"].to_string();
        let mut tips = vec![158, 162];
        for row in rows {
            let asked: Value = serde_json::from_str(&row.request).unwrap_or_default();
            let Some(answer) = row.answers.first().and_then(|line| serde_json::from_str::<Value>(line).ok()) else { continue };
            let (params, result) = (&asked["params"], &answer["result"]);
            match asked["method"].as_str().unwrap_or_default() {
                "blockchain.headers.subscribe" => {
                    tips.extend(result["height"].as_u64().and_then(|height| u32::try_from(height).ok()));
                }
                "blockchain.scripthash.get_history" if result[0]["tx_hash"].is_string() => {
                    let name = params[0].as_str().unwrap_or_default().to_owned();
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
            let answer: Value = row.answers.first().map_or(Value::Null, |line| serde_json::from_str(line).unwrap_or_default());
            if let (Some(theirs), Some(transaction)) = (answer["result"].as_str(), view.transaction(&txid)) {
                names.insert(theirs.to_owned(), serialize_hex(&*transaction));
            }
        }
        names.retain(|name, _| name.len() > 20);
        names.remove(theirs["sh"][theirs["unused"].as_str().unwrap_or_default()].as_str().unwrap_or_default());
        tips.sort_unstable();
        tips.dedup();
        Ok(Self { names, height: (height, ours.height.to_string()), tips })
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
        self.names.iter().fold(text.to_owned(), |text, (theirs, ours)| {
            text.replace(theirs.as_str(), ours).replace(&theirs.to_uppercase(), &ours.to_uppercase())
        })
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
