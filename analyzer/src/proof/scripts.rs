//! What a server says of one script in four ways must agree: the status is the digest of the history, the balance
//! the sum of the outputs.

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Txid};
use data_encoding::HEXLOWER_PERMISSIVE;
use electrum::proof::{self, BalanceError, HistoryItem, ScriptHash, Utxo};
use serde::Deserialize;

use super::{Proof, Shown, Step, Subject, is_control};
use crate::reading::{Reading, Turn};

pub(super) fn proofs<'v>(reading: &Reading<'v>) -> Vec<Proof<'v>> {
    let mut told: BTreeMap<ScriptHash, Told<'_, '_>> = BTreeMap::new();
    // Of the script that nobody ever used there is nothing to compare.
    for turn in reading.turns.iter().filter(|turn| !is_control(turn)) {
        let Some(script) = turn.script() else { continue };
        let told = told.entry(script).or_default();
        for (verb, place) in [
            ("subscribe", &mut told.status),
            ("get_history", &mut told.history),
            ("get_balance", &mut told.balance),
            ("listunspent", &mut told.outputs),
        ] {
            if turn.asks_script(verb) {
                place.get_or_insert(turn);
            }
        }
    }
    told.into_iter()
        .flat_map(|(script, told)| [told.status(script), told.balance(script)])
        .flatten()
        .collect()
}

/// The questions about one script.
#[derive(Default)]
struct Told<'r, 'v> {
    status: Option<&'r Turn<'v>>,
    history: Option<&'r Turn<'v>>,
    balance: Option<&'r Turn<'v>>,
    outputs: Option<&'r Turn<'v>>,
}

impl<'v> Told<'_, 'v> {
    fn status(&self, script: ScriptHash) -> Option<Proof<'v>> {
        let (status, items) = (self.status?, self.history?);
        let said: Option<String> = status.result()?;
        let digest = |text: &String| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok();
        let found = match &said {
            Some(text) => {
                digest(text).map_or_else(|| Shown::said(text), |digest| Shown::Digest(Some(digest)))
            }
            None => Shown::Digest(None),
        };
        let due = Shown::Digest(proof::status(&history(items)?));
        let step = Step::equal("the status is the SHA-256 of the history", due, found);
        let rests_on = vec![status.witness(), items.witness()];
        Some(Proof { subject: Subject::Status(script), rests_on, steps: vec![step] })
    }

    fn balance(&self, script: ScriptHash) -> Option<Proof<'v>> {
        let (balance, listed) = (self.balance?, self.outputs?);
        let Balance { confirmed, unconfirmed } = balance.result()?;
        let found = Shown::Satoshis(i128::from(confirmed) + i128::from(unconfirmed));
        let what = "the balance is the sum of the outputs";
        let step = match proof::balance(&outputs(listed)?) {
            Ok(sum) => Step::equal(what, Shown::Satoshis(sum.to_sat().into()), found),
            // No sum can be compared with anything.
            Err(BalanceError::TooMuch) => return None,
            twice => Step::succeeds(what, found, &twice),
        };
        let rests_on = vec![balance.witness(), listed.witness()];
        Some(Proof { subject: Subject::Balance(script), rests_on, steps: vec![step] })
    }
}

/// An answer to `get_balance`, in satoshis.
#[derive(Deserialize)]
pub(super) struct Balance {
    pub(super) confirmed: i64,
    pub(super) unconfirmed: i64,
}

/// An answer to `get_history`.
pub(crate) fn history(turn: &Turn<'_>) -> Option<Vec<HistoryItem>> {
    #[derive(Deserialize)]
    struct Item {
        tx_hash: Txid,
        height: i64,
    }
    if !turn.asks_script("get_history") {
        return None;
    }
    let items: Vec<Item> = turn.result()?;
    Some(items.into_iter().map(|item| HistoryItem { txid: item.tx_hash, height: item.height }).collect())
}

/// An answer to `listunspent`.
pub(crate) fn outputs(turn: &Turn<'_>) -> Option<Vec<Utxo>> {
    Some(listed(turn)?.into_iter().map(|(_, utxo)| utxo).collect())
}

/// An answer to `listunspent`, with the heights of the blocks; 0 stands for the mempool.
pub(crate) fn listed(turn: &Turn<'_>) -> Option<Vec<(u32, Utxo)>> {
    #[derive(Deserialize)]
    struct Item {
        tx_hash: Txid,
        tx_pos: u32,
        height: u32,
        value: u64,
    }
    if !turn.asks_script("listunspent") {
        return None;
    }
    let items: Vec<Item> = turn.result()?;
    let utxo = |item: Item| {
        let outpoint = OutPoint::new(item.tx_hash, item.tx_pos);
        (item.height, Utxo { outpoint, value: Amount::from_sat(item.value) })
    };
    Some(items.into_iter().map(utxo).collect())
}
