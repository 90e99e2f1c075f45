//! What every server of a scan is asked about: public objects only, the same for all, so that answers can be
//! compared. None of them belongs to anybody whose privacy a question could touch: they are as old as can be,
//! famous, or published keys.

mod find;
mod pick;

use std::sync::OnceLock;

use bitcoin::{
    CompressedPublicKey, Script, ScriptBuf, Txid,
    bip32::{ChildNumber, Xpriv},
    hex::FromHex as _,
    secp256k1::Secp256k1,
};
use electrum::Network;
use serde::{Deserialize, Serialize};

pub(crate) use self::find::SEARCH_COST;
pub use self::find::find;

/// Objects of one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// One confirmed output of each script type that was found.
    pub outputs: Vec<Output>,
    /// A script with more transactions than some servers list (S10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<Busy>,
}

/// A confirmed output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The type of its script.
    pub kind: ScriptKind,
    /// Its script.
    pub script: ScriptBuf,
    /// The transaction it belongs to.
    pub txid: Txid,
    /// The height of the block.
    pub height: u32,
    /// The place of the transaction in the block.
    pub position: u32,
    /// The levels of its merkle branch, which tell how many transactions the block has.
    pub levels: u32,
    /// Transactions in the script's history when it was chosen.
    pub history: u32,
}

impl Output {
    /// What a proof that it is in its block costs at most, in E.
    #[must_use]
    pub fn proof_price(&self) -> f64 {
        proof_price(self.levels)
    }
}

/// What a merkle proof costs a server that does not have the block in its cache, in E: it reads the ids of all
/// transactions and hashes them (electrumx, session.py). With n levels there are at most 2ⁿ.
fn proof_price(levels: u32) -> f64 {
    0.25 + f64::from(1_u32 << levels.min(16)) * (1.0 / 10_000.0 + 1.0 / 2_500.0)
}

/// A script with a long history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The script.
    pub script: ScriptBuf,
    /// Transactions in its history when it was chosen.
    pub history: u32,
}

/// The types of scripts that servers may treat differently (S2 to S8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptKind {
    /// Pay to public key hash.
    P2pkh,
    /// Pay to script hash.
    P2sh,
    /// Pay to witness public key hash.
    P2wpkh,
    /// Pay to witness script hash.
    P2wsh,
    /// Pay to taproot.
    P2tr,
    /// Pay to public key.
    P2pk,
    /// Bare multisig.
    Multisig,
}

impl ScriptKind {
    /// Every type.
    pub const ALL: [Self; 7] =
        [Self::P2pkh, Self::P2sh, Self::P2wpkh, Self::P2wsh, Self::P2tr, Self::P2pk, Self::Multisig];

    /// The type of a script, if it is one of these.
    #[must_use]
    pub fn of(script: &Script) -> Option<Self> {
        let kinds = [
            (Self::P2pkh, script.is_p2pkh()),
            (Self::P2sh, script.is_p2sh()),
            (Self::P2wpkh, script.is_p2wpkh()),
            (Self::P2wsh, script.is_p2wsh()),
            (Self::P2tr, script.is_p2tr()),
            (Self::P2pk, script.is_p2pk()),
            (Self::Multisig, script.is_multisig()),
        ];
        kinds.into_iter().find_map(|(kind, is)| is.then_some(kind))
    }
}

/// Receiving and change addresses that a new wallet asks about: 20 and 10 is what Electrum looks ahead.
const GAPS: [(u32, u32); 2] = [(0, 20), (1, 10)];

/// BIP-39 seed of the mnemonic `abandon … about` without a passphrase, the test key of BIP-84.
const PUBLISHED_SEED: &str = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";

/// The scripts that a wallet of the published BIP-84 test key asks about when it starts (S12).
#[must_use]
pub fn gap_scan(network: Network) -> &'static [ScriptBuf] {
    static MAINNET: OnceLock<Vec<ScriptBuf>> = OnceLock::new();
    static OTHERS: OnceLock<Vec<ScriptBuf>> = OnceLock::new();
    match network {
        Network::Mainnet => MAINNET.get_or_init(|| derive(0).unwrap_or_default()),
        _ => OTHERS.get_or_init(|| derive(1).unwrap_or_default()),
    }
}

/// Scripts at `m/84'/coin'/0'/chain/index`. None only if the seed above were mistyped, which a test rules out.
fn derive(coin: u32) -> Option<Vec<ScriptBuf>> {
    let secp = Secp256k1::new();
    let seed = <[u8; 64]>::from_hex(PUBLISHED_SEED).ok()?;
    // The network only marks the key's text form, which is not used.
    let master = Xpriv::new_master(bitcoin::Network::Bitcoin, &seed).ok()?;
    let account =
        [84, coin, 0].into_iter().map(ChildNumber::from_hardened_idx).collect::<Result<Vec<_>, _>>().ok()?;
    let account = master.derive_priv(&secp, &account).ok()?;
    let mut scripts = Vec::new();
    for (chain, count) in GAPS {
        for index in 0..count {
            let path = [ChildNumber::from_normal_idx(chain).ok()?, ChildNumber::from_normal_idx(index).ok()?];
            let key = account.derive_priv(&secp, &path).ok()?;
            let public = CompressedPublicKey(key.private_key.public_key(&secp));
            scripts.push(ScriptBuf::new_p2wpkh(&public.wpubkey_hash()));
        }
    }
    Some(scripts)
}

#[cfg(test)]
mod tests {
    use bitcoin::Address;

    use super::*;

    #[test]
    fn the_gap_scan_is_that_of_the_key_in_bip_84() {
        let addresses: Vec<String> = gap_scan(Network::Mainnet)
            .iter()
            .map(|script| {
                Address::from_script(script, bitcoin::Network::Bitcoin).expect("an address").to_string()
            })
            .collect();
        assert_eq!(addresses.len(), 30);
        // The three addresses that BIP-84 gives.
        assert_eq!(addresses[0], "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
        assert_eq!(addresses[1], "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g");
        assert_eq!(addresses[20], "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el");
        assert_ne!(gap_scan(Network::Regtest)[0], gap_scan(Network::Mainnet)[0]);
    }

    #[test]
    fn script_types_are_told_apart() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        for (hex, kind) in [
            (format!("76a914{}88ac", "11".repeat(20)), Some(ScriptKind::P2pkh)),
            (format!("a914{}87", "11".repeat(20)), Some(ScriptKind::P2sh)),
            (format!("0014{}", "11".repeat(20)), Some(ScriptKind::P2wpkh)),
            (format!("0020{}", "11".repeat(32)), Some(ScriptKind::P2wsh)),
            (format!("5120{}", "11".repeat(32)), Some(ScriptKind::P2tr)),
            (format!("21{key}ac"), Some(ScriptKind::P2pk)),
            (format!("5121{key}21{key}52ae"), Some(ScriptKind::Multisig)),
            ("6a0568656c6c6f".to_owned(), None),
        ] {
            let script = ScriptBuf::from_hex(&hex).expect("hex");
            assert_eq!(ScriptKind::of(&script), kind, "{hex}");
        }
    }

    #[test]
    fn proofs_in_full_blocks_are_dear() {
        assert!((proof_price(2) - 0.252).abs() < 1e-9);
        // 4,096 transactions at the most.
        assert!((proof_price(12) - 2.298).abs() < 1e-9);
        assert!(proof_price(u32::MAX) < 40.0);
    }

    #[test]
    fn objects_survive_their_file_form() {
        let text = r#"{"outputs":[{"kind":"p2wpkh","script":"00141111111111111111111111111111111111111111","txid":"f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16","height":170,"position":1,"levels":1,"history":3}]}"#;
        let objects: Objects = serde_json::from_str(text).expect("reads");
        assert_eq!(serde_json::to_string(&objects).expect("writes"), text);
    }
}
