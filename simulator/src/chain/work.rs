//! Blocks out of transactions: coinbase, commitments, and the work that makes a header valid.

use bitcoin::{
    Amount, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Witness,
    absolute::LockTime,
    block::{Header, Version},
    hashes::{Hash as _, sha256d},
    merkle_tree::calculate_root,
    script::Builder,
    transaction,
};

use super::segment::Payment;

/// Regtest's limit: every second hash meets it.
const BITS: u32 = 0x207f_ffff;
/// Blocks between two halvings of the subsidy on regtest.
const HALVING: u32 = 150;
/// BIP-141: what a coinbase's witness holds, for uses yet to come.
const RESERVED: [u8; 32] = [0; 32];
/// BIP-141: how an output with a commitment to the witnesses begins.
const COMMITMENT: [u8; 4] = [0xaa, 0x21, 0xa9, 0xed];

/// What a block is made of, its transactions apart.
pub(super) struct Frame {
    pub(super) parent: BlockHash,
    pub(super) height: u32,
    /// In seconds since 1970.
    pub(super) time: u32,
    /// Tells coinbases of one height apart.
    pub(super) extra: [u8; 8],
    /// Who is paid for the work.
    pub(super) miner: ScriptBuf,
    /// The fees of all transactions, in satoshi.
    pub(super) fees: u64,
}

/// What a block may make out of nothing, in satoshi.
pub(super) fn subsidy(height: u32) -> u64 {
    (50 * Amount::ONE_BTC.to_sat()).checked_shr(height / HALVING).unwrap_or_default()
}

/// The header of a block with these payments, and its coinbase.
pub(super) fn block(frame: &Frame, payments: &[Payment]) -> (Header, Transaction) {
    let mut coinbase = coinbase(frame);
    commit(&mut coinbase, payments);
    let ids = payments.iter().map(|payment| payment.txid.to_raw_hash());
    let ids = std::iter::once(coinbase.compute_txid().to_raw_hash()).chain(ids);
    let root = calculate_root(ids.collect::<Vec<_>>().into_iter());
    let mut header = Header {
        version: Version::from_consensus(0x2000_0000),
        prev_blockhash: frame.parent,
        merkle_root: root.map_or_else(TxMerkleNode::all_zeros, TxMerkleNode::from_raw_hash),
        time: frame.time,
        bits: CompactTarget::from_consensus(BITS),
        nonce: 0,
    };
    mine(&mut header);
    (header, coinbase)
}

/// Looks for the first nonce that makes the header's hash meet its target. On regtest it is among the first few.
pub(super) fn mine(header: &mut Header) {
    header.nonce = 0;
    while !header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
}

fn coinbase(frame: &Frame) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::null(),
        script_sig: Builder::new().push_int(frame.height.into()).push_slice(frame.extra).into_script(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let value = Amount::from_sat(subsidy(frame.height) + frame.fees);
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![TxOut { value, script_pubkey: frame.miner.clone() }],
    }
}

/// Commits to the witnesses, where there are any.
fn commit(coinbase: &mut Transaction, payments: &[Payment]) {
    let has_witness =
        |payment: &Payment| payment.transaction.input.iter().any(|input| !input.witness.is_empty());
    if !payments.iter().any(has_witness) {
        return;
    }
    let ids = payments.iter().map(|payment| payment.transaction.compute_wtxid().to_raw_hash());
    let leaves: Vec<_> = std::iter::once(sha256d::Hash::all_zeros()).chain(ids).collect();
    let Some(root) = calculate_root(leaves.into_iter()) else { return };
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(root.as_byte_array());
    pair[32..].copy_from_slice(&RESERVED);
    let mut data = [0; 36];
    data[..4].copy_from_slice(&COMMITMENT);
    data[4..].copy_from_slice(sha256d::Hash::hash(&pair).as_byte_array());
    coinbase.output.push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new_op_return(data) });
    for input in &mut coinbase.input {
        input.witness.push(RESERVED);
    }
}
