//! Questions about the chain, answered by a node's view of it. What the view does not hold is a [`Refusal`], which
//! the grammar puts into words.

use bitcoin::{BlockHash, Transaction, Txid, block::Header, consensus::encode, hashes::Hash as _};
use data_encoding::HEXLOWER_PERMISSIVE;
use electrum::proof::{HistoryItem, ScriptHash, status};
use sha2::{Digest as _, Sha256};

use super::{
    arguments::is_mode,
    data::{Case, Grammar, Targets, UnconfirmedOrder},
    histogram,
    json::Json,
    question::{HistoryRange, Question},
    reply::{Proof, Reply},
    verbose::Block,
};
use crate::node::{MempoolItem, View};

/// Headers that one answer holds at most, everywhere.
pub(crate) const MOST_HEADERS: usize = 2_016;
/// Confirmation targets that Bitcoin Core takes.
const TARGETS: std::ops::RangeInclusive<i128> = 1..=1_008;
/// Packages that Bitcoin Core takes.
const MOST_IN_PACKAGE: usize = 25;
/// How many transactions `mempool.recent` names.
const RECENT: usize = 10;
const UNDECODABLE: &str = "TX decode failed. Make sure the tx has at least one input.";
const MISSING_INPUTS: &str = "bad-txns-inputs-missingorspent";

/// Why a question has no answer, and what the words about it need.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) case: Case,
    pub(crate) values: Vec<(&'static str, Json)>,
}

impl Refusal {
    pub(crate) fn new<const N: usize>(case: Case, values: [(&'static str, Json); N]) -> Self {
        Self { case, values: values.into() }
    }
}

/// Answers a question about the chain, the mempool or the node; none where it is about the server or the session.
pub(crate) fn answer(grammar: &Grammar, question: &Question, view: &View) -> Option<Result<Reply, Refusal>> {
    Some(match question {
        Question::Tip => tip(view),
        Question::NumberedHeader { height } => {
            header(view, *height).map(|(height, header)| Reply::NumberedHeader { height, header })
        }
        Question::Header { height, proof } => proven_header(view, *height, *proof),
        Question::Headers { start, count, proof } => headers(view, *start, *count, *proof),
        Question::EstimateFee { target, mode } => estimate(grammar, view, *target, mode.as_deref()),
        Question::RelayFee => Ok(Reply::Fee(view.relay_fee())),
        Question::FeeHistogram => {
            Ok(Reply::FeeHistogram(histogram::of(grammar.fees.histogram, view.mempool())))
        }
        Question::MempoolInfo => Ok(Reply::MempoolInfo {
            least: view.mempool_min_fee(),
            relay: view.relay_fee(),
            increment: view.incremental_fee(),
            unbroadcast: view.mempool().len() as u64,
        }),
        Question::MempoolRecent => Ok(recent(view)),
        Question::Balance(script) => {
            let (confirmed, unconfirmed) = view.balance(script);
            Ok(Reply::Balance { confirmed, unconfirmed })
        }
        Question::History(script, range) => Ok(history(grammar, view, script, *range)),
        Question::Mempool(script) => {
            Ok(Reply::History { confirmed: Vec::new(), mempool: mempool(grammar, view, script) })
        }
        Question::Unspent(script) => Ok(Reply::Unspent(view.unspent(script))),
        Question::Status(script) => Ok(Reply::Status(status_of(grammar, view, script))),
        Question::FirstUse(script) => Ok(first_use(view, script)),
        Question::OutpointStatus { txid, output, script } => Ok(outpoint(view, txid, *output, script)),
        Question::OutputInfo { txid, output } => Ok(output_info(view, txid, *output)),
        Question::Transaction { txid, verbose } => transaction(grammar, view, txid, *verbose),
        Question::TransactionHeight(txid) => {
            Ok(view.confirmed_height(txid).map_or(Reply::Nothing, Reply::Height))
        }
        Question::ConfirmedBlockhash(txid) => Ok(confirmed_in(view, txid)),
        Question::Merkle { txid, height } => merkle(view, txid, *height),
        Question::TransactionAt { height, position, merkle } => {
            transaction_at(view, *height, *position, *merkle)
        }
        Question::Broadcast { hex } => broadcast(view, hex),
        Question::BroadcastPackage { hexes, verbose } => broadcast_package(hexes, *verbose),
        _ => return None,
    })
}

/// The status of a script: the digest of its history as this implementation orders it.
pub(crate) fn status_of(grammar: &Grammar, view: &View, script: &ScriptHash) -> Option<[u8; 32]> {
    status_up_to(grammar, view, script, view.height())
}

/// The status of a script while blocks above a height are gone from the mempool and not yet in the index.
pub(crate) fn status_up_to(
    grammar: &Grammar,
    view: &View,
    script: &ScriptHash,
    height: u32,
) -> Option<[u8; 32]> {
    let confirmed = view.history(script).into_iter().filter(|item| item.height <= i64::from(height));
    let unconfirmed = mempool(grammar, view, script);
    let unconfirmed = unconfirmed.iter().map(|item| HistoryItem { txid: item.txid, height: item.height });
    status(&confirmed.chain(unconfirmed).collect::<Vec<_>>())
}

/// A name as it is shown: with its bytes reversed.
fn shown(txid: &Txid) -> [u8; 32] {
    let mut bytes = txid.to_byte_array();
    bytes.reverse();
    bytes
}

/// The transactions of the mempool that concern a script, in the order of this implementation.
fn mempool(grammar: &Grammar, view: &View, script: &ScriptHash) -> Vec<MempoolItem> {
    let mut items = view.mempool_history(script);
    match grammar.notices.unconfirmed {
        UnconfirmedOrder::ByName => items.sort_by_key(|item| (-item.height, shown(&item.txid))),
        UnconfirmedOrder::ByBytes => items.sort_by_key(|item| item.txid.to_byte_array()),
        UnconfirmedOrder::Arbitrary => items.sort_by_key(|item| Sha256::digest(item.txid.to_byte_array())),
    }
    items
}

pub(crate) fn tip(view: &View) -> Result<Reply, Refusal> {
    header(view, view.height().into()).map(|(height, header)| Reply::Tip { height, header })
}

fn header(view: &View, height: i128) -> Result<(u32, [u8; 80]), Refusal> {
    let found = u32::try_from(height).ok().and_then(|height| Some((height, view.header(height)?)));
    found.ok_or_else(|| Refusal::new(Case::HeaderBeyondTip, [("height", Json::Int(height))]))
}

fn proven_header(view: &View, height: i128, proof: i128) -> Result<Reply, Refusal> {
    let (number, header) = header(view, height)?;
    let proof = match proof {
        0 => None,
        up_to => Some(proof_of(view, number, up_to, [Case::ProofBelowHeader, Case::ProofBeyondTip])?),
    };
    Ok(Reply::Header { header, proof })
}

fn proof_of(view: &View, height: u32, up_to: i128, [below, beyond]: [Case; 2]) -> Result<Proof, Refusal> {
    let proof = u32::try_from(up_to).ok().and_then(|up_to| view.header_proof(height, up_to));
    let values =
        [("height", Json::from(height)), ("cp_height", Json::Int(up_to)), ("tip", Json::from(view.height()))];
    let case = if up_to < i128::from(height) { below } else { beyond };
    proof.map(|(branch, root)| Proof { branch, root }).ok_or_else(|| Refusal::new(case, values))
}

fn headers(view: &View, start: i128, count: i128, proof: i128) -> Result<Reply, Refusal> {
    let most = usize::try_from(count).unwrap_or(usize::MAX).min(MOST_HEADERS);
    let first = u32::try_from(start).unwrap_or(u32::MAX);
    let headers: Vec<_> =
        (first..=view.height()).take(most).map_while(|height| view.header(height)).collect();
    let last = u32::try_from(headers.len())
        .unwrap_or(u32::MAX)
        .checked_sub(1)
        .map(|more| first.saturating_add(more));
    let proof = match (proof, last) {
        (0, _) | (_, None) => None,
        (up_to, Some(last)) => {
            Some(proof_of(view, last, up_to, [Case::HeadersProofBelow, Case::HeadersProofBeyond])?)
        }
    };
    Ok(Reply::Headers { headers, proof })
}

fn estimate(grammar: &Grammar, view: &View, target: i128, mode: Option<&str>) -> Result<Reply, Refusal> {
    let target = match grammar.fees.targets {
        Targets::AsAsked if !TARGETS.contains(&target) => return Err(Refusal::new(Case::TargetRefused, [])),
        Targets::AsAsked => target,
        Targets::Bucketed => bucket(target),
        Targets::Clamped => target.clamp(*TARGETS.start(), *TARGETS.end()),
    };
    if mode.is_some_and(|mode| !is_mode(&mode.to_uppercase())) {
        return Err(Refusal::new(Case::ModeRefused, []));
    }
    let estimate = u32::try_from(target).ok().and_then(|target| view.estimate(target));
    Ok(estimate.map_or_else(|| Reply::Fixed(grammar.fees.unknown.clone()), Reply::Fee))
}

/// The few targets that ElectrumX asks its node about (electrumx, lib/coins.py, since 1.20).
fn bucket(target: i128) -> i128 {
    match target {
        ..=0 => 1,
        1..=12 | 25 => target,
        13..=48 => target / 2 * 2,
        49..=1_008 => target / 24 * 24,
        _ => 1_008,
    }
}

fn recent(view: &View) -> Reply {
    let fee = |entry: &crate::node::MempoolEntry| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fee in satoshi")]
        let fee = (entry.feerate * entry.vsize as f64).round() as u64;
        (entry.txid, fee, entry.vsize)
    };
    Reply::MempoolRecent(view.mempool().iter().take(RECENT).map(fee).collect())
}

fn history(grammar: &Grammar, view: &View, script: &ScriptHash, range: HistoryRange) -> Reply {
    let inside = |height: i64| {
        let height = i128::from(height);
        height >= range.from && range.to.is_none_or(|to| height < to)
    };
    let confirmed = view.history(script).into_iter().filter(|item| inside(item.height)).collect();
    let mempool = if range.to.is_none() { mempool(grammar, view, script) } else { Vec::new() };
    Reply::History { confirmed, mempool }
}

/// The hash of the block at a height, in the byte order of SHA-256.
pub(crate) fn block_hash(view: &View, height: u32) -> Option<[u8; 32]> {
    let header: Header = encode::deserialize(&view.header(height)?).ok()?;
    Some(BlockHash::to_byte_array(header.block_hash()))
}

fn first_use(view: &View, script: &ScriptHash) -> Reply {
    let first = view.history(script).into_iter().next();
    let found = first.and_then(|item| {
        let height = u32::try_from(item.height).ok()?;
        Some(Reply::FirstUse { block: block_hash(view, height)?, height, txid: item.txid })
    });
    found.unwrap_or(Reply::Nothing)
}

fn outpoint(view: &View, txid: &Txid, output: i128, script: &ScriptHash) -> Reply {
    let exists = view.transaction(txid).is_some_and(|tx| output < tx.output.len() as i128);
    let confirmed = view.history(script).into_iter().map(|item| (item.txid, item.height));
    let mempool = view.mempool_history(script).into_iter().map(|item| (item.txid, item.height));
    let spends = |spender: &Txid| {
        let spent = |input: &bitcoin::TxIn| {
            input.previous_output.txid == *txid && i128::from(input.previous_output.vout) == output
        };
        view.transaction(spender).is_some_and(|tx| tx.input.iter().any(spent))
    };
    let spent = confirmed.chain(mempool).find(|(spender, _)| spends(spender));
    let funded = exists.then(|| view.confirmed_height(txid).unwrap_or(0));
    Reply::Outpoint { funded, spent: funded.and(spent) }
}

fn output_info(view: &View, txid: &Txid, output: i128) -> Reply {
    let place = usize::try_from(output).unwrap_or(usize::MAX);
    let Some(output) = view.transaction(txid).and_then(|tx| tx.output.get(place).cloned()) else {
        return Reply::Nothing;
    };
    let script = ScriptHash::of(&output.script_pubkey);
    Reply::Output { height: view.confirmed_height(txid), script, value: output.value.to_sat() }
}

fn transaction(grammar: &Grammar, view: &View, txid: &Txid, verbose: bool) -> Result<Reply, Refusal> {
    if verbose && grammar.failures.contains_key(&Case::VerboseRefused) {
        return Err(Refusal::new(Case::VerboseRefused, []));
    }
    if verbose {
        return match view.transaction(txid) {
            Some(transaction) => {
                let block = view.confirmed_height(txid).and_then(|height| Block::at(view, height));
                Ok(Reply::VerboseTransaction { transaction: Box::new((*transaction).clone()), block })
            }
            None => Err(Refusal::new(Case::TransactionUnknown, [])),
        };
    }
    let is_genesis = view.txid_at(0, 0).as_ref() == Some(txid);
    match view.transaction(txid) {
        _ if is_genesis && grammar.failures.contains_key(&Case::GenesisTransaction) => {
            Err(Refusal::new(Case::GenesisTransaction, []))
        }
        Some(transaction) => Ok(Reply::Transaction(encode::serialize(&*transaction))),
        None => Err(Refusal::new(Case::TransactionUnknown, [])),
    }
}

fn confirmed_in(view: &View, txid: &Txid) -> Reply {
    let found = view.confirmed_height(txid).and_then(|height| Some((block_hash(view, height)?, height)));
    found.map_or(Reply::Nothing, |(block, height)| Reply::ConfirmedBlockhash { block, height })
}

fn merkle(view: &View, txid: &Txid, asked: Option<i128>) -> Result<Reply, Refusal> {
    let actual = view.confirmed_height(txid);
    let asked = asked.or(actual.map(i128::from)).unwrap_or(0);
    let refused = |case: Case, block: Json| {
        let values = [
            ("txid", Json::text(txid.to_string())),
            ("height", Json::Int(asked)),
            ("tip", Json::from(view.height())),
        ];
        let mut refusal = Refusal::new(case, values);
        refusal.values.push(("block", block));
        Err(refusal)
    };
    let Some(height) = u32::try_from(asked).ok().filter(|height| *height <= view.height()) else {
        return refused(Case::MerkleWithoutBlock, Json::Null);
    };
    let found = view.position_of(txid, height).and_then(|position| {
        Some(Reply::Merkle { height, position, branch: view.merkle(height, position)? })
    });
    let block = || {
        block_hash(view, height)
            .map_or(Json::Null, |hash| Json::text(BlockHash::from_byte_array(hash).to_string()))
    };
    match (found, view.transaction(txid)) {
        (Some(reply), _) => Ok(reply),
        (None, Some(_)) => refused(Case::TransactionElsewhere, block()),
        (None, None) => refused(Case::TransactionUnconfirmed, block()),
    }
}

fn transaction_at(view: &View, height: i128, position: i128, merkle: bool) -> Result<Reply, Refusal> {
    let refused = |case: Case| {
        let tip = Json::from(view.height());
        Refusal::new(case, [("height", Json::Int(height)), ("position", Json::Int(position)), ("tip", tip)])
    };
    let block = u32::try_from(height).ok().filter(|height| *height <= view.height());
    let block = block.ok_or_else(|| refused(Case::PositionWithoutBlock))?;
    let found = u32::try_from(position).ok().and_then(|place| Some((place, view.txid_at(block, place)?)));
    let (place, txid) = found.ok_or_else(|| refused(Case::PositionBeyondBlock))?;
    let branch = if merkle { view.merkle(block, place) } else { None };
    Ok(Reply::TransactionAt { txid, branch })
}

/// What the node says to a transaction. It takes none: the mempools of this world are written in advance.
fn broadcast(view: &View, hex: &str) -> Result<Reply, Refusal> {
    let refused = |case: Case, code: i64, message: &str| {
        let message = Json::text(message);
        Err(Refusal::new(case, [("code", Json::from(code)), ("message", message), ("hex", Json::text(hex))]))
    };
    let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()) else {
        return refused(Case::TransactionNotHex, -22, UNDECODABLE);
    };
    let Some(transaction) = decoded(&bytes) else {
        return refused(Case::TransactionUndecodable, -22, UNDECODABLE);
    };
    let txid = transaction.compute_txid();
    match (view.confirmed_height(&txid), view.transaction(&txid)) {
        (Some(_), _) => refused(Case::TransactionRefused, -27, "Transaction outputs already in utxo set"),
        (None, Some(_)) => Ok(Reply::Txid(txid)),
        (None, None) => refused(Case::TransactionRefused, -25, MISSING_INPUTS),
    }
}

/// A transaction that bitcoind would read.
pub(crate) fn decoded(bytes: &[u8]) -> Option<Transaction> {
    encode::deserialize::<Transaction>(bytes).ok().filter(|tx| !tx.input.is_empty())
}

fn broadcast_package(hexes: &[String], verbose: bool) -> Result<Reply, Refusal> {
    let refused = |case: Case, message: String, txids: Vec<Json>| {
        Err(Refusal::new(case, [("message", Json::Text(message)), ("txids", Json::List(txids))]))
    };
    if hexes.is_empty() || hexes.len() > MOST_IN_PACKAGE {
        return refused(
            Case::PackageRefused,
            "Array must contain between 1 and 25 transactions.".to_owned(),
            Vec::new(),
        );
    }
    let bytes = |hex: &String| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok();
    let transactions: Vec<Transaction> = hexes.iter().map_while(|hex| decoded(&bytes(hex)?)).collect();
    // ElectrumX names transactions by the digest of whatever bytes they are.
    let named = |hex: &String| Some(Json::text(Txid::hash(&bytes(hex)?).to_string()));
    let txids = || hexes.iter().filter_map(named).collect();
    if let Some(hex) = hexes.get(transactions.len()) {
        let message = format!("TX decode failed: {hex} Make sure the tx has at least one input.");
        return refused(Case::PackageUndecodable, message, txids());
    }
    let ids: Vec<Txid> = transactions.iter().map(Transaction::compute_txid).collect();
    let parents =
        |tx: &Transaction| tx.input.iter().filter(|input| ids.contains(&input.previous_output.txid)).count();
    if ids.len() > 1 && transactions.last().map_or(0, parents) + 1 < ids.len() {
        let message = "package topology disallowed. not child-with-parents or parents depend on each other.";
        return refused(Case::PackageRefused, message.to_owned(), txids());
    }
    Ok(Reply::Package {
        refused: ids.into_iter().map(|txid| (txid, MISSING_INPUTS.to_owned())).collect(),
        verbose,
    })
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn electrumx_asks_its_node_about_few_targets() {
        let asked = [0, 1, 12, 13, 25, 47, 144, 145, 504, 1_008, 70_000].map(bucket);
        assert_eq!(asked, [1, 1, 12, 12, 25, 46, 144, 144, 504, 1_008, 1_008]);
    }
}
