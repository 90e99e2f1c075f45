//! Which of what a chain holds becomes an object: decisions only, nothing is asked here.

use std::collections::HashSet;

use bitcoin::{ScriptBuf, Transaction, Txid};
use serde::Deserialize;

use super::{Busy, ScriptKind};

/// Famous transactions of mainnet, one for each script type: the first payment, the first to a public key hash,
/// the first bare multisig, an early P2SH bounty, and the first of each kind of witness program.
pub(super) const FAMOUS: [&str; 8] = [
    "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
    "6f7cf9580f1c2dfb3c4d5d043cdbb128c640e3f20161245aa7372e9666168516",
    "60a20bd93aa49ab4b28d514ec10b06e1829ce6818ec06cd3aabd013ebcdc4bb1",
    "9c08a4d78931342b37fd5f72900fb9983087e6f46c4a097d8a1f52c74e28eaf6",
    "dfcec48bb8491856c353306ab5febeb7e99e4d783eedf3de98f3ee0812b92bad",
    "461e8a4aa0a0e75c06602c505bd7aa06e7116ba5cd98fd6e046e8cbeb00379d6",
    "33e794d097969002ee05d336686fc03c9e15a597c1b9827669460fac98799036",
    "37777defed8717c581b4c0509329550e344bdc14ac38f71fc050096887e535c8",
];

/// Blocks that are looked at where nothing is famous.
const BLOCKS: u32 = 40;
/// Blocks above the latest of them: what may yet be reorganised is no common ground, and what is buried by six below
/// the tip of a server that is two behind is common ground for all.
const BURIED: u32 = 8;
/// Transactions of one block that are looked at, the coinbase apart.
const PER_BLOCK: u32 = 4;
/// Scripts of one type whose histories are compared: on young chains most have one transaction or two, and who leaves
/// out a third of all is found out only if the histories of the objects have many.
const PER_KIND: usize = 8;
/// The longest history of an object: long ones cost the server dear.
const LONGEST: usize = 200;
/// Transactions that the history of an object has at best: each is one that could be left out, and so many cost nobody
/// anything.
const WISHED: u32 = 20;
/// Objects that nobody has spent, where there are so many: only of such do servers say what they are worth.
const COINS: usize = 3;
/// A history that some servers refuse to list (esplora's limit is 500), and others list without effort.
const BUSY: std::ops::RangeInclusive<usize> = 501..=2_000;

/// The heights that are looked at below a tip.
pub(super) fn heights(tip: u32) -> impl Iterator<Item = u32> {
    let top = tip.saturating_sub(BURIED);
    (1..=top).rev().take(BLOCKS as usize)
}

/// Positions beside the coinbase that a block certainly has whose merkle branches have so many levels: beyond
/// the last transaction there would be an error, and errors are dear.
pub(super) fn positions(levels: usize) -> impl Iterator<Item = u32> {
    // With n levels there are more than 2^(n-1) transactions.
    let certain = (1_usize << levels.min(16)) / 2;
    (1..=PER_BLOCK).take(certain)
}

/// An output that may become an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) kind: ScriptKind,
    pub(super) script: ScriptBuf,
    pub(super) txid: Txid,
}

/// The first few scripts of each type.
pub(super) fn candidates<'a>(
    transactions: impl IntoIterator<Item = &'a (Txid, Transaction)>,
) -> Vec<Candidate> {
    let (mut found, mut seen) = (Vec::<Candidate>::new(), HashSet::new());
    for (txid, transaction) in transactions {
        for output in &transaction.output {
            let script = &output.script_pubkey;
            let Some(kind) = ScriptKind::of(script) else { continue };
            let so_far = found.iter().filter(|candidate| candidate.kind == kind).count();
            if so_far < PER_KIND && seen.insert(script.clone()) {
                found.push(Candidate { kind, script: script.clone(), txid: *txid });
            }
        }
    }
    found
}

/// A line of a history, as servers write it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    tx_hash: Txid,
    height: i64,
}

/// A candidate that was found in the history of its script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) candidate: Candidate,
    pub(super) height: u32,
    pub(super) history: u32,
    /// Whether nobody has spent it: who spends it would stand after it in the history of its script.
    pub(super) is_unspent: bool,
}

/// For each type a candidate, of a transaction that no other type has if there is one, then one that is unspent until
/// there are [`COINS`], and then the one whose history is nearest to [`WISHED`]; and one that is busy, if any is. Who
/// leaves out some transactions is found out by as many different ones as possible.
pub(super) fn choose(histories: Vec<(Candidate, Vec<Line>)>) -> (Vec<Chosen>, Option<Busy>) {
    let length = |history: &[Line]| u32::try_from(history.len()).unwrap_or(u32::MAX);
    let busy = histories.iter().find(|(_, history)| BUSY.contains(&history.len()));
    let busy =
        busy.map(|(candidate, history)| Busy { script: candidate.script.clone(), history: length(history) });
    let quiet = |(candidate, history): (Candidate, Vec<Line>)| {
        let confirmed = history.iter().find(|line| line.tx_hash == candidate.txid)?;
        let height = u32::try_from(confirmed.height).ok().filter(|height| *height > 0)?;
        let is_unspent = history.last().is_some_and(|line| line.tx_hash == candidate.txid);
        (history.len() <= LONGEST).then(|| Chosen {
            height,
            history: length(&history),
            is_unspent,
            candidate,
        })
    };
    let quiet: Vec<Chosen> = histories.into_iter().filter_map(quiet).collect();
    let mut taken = HashSet::new();
    let mut chosen: Vec<Chosen> = Vec::new();
    for kind in ScriptKind::ALL {
        let of_kind = quiet.iter().filter(|each| each.candidate.kind == kind);
        let few = chosen.iter().filter(|each| each.is_unspent).count() < COINS;
        let best = of_kind.min_by_key(|each| {
            let is_taken = taken.contains(&each.candidate.txid);
            (is_taken, few && !each.is_unspent, each.history.abs_diff(WISHED))
        });
        if let Some(best) = best {
            taken.insert(best.candidate.txid);
            chosen.push(best.clone());
        }
    }
    (chosen, busy)
}

#[cfg(test)]
mod tests {
    use bitcoin::{Amount, TxOut, absolute::LockTime, hashes::Hash as _, transaction::Version};

    use super::*;

    fn script(kind: &str, filler: u8) -> ScriptBuf {
        let hash = format!("{filler:02x}").repeat(20);
        ScriptBuf::from_hex(&match kind {
            "p2pkh" => format!("76a914{hash}88ac"),
            "p2wpkh" => format!("0014{hash}"),
            "p2tr" => format!("5120{hash}{}", "00".repeat(12)),
            _ => format!("a914{hash}87"),
        })
        .expect("hex")
    }

    fn paying(number: u8, scripts: &[ScriptBuf]) -> (Txid, Transaction) {
        let output = |script: &ScriptBuf| TxOut { value: Amount::ONE_SAT, script_pubkey: script.clone() };
        let transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: Vec::new(),
            output: scripts.iter().map(output).collect(),
        };
        (Txid::from_byte_array([number; 32]), transaction)
    }

    #[test]
    fn only_positions_that_a_block_certainly_has_are_asked_for() {
        let count = |levels| positions(levels).count();
        assert_eq!(positions(2).collect::<Vec<_>>(), [1, 2]);
        assert_eq!([0, 1, 2, 3, 64].map(count), [0, 1, 2, 4, 4], "one transaction has no branch");
    }

    #[test]
    fn blocks_are_buried_and_the_genesis_block_is_nobodys() {
        assert_eq!(heights(120).next(), Some(112));
        assert_eq!(heights(120).count(), 40);
        assert_eq!(heights(10).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(heights(0).count(), 0);
    }

    #[test]
    fn the_script_of_each_type_is_chosen_that_tells_most_and_is_not_busy() {
        let (a, b, c) = (script("p2wpkh", 1), script("p2wpkh", 2), script("p2sh", 3));
        let transactions = [paying(1, &[a.clone(), b.clone()]), paying(2, &[c.clone(), a.clone()])];
        let candidates = candidates(&transactions);
        assert_eq!(candidates.iter().map(|c| &c.script).collect::<Vec<_>>(), [&a, &b, &c]);
        let line = |number: u8, height| Line { tx_hash: Txid::from_byte_array([number; 32]), height };
        let long: Vec<Line> = (0..600).map(|_| line(9, 5)).chain([line(2, 7)]).collect();
        let histories = [vec![line(9, 5), line(1, 6)], vec![line(1, 6)], long];
        let (chosen, busy) = choose(candidates.into_iter().zip(histories).collect());
        assert_eq!(chosen.len(), 1, "a busy script is no object");
        assert_eq!((&chosen[0].candidate.script, chosen[0].height, chosen[0].history), (&a, 6, 2));
        assert_eq!(busy, Some(Busy { script: c, history: 601 }));
    }

    #[test]
    fn unspent_ones_come_first_until_there_are_enough() {
        let kinds = ["p2pkh", "p2sh", "p2wpkh", "p2tr"];
        let scripts = kinds.map(|kind| [script(kind, 1), script(kind, 2)]);
        let transactions: Vec<_> = (1..)
            .zip(scripts.as_flattened())
            .map(|(number, script)| paying(number, std::slice::from_ref(script)))
            .collect();
        let line = |txid| Line { tx_hash: txid, height: 6 };
        let spender = Txid::from_byte_array([99; 32]);
        let candidates = candidates(&transactions);
        // The first of each type is unspent, and of the second more is told.
        let histories = candidates.into_iter().enumerate().map(|(place, candidate)| {
            let spent = (place % 2 == 1).then(|| line(spender));
            let history = [line(candidate.txid)].into_iter().chain(spent).collect();
            (candidate, history)
        });
        let (chosen, _) = choose(histories.collect());
        let unspent: Vec<bool> = chosen.iter().map(|chosen| chosen.is_unspent).collect();
        assert_eq!(unspent, [true, true, true, false]);
    }

    #[test]
    fn each_type_has_a_transaction_of_its_own_where_there_is_one() {
        let scripts = [script("p2sh", 1), script("p2wpkh", 2), script("p2wpkh", 3)];
        let [a, b, c] = scripts.clone();
        let candidates = candidates(&[paying(1, &[a, b]), paying(2, &[c])]);
        let line = |number: u8| Line { tx_hash: Txid::from_byte_array([number; 32]), height: 6 };
        let histories = [vec![line(1)], vec![line(9), line(1)], vec![line(2)]];
        let (chosen, _) = choose(candidates.into_iter().zip(histories).collect());
        let chosen: Vec<_> = chosen.iter().map(|chosen| &chosen.candidate.script).collect();
        assert_eq!(chosen, [&scripts[0], &scripts[2]], "though its history is shorter");
    }

    #[test]
    fn what_is_not_confirmed_or_not_in_its_own_history_is_not_chosen() {
        let transactions = [paying(1, &[script("p2wpkh", 1)]), paying(2, &[script("p2sh", 2)])];
        let line = |number: u8, height| Line { tx_hash: Txid::from_byte_array([number; 32]), height };
        let histories = [vec![line(1, 0)], vec![line(7, 5)]];
        let (chosen, busy) = choose(candidates(&transactions).into_iter().zip(histories).collect());
        assert!(chosen.is_empty() && busy.is_none());
    }
}
