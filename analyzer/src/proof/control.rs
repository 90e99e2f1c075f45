//! Of a script that nobody ever used nothing can be known, and nothing can happen to it.

use electrum::{
    message::Notification,
    proof::{HistoryItem, ScriptHash},
};

use super::{
    Proof, Shown, Step, Subject, Witness,
    scripts::{Balance, history},
};
use crate::reading::{Reading, Turn};

/// Whether this is asked about a script that nobody ever used.
pub(crate) fn is_control(turn: &Turn<'_>) -> bool {
    matches!(&*turn.exchange.probe, "S1" | "S13" | "L6")
}

pub(super) fn proofs<'v>(reading: &Reading<'v>) -> Vec<Proof<'v>> {
    let asked = || reading.turns.iter().filter(|turn| is_control(turn));
    let answers = asked().filter_map(|turn| Some(proof(answer(turn)?, turn.witness())));
    let scripts: Vec<ScriptHash> = asked().filter_map(Turn::script).collect();
    let heard = reading.visit.unasked.first.iter().filter_map(|heard| {
        let status = notified(heard.line.bytes(), &scripts)?;
        let what = "nothing happens to a script that nobody ever used".into();
        let step =
            Step { what, expected: "nothing is told".into(), found: Shown::said(&status), holds: false };
        Some(proof(step, Witness::Message(&heard.line)))
    });
    answers.chain(heard).collect()
}

fn proof(step: Step, witness: Witness<'_>) -> Proof<'_> {
    Proof { subject: Subject::Control, rests_on: vec![witness], steps: vec![step] }
}

fn answer(turn: &Turn<'_>) -> Option<Step> {
    if turn.asks_script("subscribe") {
        let status: Option<String> = turn.result()?;
        let found = status.map_or(Shown::Digest(None), |status| Shown::said(&status));
        return Some(Step::equal("a script that nobody ever used has no status", Shown::Digest(None), found));
    }
    if turn.asks_script("get_balance") {
        let Balance { confirmed, unconfirmed } = turn.result()?;
        let moved = i128::from(confirmed.unsigned_abs()) + i128::from(unconfirmed.unsigned_abs());
        let what = "a script that nobody ever used has no balance";
        return Some(Step::equal(what, Shown::Satoshis(0), Shown::Satoshis(moved)));
    }
    let items = history(turn)?;
    let found = |item: &HistoryItem| Shown::Words(item.txid.to_string().into());
    let what = "a script that nobody ever used has no history";
    Some(Step::equal(what, "nothing".into(), items.first().map_or("nothing".into(), found)))
}

/// The status that was told without being asked of one of these scripts.
fn notified(line: &[u8], scripts: &[ScriptHash]) -> Option<String> {
    let said = Notification::read(line)?;
    let [name, status]: [Option<String>; 2] = said.params()?;
    let name = name?;
    let script = match said.method.as_ref() {
        "blockchain.scripthash.subscribe" => name.parse().ok()?,
        "blockchain.scriptpubkey.subscribe" => ScriptHash::of(&bitcoin::ScriptBuf::from_hex(&name).ok()?),
        _ => return None,
    };
    scripts.contains(&script).then(|| status.unwrap_or_else(|| "null".to_owned()))
}
