//! Proofs about Bitcoin data that need no trust in the server who sent it.
//!
//! Every function here is pure: it takes what a server said and answers whether the words can be
//! true. Nothing here reads a network, a clock or a disk, and every input may be hostile: lengths
//! are checked before anything is decoded, and the work is linear in what was handed in.
//!
//! What a failed proof means is not decided here. A reorganisation or a block that arrived between
//! two requests makes an honest server look wrong, so callers ask again before they say so.

pub mod chain;
mod difficulty;
pub mod header;
pub mod merkle;
pub mod script_hash;
pub mod status;
pub mod tx;

pub use chain::{Chain, ChainError, ChainFault, chain};
pub use header::{HeaderError, RunError, RunForm, parse_run};
pub use merkle::{Branch, MerkleError};
pub use script_hash::{AddressError, ScriptHash, ScriptHashError};
pub use status::{BalanceError, HistoryItem, Utxo, balance, confirmed_status, status};
pub use tx::{TxError, txid_of};

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::Network;

/// The network whose address prefixes and proof-of-work limit hold on ours.
fn parameters_of(network: Network) -> bitcoin::Network {
    match network {
        Network::Mainnet => bitcoin::Network::Bitcoin,
        Network::Testnet => bitcoin::Network::Testnet,
        Network::Testnet4 => bitcoin::Network::Testnet4,
        Network::Signet | Network::Mutinynet => bitcoin::Network::Signet,
        Network::Regtest => bitcoin::Network::Regtest,
    }
}

/// Decodes exactly `N` bytes written as hex, in either case.
fn exact_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Before decoding: a text of the wrong length must not cost an allocation of its size.
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}
