//! The wallet of a published test key: what a real wallet that is given the key must find.
//!
//! The key is that of BIP-84's examples, which everybody knows: nobody may ever put anything of worth on it.

use std::str::FromStr as _;

use bitcoin::{
    Address, CompressedPublicKey, Network, base58, bip32,
    bip32::{ChildNumber, Xpub},
    secp256k1::Secp256k1,
};

use super::lock::{Kind, Lock};

/// The mnemonic of BIP-84's examples, without a passphrase.
const MNEMONIC: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
/// The key of account m/84'/1'/0' of that mnemonic, without what signs.
const ACCOUNT: &str = "tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M";
/// The fingerprint of the mnemonic's master key, as descriptors name it.
const FINGERPRINT: &str = "73c5da0a";
/// SLIP-132: how an account key of P2WPKH addresses on test networks begins ("vpub").
const VPUB: [u8; 4] = [0x04, 0x5f, 0x1c, 0xf6];
/// Addresses of each branch that are derived: all that are ever used are among them.
const ADDRESSES: u32 = 10;

/// Which of a wallet's two branches an address is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    Receive = 0,
    Change = 1,
}

/// What happens to the wallet before the world begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Somebody pays to a receive address, in satoshi.
    Paid(usize, u64),
    /// The oldest coin of an address is spent: one part to somebody else, the rest to a change address.
    Spent { from: (Branch, usize), change: usize },
}

/// The wallet's past, spread evenly over the chain.
pub(super) const PAST: [Event; 12] = [
    Event::Paid(0, 50_000_000),
    Event::Paid(1, 25_000_000),
    Event::Paid(0, 12_500_000),
    Event::Paid(2, 100_000_000),
    Event::Spent { from: (Branch::Receive, 2), change: 0 },
    Event::Paid(3, 3_141_592),
    Event::Spent { from: (Branch::Receive, 0), change: 1 },
    Event::Paid(5, 2_718_281),
    Event::Spent { from: (Branch::Change, 0), change: 2 },
    Event::Paid(0, 1_000_000),
    // Beyond addresses that were never used, which every wallet must look across.
    Event::Paid(9, 161_803),
    Event::Paid(1, 600),
];

/// The wallet of a published test key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestWallet {
    /// Its mnemonic (BIP-39), without a passphrase.
    pub mnemonic: &'static str,
    /// Where its account is (BIP-84).
    pub path: &'static str,
    /// The account key as Electrum wants it for a wallet that only watches (SLIP-132).
    pub vpub: String,
    /// Descriptors of its receive and its change addresses (BIP-380), without checksums.
    pub descriptors: [String; 2],
    /// The first receive addresses.
    pub receive: Vec<Address>,
    /// The first change addresses.
    pub change: Vec<Address>,
    /// What it holds when the world begins, in satoshi. During the run nobody pays it and it spends nothing.
    pub balance: u64,
    /// The number of its transactions.
    pub transactions: usize,
}

/// The wallet's public keys, by branch.
pub(super) struct Keys {
    account: Xpub,
    receive: Vec<CompressedPublicKey>,
    change: Vec<CompressedPublicKey>,
}

impl Keys {
    pub(super) fn derive() -> Result<Self, bip32::Error> {
        let (secp, account) = (Secp256k1::verification_only(), Xpub::from_str(ACCOUNT)?);
        let key = |branch: Branch, index: u32| {
            let path = [ChildNumber::from_normal_idx(branch as u32)?, ChildNumber::from_normal_idx(index)?];
            account.derive_pub(&secp, &path).map(Xpub::to_pub)
        };
        let keys =
            |branch| (0..ADDRESSES).map(|index| key(branch, index)).collect::<Result<_, bip32::Error>>();
        Ok(Self { account, receive: keys(Branch::Receive)?, change: keys(Branch::Change)? })
    }

    /// The locks of its receive and its change addresses.
    pub(super) fn locks(&self) -> [Vec<Lock>; 2] {
        let lock = |key: &CompressedPublicKey| Lock { kind: Kind::P2wpkh, key: key.to_bytes() };
        [&self.receive, &self.change].map(|keys| keys.iter().map(lock).collect())
    }

    /// The wallet, with what the chain has for it.
    pub(super) fn wallet(&self, balance: u64, transactions: usize) -> TestWallet {
        let address = |key: &CompressedPublicKey| Address::p2wpkh(key, Network::Regtest);
        let mut slip132 = self.account.encode();
        slip132[..4].copy_from_slice(&VPUB);
        let descriptor = |branch| format!("wpkh([{FINGERPRINT}/84h/1h/0h]{ACCOUNT}/{}/*)", branch as u32);
        TestWallet {
            mnemonic: MNEMONIC,
            path: "m/84'/1'/0'",
            vpub: base58::encode_check(&slip132),
            descriptors: [Branch::Receive, Branch::Change].map(descriptor),
            receive: self.receive.iter().map(address).collect(),
            change: self.change.iter().map(address).collect(),
            balance,
            transactions,
        }
    }
}
