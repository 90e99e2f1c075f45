//! Transactions that prove themselves: the id is a digest of the bytes.
//!
//! What can be said of a transaction without the chain is said here and no more: that the bytes are
//! one whole transaction, what its id is, and what its outputs hold. That it was ever mined is for
//! [`merkle`](super::merkle) to prove, that its signatures hold for a full node.

use bitcoin::{Amount, Transaction, TxOut, Txid, consensus};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::ScriptHash;

/// The size at which a transaction can pose as an inner node of a merkle tree, in bytes.
pub(super) const AMBIGUOUS_SIZE: usize = 64;

/// Why bytes are no transaction that could be in a block, or hold no such output.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TxError {
    /// More text than the caller wants to look at.
    #[error("{length} characters of hex, more than the {max_bytes} bytes asked for at most")]
    TooLong {
        /// The length of the text, in characters.
        length: usize,
        /// The limit, in bytes of the decoded transaction.
        max_bytes: usize,
    },
    /// Not hex.
    #[error("not hex")]
    Hex,
    /// Not the encoding of exactly one transaction.
    #[error("not one whole transaction: {0}")]
    Encoding(String),
    /// Without its witness it is 64 bytes long, just as two hashes are, so its id may as well be
    /// an inner node of a merkle tree (CVE-2017-12842).
    #[error("a 64-byte transaction, which cannot be told from an inner node of a merkle tree")]
    Ambiguous,
    /// It has no inputs or no outputs, which no block may hold.
    #[error("a transaction without inputs or without outputs")]
    Empty,
    /// Its outputs hold more than 21 million bitcoins, which no block may allow.
    #[error("the outputs hold more than there will ever be")]
    TooMuch,
    /// It has fewer outputs.
    #[error("no output {vout} in a transaction with {outputs} outputs")]
    NoOutput {
        /// The output asked for.
        vout: u32,
        /// How many there are.
        outputs: usize,
    },
}

/// Decodes a whole transaction and computes its id, which is the caller's to compare.
///
/// `max_bytes` bounds the decoded size; no block holds a transaction of more than 4,000,000 bytes.
///
/// # Errors
/// [`TxError`] for anything but the hex of exactly one transaction that a block could hold. A
/// transaction of 64 bytes is refused too: it may be the pair of hashes in an inner node of a real
/// block's merkle tree, and a branch would "prove" it.
pub fn txid_of(raw_hex: &str, max_bytes: usize) -> Result<(Transaction, Txid), TxError> {
    if raw_hex.len() > max_bytes.saturating_mul(2) {
        return Err(TxError::TooLong { length: raw_hex.len(), max_bytes });
    }
    let raw = HEXLOWER_PERMISSIVE.decode(raw_hex.as_bytes()).map_err(|_| TxError::Hex)?;
    let tx: Transaction = consensus::deserialize(&raw).map_err(|e| TxError::Encoding(e.to_string()))?;
    if tx.base_size() == AMBIGUOUS_SIZE {
        return Err(TxError::Ambiguous);
    }
    if tx.input.is_empty() || tx.output.is_empty() {
        return Err(TxError::Empty);
    }
    if !is_affordable(&tx) {
        return Err(TxError::TooMuch);
    }
    let txid = tx.compute_txid();
    Ok((tx, txid))
}

/// What an output holds. The server's own word for it must be the same.
///
/// # Errors
/// [`TxError::NoOutput`] where the transaction has fewer outputs.
pub fn value_of(tx: &Transaction, vout: u32) -> Result<Amount, TxError> {
    output(tx, vout).map(|output| output.value)
}

/// The script hash an output pays to.
///
/// # Errors
/// [`TxError::NoOutput`] where the transaction has fewer outputs.
pub fn script_hash_of(tx: &Transaction, vout: u32) -> Result<ScriptHash, TxError> {
    output(tx, vout).map(|output| ScriptHash::of(&output.script_pubkey))
}

fn output(tx: &Transaction, vout: u32) -> Result<&TxOut, TxError> {
    usize::try_from(vout)
        .ok()
        .and_then(|index| tx.output.get(index))
        .ok_or(TxError::NoOutput { vout, outputs: tx.output.len() })
}

/// Whether 64 bytes that hash to an inner node are themselves a transaction a block could hold.
///
/// Consensus rules beyond the encoding are looked at because a random pair of hashes decodes as
/// some transaction once in 2²⁴, which would accuse honest servers; with these rules it is once in
/// 2⁴³.
pub(super) fn is_transaction(pair: &[u8; AMBIGUOUS_SIZE]) -> bool {
    consensus::deserialize::<Transaction>(pair)
        .is_ok_and(|tx| !tx.input.is_empty() && !tx.output.is_empty() && is_affordable(&tx))
}

fn is_affordable(tx: &Transaction) -> bool {
    tx.output
        .iter()
        .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value))
        .is_some_and(|sum| sum <= Amount::MAX_MONEY)
}

#[cfg(test)]
pub(super) mod tests {
    use bitcoin::{OutPoint, ScriptBuf, Sequence, TxIn, Witness, absolute::LockTime, transaction::Version};
    use data_encoding::HEXLOWER;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const MAX: usize = 4_000_000;

    /// The first payment, block 170 of mainnet.
    const FIRST_PAYMENT: &str = concat!(
        "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402",
        "204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4",
        "acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b",
        "13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1ba",
        "ded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482e",
        "cad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000",
    );

    /// A transaction with a witness, as servers of a regtest chain sent it.
    const WITH_WITNESS: &str = concat!(
        "02000000000101f2ee633756e5679626bff2048d7df88f0118d22d2ff65d539aaff47986a28de50000000000fdff",
        "ffff0280969800000000001976a914b0c35fe74dab722c5a07fada9bd2c856fc6a564b88ac5a5a6d290100000019",
        "76a914dfde33a53f48b9566912bf924b96a818f45aa27e88ac024730440220101ca97df617a85856d9d51542d5e1",
        "0e56cae99162d67f4298b31bfc8f3897e80220566da0d8fc1e9f16b35d3dcf033f9cd4828f0cdc3f7c6801e66b5c",
        "cca69026e301210372048cd3ce0c5d6b43f6bd4188b64dd158adf25be4e9a03cf5621b5d7eb5a64a78000000",
    );

    fn transaction(script_sig: usize, script: usize, value: u64) -> Transaction {
        let previous_output = OutPoint::default();
        let script_sig = ScriptBuf::from_bytes(vec![0x51; script_sig]);
        let (sequence, witness) = (Sequence::MAX, Witness::new());
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn { previous_output, script_sig, sequence, witness }],
            output: vec![TxOut {
                value: Amount::from_sat(value),
                script_pubkey: ScriptBuf::from_bytes(vec![0x51; script]),
            }],
        }
    }

    /// A transaction whose bytes are as many as those of two hashes.
    pub(in crate::proof) fn ambiguous() -> [u8; AMBIGUOUS_SIZE] {
        let bytes = consensus::serialize(&transaction(0, 4, 1_000));
        bytes.try_into().expect("64 bytes")
    }

    fn read(tx: &Transaction) -> Result<Txid, TxError> {
        txid_of(&consensus::encode::serialize_hex(tx), MAX).map(|(_, txid)| txid)
    }

    #[test]
    fn known_transactions_have_their_ids_and_outputs() {
        let (tx, txid) = txid_of(FIRST_PAYMENT, MAX).expect("a transaction");
        assert_eq!(txid.to_string(), "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
        assert_eq!(value_of(&tx, 0), Ok(Amount::ONE_BTC * 10));
        assert_eq!(value_of(&tx, 1), Ok(Amount::ONE_BTC * 40));

        let (tx, txid) = txid_of(WITH_WITNESS, MAX).expect("a transaction");
        assert_eq!(txid.to_string(), "2af90c1ed2fc592594cbab02d5a25a5b1930e0bf674346e7d8666a3318b67f89");
        assert_eq!(value_of(&tx, 0), Ok(Amount::from_sat(10_000_000)));
        assert_eq!(
            script_hash_of(&tx, 0).map(|hash| hash.to_string()).as_deref(),
            Ok("bc4c69004a48922452ae8527e6011f8f4ffa20bc45b026ad2c62271a8eeea394")
        );
        for vout in [2, u32::MAX] {
            assert_eq!(value_of(&tx, vout), Err(TxError::NoOutput { vout, outputs: 2 }));
            assert_eq!(script_hash_of(&tx, vout), Err(TxError::NoOutput { vout, outputs: 2 }));
        }
    }

    #[test]
    fn only_one_whole_transaction_is_taken() {
        let bytes = FIRST_PAYMENT.len() / 2;
        assert!(txid_of(FIRST_PAYMENT, bytes).is_ok());
        let length = FIRST_PAYMENT.len();
        let max_bytes = bytes - 1;
        assert_eq!(txid_of(FIRST_PAYMENT, max_bytes), Err(TxError::TooLong { length, max_bytes }));
        for text in [
            format!("{FIRST_PAYMENT}00"),
            format!("{FIRST_PAYMENT}{FIRST_PAYMENT}"),
            FIRST_PAYMENT[..length - 2].to_owned(),
            String::new(),
        ] {
            assert!(matches!(txid_of(&text, MAX), Err(TxError::Encoding(_))), "{text}");
        }
        for text in ["0", "zz", " 00", "0x00", "é"] {
            assert_eq!(txid_of(text, MAX), Err(TxError::Hex), "{text}");
        }
    }

    #[test]
    fn a_transaction_that_could_be_an_inner_node_is_refused() {
        assert_eq!(txid_of(&HEXLOWER.encode(&ambiguous()), MAX), Err(TxError::Ambiguous));
        // The id leaves the witness out, so a witness on top changes nothing.
        let mut tx = transaction(0, 4, 1_000);
        tx.input[0].witness.push([7; 80]);
        assert_eq!(read(&tx), Err(TxError::Ambiguous));
        assert!(read(&transaction(0, 3, 1_000)).is_ok());
        assert!(read(&transaction(0, 5, 1_000)).is_ok());
    }

    #[test]
    fn a_pair_of_hashes_poses_only_as_a_transaction_that_a_block_could_hold() {
        assert!(is_transaction(&ambiguous()));
        let mut costly = ambiguous();
        costly[47..55].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!is_transaction(&costly));
        let mut no_output = transaction(13, 0, 0);
        no_output.output.clear();
        let pair = consensus::serialize(&no_output).try_into().expect("64 bytes");
        assert!(!is_transaction(&pair));
    }

    #[test]
    fn what_no_block_may_hold_is_refused() {
        let all = Amount::MAX_MONEY.to_sat();
        assert!(read(&transaction(0, 20, all)).is_ok());
        assert_eq!(read(&transaction(0, 20, all + 1)), Err(TxError::TooMuch));
        let mut tx = transaction(0, 20, u64::MAX);
        tx.output.push(tx.output[0].clone());
        assert_eq!(read(&tx), Err(TxError::TooMuch));
        tx.output.clear();
        assert_eq!(read(&tx), Err(TxError::Empty));
        assert_eq!(txid_of("020000000001000000000000", MAX), Err(TxError::Empty));
    }

    #[test]
    fn declared_lengths_are_not_believed() {
        for text in ["02000000feffffff7f", "02000000ffffffffffffffffff", "0200000001ff", "020000000001fdffff"]
        {
            assert!(matches!(txid_of(text, MAX), Err(TxError::Encoding(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in vec(any::<u8>(), 0..300), text in "\\PC{0,40}") {
            let _ = txid_of(&HEXLOWER.encode(&bytes), MAX);
            let _ = txid_of(&text, MAX);
        }

        #[test]
        fn spoilt_transactions_never_panic_nor_keep_their_id(at: prop::sample::Index, bit in 0_u8..8) {
            let mut bytes = HEXLOWER.decode(FIRST_PAYMENT.as_bytes()).expect("hex");
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok((_, txid)) = txid_of(&HEXLOWER.encode(&bytes), MAX) {
                prop_assert_ne!(
                    txid.to_string(),
                    "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
                );
            }
        }

        #[test]
        fn pairs_of_hashes_are_not_taken_for_transactions(left: [u8; 32], right: [u8; 32]) {
            let mut pair = [0; AMBIGUOUS_SIZE];
            pair[..32].copy_from_slice(&left);
            pair[32..].copy_from_slice(&right);
            prop_assert!(!is_transaction(&pair));
        }
    }
}
