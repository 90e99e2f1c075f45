//! What a server says of one script hash in three ways must agree: status, history and coins.
//!
//! The status is a digest of the history, the balance a sum over the coins. A server that hides a
//! transaction in one answer and not in another is found out by its own words.

use std::collections::HashSet;

use bitcoin::{Amount, OutPoint, Txid};
use sha2::{Digest as _, Sha256};

/// One line of a script hash's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistoryItem {
    /// The transaction.
    pub txid: Txid,
    /// The height of its block; 0 for a transaction of the mempool, -1 for one of the mempool that
    /// spends an unconfirmed output.
    pub height: i64,
}

impl HistoryItem {
    /// Whether the transaction is in a block.
    ///
    /// Height 0 stands for the mempool. The genesis block has that height too, but its one output
    /// cannot be spent, and a server that lists it says nothing about a wallet.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.height > 0
    }
}

/// The status of a history in the order given: the SHA-256 of `txid:height:` over all its items,
/// and none for an empty history (Electrum protocol, "Status").
///
/// This is what a server must have answered to `blockchain.scripthash.subscribe` (as 64 hex
/// characters, not reversed) if it answered `get_history` in this order at the same moment.
///
/// It must not be compared across servers: every implementation lists unconfirmed transactions in
/// an order of its own, and honest ones disagree. For that there is [`confirmed_status`].
#[must_use]
pub fn status(history: &[HistoryItem]) -> Option<[u8; 32]> {
    digest(history.iter())
}

/// The [`status`] the script hash would have if the mempool were empty.
///
/// Confirmed transactions are listed in the order of the chain by everyone, so this one may be
/// compared across servers that stand at the same tip.
#[must_use]
pub fn confirmed_status(history: &[HistoryItem]) -> Option<[u8; 32]> {
    digest(history.iter().filter(|item| item.is_confirmed()))
}

fn digest<'a>(items: impl Iterator<Item = &'a HistoryItem>) -> Option<[u8; 32]> {
    let mut items = items.peekable();
    items.peek()?;
    let hash =
        items.fold(Sha256::new(), |hash, item| hash.chain_update(format!("{}:{}:", item.txid, item.height)));
    Some(hash.finalize().into())
}

/// An unspent output, as `listunspent` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Utxo {
    /// The output.
    pub outpoint: OutPoint,
    /// What it holds.
    pub value: Amount,
}

/// Why a list of unspent outputs has no sum.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BalanceError {
    /// One output is listed twice.
    #[error("output {0} is listed twice")]
    Twice(OutPoint),
    /// The list holds more than 21 million bitcoins.
    #[error("the outputs hold more than there will ever be")]
    TooMuch,
}

/// The sum of the unspent outputs of a script hash.
///
/// Servers state two numbers: `confirmed`, and as `unconfirmed` what the mempool will change about
/// it, which may be negative. `listunspent` already leaves out what the mempool spends and holds
/// what it pays, so this sum is to be compared with `confirmed + unconfirmed`.
///
/// # Errors
/// [`BalanceError`] where an output is listed twice or the sum is more than all bitcoins.
pub fn balance(utxos: &[Utxo]) -> Result<Amount, BalanceError> {
    let mut seen = HashSet::with_capacity(utxos.len());
    let mut sum = Amount::ZERO;
    for utxo in utxos {
        if !seen.insert(utxo.outpoint) {
            return Err(BalanceError::Twice(utxo.outpoint));
        }
        sum = sum
            .checked_add(utxo.value)
            .filter(|sum| *sum <= Amount::MAX_MONEY)
            .ok_or(BalanceError::TooMuch)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use data_encoding::HEXLOWER;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn history(items: &[(&str, i64)]) -> Vec<HistoryItem> {
        items
            .iter()
            .map(|(txid, height)| HistoryItem { txid: txid.parse().expect("a txid"), height: *height })
            .collect()
    }

    fn hex(status: Option<[u8; 32]>) -> Option<String> {
        status.map(|bytes| HEXLOWER.encode(&bytes))
    }

    /// The confirmed part of one regtest script hash, as all servers listed it.
    const CONFIRMED: [(&str, i64); 4] = [
        ("7f0e757c2b0a1c9968890d613fe0bdbbfb6ea81e5a9a92b6875f880554a8b316", 125),
        ("13262277858afb80fd558904623113954343c48a58bf905cab07bcc6ae4391bb", 133),
        ("800a1e35db6f7b178aac326f1842dd7e0eea126bffe3193375bfb18ad8d9c7f8", 141),
        ("51600ee619073735f7daa30f8a8a6d8af16bbee0272e650a46d0bc20d132361d", 149),
    ];
    const A: (&str, i64) = ("087ce03ba5baa91b1bc7a8845a9193872314b7fec76cb51908be58e951725f93", 0);
    const B: (&str, i64) = ("3928be661a606ec71f92e202509147a638c7d863a5e49be30ecc283616f6a9c6", 0);
    const C: (&str, i64) = ("66d270112dfbacd4d7bdce2c5be92b03d9afd3d43ad5a857f689998709ec4e0b", 0);
    const D: (&str, i64) = ("dc1ae69de06a14866ccbef7130c9ed585668c3e45e3fe96a7f2f31c7635f2f1e", 0);
    const E: (&str, i64) = ("e5cb42cd1d3bb554bfc66fa53d4e2c4b8e3eeb87f1663b5e75f09ab1b2c05efd", 0);

    #[test]
    fn honest_servers_order_the_mempool_differently_and_each_status_is_its_own_historys() {
        let electrumx = history(&[CONFIRMED.as_slice(), &[A, B, C, D, E]].concat());
        let electrs = history(&[CONFIRMED.as_slice(), &[C, D, A, B, E]].concat());
        assert_eq!(
            hex(status(&electrumx)).as_deref(),
            Some("35b3f19b15979669b719287ba9a5522469b00e29bffe85f5041cd032fb4036f1")
        );
        assert_eq!(
            hex(status(&electrs)).as_deref(),
            Some("d95c76bc1cf66b0f4167e1128e9a2518134ab1cfdb08595662d29cf15ea50457")
        );
        assert_eq!(confirmed_status(&electrumx), confirmed_status(&electrs));
        assert_eq!(confirmed_status(&electrumx), status(&history(&CONFIRMED)));
    }

    #[test]
    fn an_empty_history_has_no_status() {
        assert_eq!(status(&[]), None);
        assert_eq!(confirmed_status(&history(&[A])), None);
        // A script hash known from the mempool alone.
        let txid = "0d2576df89a95f99cb6e7b88299e853e5006f2e8fa92c5ed88ccf28bc7a70c86";
        assert_eq!(
            hex(status(&history(&[(txid, 0)]))).as_deref(),
            Some("2255d97af1fce13fd9f3f1552b3a29a183ecb6be1e7d06e0a15b1d30237bb1de")
        );
    }

    fn utxo(byte: u8, vout: u32, satoshis: u64) -> Utxo {
        let outpoint = OutPoint { txid: Txid::from_byte_array([byte; 32]), vout };
        Utxo { outpoint, value: Amount::from_sat(satoshis) }
    }

    #[test]
    fn coins_add_up_to_confirmed_and_unconfirmed() {
        // A regtest server's words: confirmed 24,000,000 and unconfirmed 25,000,000.
        let coins = [utxo(1, 0, 10_000_000), utxo(2, 0, 14_000_000), utxo(3, 0, 25_000_000)];
        assert_eq!(balance(&coins), Ok(Amount::from_sat(24_000_000 + 25_000_000)));
        assert_eq!(balance(&[]), Ok(Amount::ZERO));
    }

    #[test]
    fn a_coin_counts_once_and_there_are_only_so_many() {
        let coin = utxo(1, 0, 5);
        assert_eq!(balance(&[coin, utxo(1, 1, 5), coin]), Err(BalanceError::Twice(coin.outpoint)));
        let all = Amount::MAX_MONEY.to_sat();
        assert_eq!(balance(&[utxo(1, 0, all)]), Ok(Amount::MAX_MONEY));
        assert_eq!(balance(&[utxo(1, 0, all), utxo(1, 1, 1)]), Err(BalanceError::TooMuch));
        assert_eq!(balance(&[utxo(1, 0, 1), utxo(1, 1, u64::MAX)]), Err(BalanceError::TooMuch));
    }

    fn any_item() -> impl Strategy<Value = HistoryItem> {
        (any::<[u8; 32]>(), -1_i64..1_000_000)
            .prop_map(|(txid, height)| HistoryItem { txid: Txid::from_byte_array(txid), height })
    }

    proptest! {
        #[test]
        fn the_status_changes_with_every_item(
            items in vec(any_item(), 1..40), at: prop::sample::Index, bit in 0_usize..256, height in -1_i64..1_000_000,
        ) {
            let at = at.index(items.len());
            let before = status(&items);

            let mut changed = items.clone();
            let mut txid = changed[at].txid.to_byte_array();
            txid[bit / 8] ^= 1 << (bit % 8);
            changed[at].txid = Txid::from_byte_array(txid);
            prop_assert_ne!(status(&changed), before);

            let mut changed = items.clone();
            changed[at].height = height;
            prop_assert_eq!(status(&changed) == before, changed == items);

            let mut changed = items.clone();
            changed.remove(at);
            prop_assert_ne!(status(&changed), before);

            let mut changed = items.clone();
            changed.rotate_left(at);
            prop_assert_eq!(status(&changed) == before, changed == items);
        }

        #[test]
        fn the_mempool_does_not_touch_the_confirmed_status(items in vec(any_item(), 0..40), at: prop::sample::Index) {
            let mut more = items.clone();
            let unconfirmed = HistoryItem { txid: Txid::all_zeros(), height: 0 };
            more.insert(at.index(items.len() + 1), unconfirmed);
            prop_assert_eq!(confirmed_status(&more), confirmed_status(&items));
        }

        #[test]
        fn sums_never_overflow(coins in vec((any::<u8>(), any::<u32>(), any::<u64>()), 0..20)) {
            let coins: Vec<_> = coins.into_iter().map(|(byte, vout, value)| utxo(byte, vout, value)).collect();
            if let Ok(sum) = balance(&coins) {
                prop_assert!(sum <= Amount::MAX_MONEY);
            }
        }
    }
}
