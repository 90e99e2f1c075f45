//! Blocks and transactions: that headers were worked for and follow each other, that transactions are what they are
//! called and where they are said to be.

use std::collections::BTreeMap;

use bitcoin::{
    Txid,
    block::Header,
    hashes::{Hash as _, sha256d},
};
use electrum::{
    Network,
    proof::{self, Branch, ChainFault, RunForm, TxError, merkle},
};
use serde::Deserialize;

use super::{Proof, Shown, Step, Subject};
use crate::reading::{Reading, Turn};

/// Largest transaction that is looked at, in bytes: a larger one is not kept whole.
const LARGEST: usize = 40_000;

/// The method that hands out one header.
const HEADER: &str = "blockchain.block.header";

/// Headers of a visit by height, each with the exchange that it came in.
type Headers<'r, 'v> = BTreeMap<u32, (Header, &'r Turn<'v>)>;

pub(super) fn proofs<'v>(reading: &Reading<'v>) -> Vec<Proof<'v>> {
    let network = reading.visit.network;
    let with_height = |turn| header(turn).map(|(height, header)| (height, (header, turn)));
    let headers: Headers<'_, '_> = reading.turns.iter().filter_map(with_height).collect();
    let of_turn = |turn: &Turn<'v>| match turn.method() {
        "server.features" => genesis(turn, network),
        "blockchain.headers.subscribe" => tip(turn, network),
        HEADER => single(turn, network).or_else(|| checkpoint(turn)),
        "blockchain.block.headers" => run(turn, network),
        "blockchain.transaction.get" => transaction(turn),
        // C11 asks for a block that the transaction is not in.
        "blockchain.transaction.get_merkle" if turn.exchange.probe != "C11" => branch(turn, &headers),
        "blockchain.transaction.id_from_pos" => place(turn, &headers),
        _ => None,
    };
    reading.turns.iter().filter_map(of_turn).collect()
}

/// The header that was asked for by its height, and the height.
pub(crate) fn header(turn: &Turn<'_>) -> Option<(u32, Header)> {
    if turn.method() != HEADER {
        return None;
    }
    turn.block(|| {
        let [height]: [u32; 1] = turn.params()?;
        Some((height, proof::header::decode(&turn.text()?).ok()?))
    })
}

/// The best block, as it was told.
pub(crate) fn best(turn: &Turn<'_>) -> Option<(u32, Header)> {
    #[derive(Deserialize)]
    struct Best {
        height: u32,
        hex: String,
    }
    if turn.method() != "blockchain.headers.subscribe" {
        return None;
    }
    turn.block(|| {
        let Best { height, hex } = turn.answer()?.result()?;
        Some((height, proof::header::decode(&hex).ok()?))
    })
}

/// The transaction that was asked for by its id, where the bytes have that id.
pub(crate) fn whole(turn: &Turn<'_>) -> Option<bitcoin::Transaction> {
    let (asked, read) = raw(turn)?;
    read.ok().filter(|(_, txid)| *txid == asked).map(|(transaction, _)| transaction)
}

/// A transaction and its id, or why it is none.
type Read = Result<(bitcoin::Transaction, Txid), TxError>;

/// The id that was asked for, and what was handed out.
fn raw(turn: &Turn<'_>) -> Option<(Txid, Read)> {
    if turn.method() != "blockchain.transaction.get" {
        return None;
    }
    let [asked]: [Txid; 1] = turn.params()?;
    Some((asked, proof::txid_of(&turn.text()?, LARGEST)))
}

fn genesis<'v>(turn: &Turn<'v>, network: Network) -> Option<Proof<'v>> {
    #[derive(Deserialize)]
    struct Features {
        genesis_hash: String,
    }
    let Features { genesis_hash } = turn.result()?;
    let due = merkle::parse_hash(network.genesis_hash())?;
    let found = merkle::parse_hash(&genesis_hash).map_or_else(|| Shown::said(&genesis_hash), Shown::Hash);
    let step = Step::equal("it names the first block of the network", Shown::Hash(due), found);
    Some(Proof { subject: Subject::Genesis, rests_on: vec![turn.witness()], steps: vec![step] })
}

/// That somebody worked for headers, and that they follow each other.
fn work(headers: &[Header], first: u32, network: Network, otherwise: Subject) -> (Subject, Step) {
    let proved = proof::chain(headers, first.into(), network);
    let is_genesis = matches!(&proved, Err(error) if matches!(error.fault, ChainFault::Genesis(_)));
    let subject = if is_genesis { Subject::Genesis } else { otherwise };
    (subject, Step::succeeds("every header was worked for and builds on the one before", "it was", &proved))
}

fn tip<'v>(turn: &Turn<'v>, network: Network) -> Option<Proof<'v>> {
    let (height, header) = best(turn)?;
    let (subject, step) = work(&[header], height, network, Subject::Tip);
    Some(Proof { subject, rests_on: vec![turn.witness()], steps: vec![step] })
}

fn single<'v>(turn: &Turn<'v>, network: Network) -> Option<Proof<'v>> {
    let (height, header) = header(turn)?;
    let (subject, step) = work(&[header], height, network, Subject::Header(height));
    Some(Proof { subject, rests_on: vec![turn.witness()], steps: vec![step] })
}

fn run<'v>(turn: &Turn<'v>, network: Network) -> Option<Proof<'v>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Run {
        List { headers: Vec<String> },
        Hex { hex: String },
    }
    let [first, _]: [u32; 2] = turn.params()?;
    let run: Run = turn.result()?;
    let form = match &run {
        Run::List { headers } => RunForm::List(headers),
        Run::Hex { hex } => RunForm::Hex(hex),
    };
    let headers = proof::parse_run(&form).ok().filter(|headers| !headers.is_empty())?;
    let (subject, step) = work(&headers, first, network, Subject::Run);
    Some(Proof { subject, rests_on: vec![turn.witness()], steps: vec![step] })
}

fn checkpoint<'v>(turn: &Turn<'v>) -> Option<Proof<'v>> {
    #[derive(Deserialize)]
    struct Proved {
        branch: Vec<String>,
        header: String,
        root: String,
    }
    let [height, checkpoint]: [u32; 2] = turn.params()?;
    let Proved { branch, header, root } = turn.result()?;
    let (header, root) = (proof::header::decode(&header).ok()?, merkle::parse_hash(&root)?);
    let led = Branch::parse(&branch).and_then(|branch| {
        merkle::verify_checkpoint(header.block_hash(), height.into(), checkpoint.into(), &branch, root)
    });
    let step = Step::succeeds("the branch leads from the header to the root", Shown::Hash(root), &led);
    Some(Proof { subject: Subject::Checkpoint(height), rests_on: vec![turn.witness()], steps: vec![step] })
}

fn transaction<'v>(turn: &Turn<'v>) -> Option<Proof<'v>> {
    let (asked, read) = raw(turn)?;
    let what = "the bytes of the transaction have the id that was asked for";
    let due = Shown::Hash(asked.to_raw_hash());
    let step = match &read {
        Ok((_, txid)) => Step::equal(what, due, Shown::Hash(txid.to_raw_hash())),
        // That it was too long for us says nothing of it; nor does its length, where it could be a pair of hashes.
        Err(TxError::TooLong { .. } | TxError::Ambiguous) => return None,
        Err(_) => Step::succeeds(what, due, &read),
    };
    Some(Proof { subject: Subject::Transaction(asked), rests_on: vec![turn.witness()], steps: vec![step] })
}

fn branch<'v>(turn: &Turn<'v>, headers: &Headers<'_, 'v>) -> Option<Proof<'v>> {
    #[derive(Deserialize)]
    struct Proved {
        merkle: Vec<String>,
        pos: u64,
    }
    let (txid, height): (Txid, u32) = turn.params()?;
    let Proved { merkle, pos } = turn.result()?;
    climb(turn, txid, pos, &merkle, headers.get(&height)?, Subject::Branch(txid))
}

fn place<'v>(turn: &Turn<'v>, headers: &Headers<'_, 'v>) -> Option<Proof<'v>> {
    #[derive(Deserialize)]
    struct Proved {
        // mempool's electrs calls it otherwise.
        #[serde(alias = "tx_id")]
        tx_hash: Txid,
        merkle: Vec<String>,
    }
    let (height, position, _): (u32, u32, bool) = turn.params()?;
    let Proved { tx_hash, merkle } = turn.result()?;
    let subject = Subject::Place { height, position };
    climb(turn, tx_hash, position.into(), &merkle, headers.get(&height)?, subject)
}

fn climb<'v>(
    turn: &Turn<'v>,
    txid: Txid,
    position: u64,
    entries: &[String],
    (header, beside): &(Header, &Turn<'v>),
    subject: Subject,
) -> Option<Proof<'v>> {
    let due = Shown::Hash(sha256d::Hash::from_byte_array(header.merkle_root.to_byte_array()));
    let branch = Branch::parse(entries);
    let led = branch.and_then(|branch| merkle::verify(txid, position, &branch, header.merkle_root));
    let step = Step::succeeds("the branch leads from the transaction to the root in the header", due, &led);
    Some(Proof { subject, rests_on: vec![turn.witness(), beside.witness()], steps: vec![step] })
}
