//! The generated chain is one that full nodes would take, scripts apart, and what is looked up in it adds up.

use std::{collections::HashMap, str::FromStr as _};

use bitcoin::{
    Amount, Network, OutPoint, ScriptBuf,
    bip32::{DerivationPath, Xpriv},
    script::Builder,
    secp256k1::Secp256k1,
};
use electrum::proof::{self, Branch, ScriptHash, merkle};
use proptest::prelude::*;
use simulator::{
    SimTime,
    chain::{Chain, ChainPlan, ForkPlan, Genesis, Kind, PlanError},
    node::View,
};

use crate::support::{block, end, generate, headers, node, on_forks, scripts, seconds, small, txids, usual};

/// A hash as servers write it.
fn text(hash: &[u8; 32]) -> String {
    hash.iter().rev().map(|byte| format!("{byte:02x}")).collect()
}

fn branch(hashes: &[[u8; 32]]) -> Branch {
    Branch::parse(&hashes.iter().map(text).collect::<Vec<_>>()).expect("a branch")
}

/// Holds the rules of consensus against every block of a view, but for scripts.
fn validate(view: &View) {
    let mut coins: HashMap<OutPoint, (u64, bool, u32)> = HashMap::new();
    for height in 1..=view.height() {
        let block = block(view, height);
        assert!(block.check_merkle_root(), "merkle root at {height}");
        assert!(block.check_witness_commitment(), "witness commitment at {height}");
        // The bitcoin crate does not read the short form in which full nodes want heights up to 16 (BIP-34).
        let stated = Builder::new().push_int(height.into()).into_script();
        assert!(block.txdata[0].input[0].script_sig.as_bytes().starts_with(stated.as_bytes()), "{height}");
        assert!(block.weight().to_wu() <= 4_000_000);
        let mut fees = 0;
        for (position, transaction) in block.txdata.iter().enumerate() {
            let mut funds = 0;
            for input in transaction.input.iter().filter(|_| position > 0) {
                let (value, is_coinbase, made) =
                    coins.remove(&input.previous_output).expect("a coin that is there and unspent");
                assert!(!is_coinbase || height - made >= 100, "coinbases mature");
                funds += value;
            }
            let paid: u64 = transaction.output.iter().map(|output| output.value.to_sat()).sum();
            if position > 0 {
                fees += funds.checked_sub(paid).expect("a fee");
                assert!(funds - paid >= transaction.vsize() as u64, "at least one satoshi a byte");
            }
            assert!(proof::txid_of(&bitcoin::consensus::encode::serialize_hex(transaction), 400_000).is_ok());
            for (vout, output) in (0..).zip(&transaction.output) {
                let outpoint = OutPoint { txid: transaction.compute_txid(), vout };
                coins.insert(outpoint, (output.value.to_sat(), position == 0, height));
            }
        }
        let reward: u64 = block.txdata[0].output.iter().map(|output| output.value.to_sat()).sum();
        let subsidy = (50 * Amount::ONE_BTC.to_sat()) >> (height / 150);
        assert_eq!(reward, subsidy + fees, "reward at {height}");
    }
}

/// History, balance and coins of a script agree, and every line of the history is proved.
fn agrees(view: &View, script: &ScriptHash) {
    let history = view.history(script);
    let places: Vec<(u32, u32)> = history
        .iter()
        .map(|item| {
            let height = view.confirmed_height(&item.txid).expect("a confirmed transaction");
            assert_eq!(i64::from(height), item.height);
            (height, view.position_of(&item.txid, height).expect("a position"))
        })
        .collect();
    assert!(places.windows(2).all(|two| two[0] < two[1]), "history of {script} is not sorted");
    let coins: Vec<proof::Utxo> = view
        .unspent(script)
        .iter()
        .map(|coin| {
            let outpoint = OutPoint { txid: coin.txid, vout: coin.vout };
            let transaction = view.transaction(&coin.txid).expect("the coin's transaction");
            let value = proof::tx::value_of(&transaction, coin.vout).expect("an output");
            assert_eq!(value.to_sat(), coin.value);
            assert_eq!(proof::tx::script_hash_of(&transaction, coin.vout).as_ref(), Ok(script));
            assert_eq!(view.confirmed_height(&coin.txid).unwrap_or(0), coin.height);
            proof::Utxo { outpoint, value }
        })
        .collect();
    let (confirmed, unconfirmed) = view.balance(script);
    let sum = proof::balance(&coins).expect("coins listed once").to_sat();
    assert_eq!(confirmed.checked_add_signed(unconfirmed), Some(sum), "balance of {script}");
}

#[test]
fn the_usual_chain_is_valid_from_its_first_block_to_its_last() {
    let chain = usual();
    let view = node(&chain, 0).view(end(&chain));
    assert_eq!(view.height(), chain.last());
    let run = proof::chain(&headers(&view), 0, electrum::Network::Regtest).expect("linked and worked for");
    assert_eq!(run.tip_height, u64::from(chain.last()));
    validate(&view);
}

#[test]
fn the_usual_chain_has_seen_some_traffic() {
    let chain = usual();
    let view = node(&chain, 0).view(SimTime::START);
    let transactions: usize = (0..=view.height()).map(|height| txids(&view, height).len()).sum();
    assert!((9_000..15_000).contains(&transactions), "{transactions}");
    let times: Vec<u32> = headers(&view).iter().map(|header| header.time).collect();
    assert!(times[1..].windows(2).all(|two| two[1] - two[0] == 600));
    assert_eq!(times.last(), Some(&chain.plan().start));
}

#[test]
fn every_type_of_script_has_a_history_of_every_length() {
    let chain = usual();
    for moment in [SimTime::START, end(&chain)] {
        let view = node(&chain, 0).view(moment);
        for kind in Kind::ALL {
            for history in [0, 1, 2, 3, 10, 100, 600, 1_000] {
                let mut known = chain.scripts().iter();
                let known = known.find(|known| (known.kind, known.history) == (kind, history));
                let known = known.expect("such a script");
                assert!(is(kind, &known.script));
                let script = ScriptHash::of(&known.script);
                assert_eq!(view.history(&script).len(), history, "{kind:?}");
                agrees(&view, &script);
            }
        }
    }
}

fn is(kind: Kind, script: &ScriptBuf) -> bool {
    match kind {
        Kind::P2pk => script.is_p2pk(),
        Kind::Multisig => script.is_multisig(),
        Kind::P2pkh => script.is_p2pkh(),
        Kind::P2sh => script.is_p2sh(),
        Kind::P2wpkh => script.is_p2wpkh(),
        Kind::P2wsh => script.is_p2wsh(),
        Kind::P2tr => script.is_p2tr(),
    }
}

#[test]
fn the_test_wallet_is_that_of_its_mnemonic_and_holds_what_it_says() {
    let chain = usual();
    let wallet = chain.test_wallet();
    // BIP-39's seed of the mnemonic without a passphrase.
    let seed = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
                9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";
    let seed: Vec<u8> =
        (0..64).map(|byte| u8::from_str_radix(&seed[2 * byte..2 * byte + 2], 16).expect("hex")).collect();
    let secp = Secp256k1::new();
    let master = Xpriv::new_master(Network::Regtest, &seed).expect("a key");
    for (branch, addresses) in [&wallet.receive, &wallet.change].into_iter().enumerate() {
        for (index, address) in addresses.iter().enumerate() {
            let path =
                DerivationPath::from_str(&format!("{}/{branch}/{index}", wallet.path)).expect("a path");
            let key = master.derive_priv(&secp, &path).expect("a key").to_priv().public_key(&secp);
            assert_eq!(
                ScriptBuf::new_p2wpkh(&key.wpubkey_hash().expect("compressed")),
                address.script_pubkey()
            );
        }
    }
    assert_eq!(master.fingerprint(&secp).to_string(), "73c5da0a");
    assert!(wallet.descriptors[1].starts_with("wpkh([73c5da0a/84h/1h/0h]tpubDC"));
    assert!(wallet.vpub.starts_with("vpub5"));

    for moment in [SimTime::START, seconds(40_000), end(&chain)] {
        let view = node(&chain, 3).view(moment);
        let addresses = wallet.receive.iter().chain(&wallet.change);
        let scripts: Vec<ScriptHash> =
            addresses.map(|address| ScriptHash::of(&address.script_pubkey())).collect();
        scripts.iter().for_each(|script| agrees(&view, script));
        let balance: u64 = scripts.iter().map(|script| view.balance(script).0).sum();
        assert_eq!(balance, wallet.balance);
        let mut transactions: Vec<_> = scripts.iter().flat_map(|script| view.history(script)).collect();
        transactions.sort_by_key(|item| item.txid);
        transactions.dedup();
        assert_eq!(transactions.len(), wallet.transactions);
        assert_eq!(view.history(&scripts[0]).len(), 4);
        assert!(view.history(&scripts[4]).is_empty());
    }
    assert_eq!(wallet.transactions, 12);
    assert!(wallet.balance > 100_000_000, "{}", wallet.balance);
}

#[test]
fn a_chain_of_its_own_has_nothing_in_common_with_regtest() {
    let own = generate(&ChainPlan { genesis: Genesis::Own, ..small(1) });
    let regtest = generate(&small(1));
    assert_eq!(regtest.genesis_hash(), electrum::Network::Regtest.genesis_hash());
    assert_ne!(own.genesis_hash(), regtest.genesis_hash());
    let (one, other) = (node(&own, 0).view(SimTime::START), node(&regtest, 0).view(SimTime::START));
    let hashes =
        |view: &View| headers(view).iter().map(bitcoin::block::Header::block_hash).collect::<Vec<_>>();
    assert!(hashes(&one).iter().zip(hashes(&other)).all(|(one, other)| *one != other));
    proof::chain(&headers(&one)[1..], 1, electrum::Network::Regtest).expect("linked and worked for");
    validate(&one);
}

#[test]
fn a_seed_means_the_same_chain_tomorrow() {
    let chain = generate(&small(1));
    let view = node(&chain, 0).view(end(&chain));
    let tip = crate::support::header(&view, view.height()).block_hash();
    assert_eq!(tip.to_string(), "1583bffa5dafde006105b779f14319e5ba696527bb20040ef7574310932c44a9");
}

#[test]
fn plans_that_cannot_be_are_refused() {
    let refused = |plan: &ChainPlan| Chain::generate(plan).err();
    assert_eq!(refused(&ChainPlan { blocks: 101, ..small(1) }), Some(PlanError::TooShort));
    for fork in [(0, 0), (18, 2), (u32::MAX, 1), (4, 1)] {
        let fork = ForkPlan { after: fork.0, depth: fork.1 };
        let forks = vec![ForkPlan { after: 3, depth: 1 }, fork];
        assert_eq!(refused(&ChainPlan { forks, ..small(1) }), Some(PlanError::Fork(fork)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn one_seed_makes_one_chain(seed: u64) {
        let [one, other] = [generate(&small(seed)), generate(&small(seed))];
        let different = generate(&small(seed.wrapping_add(1)));
        let read = |chain: &std::sync::Arc<Chain>| {
            let view = node(chain, 1).view(end(chain));
            let blocks: Vec<_> = (1..=view.height()).map(|height| block(&view, height)).collect();
            blocks.iter().flat_map(bitcoin::consensus::serialize).collect::<Vec<u8>>()
        };
        prop_assert_eq!(read(&one), read(&other));
        prop_assert_ne!(read(&one), read(&different));
    }

    #[test]
    fn whatever_the_moment_what_a_node_knows_adds_up(seed: u64, at in 0_u64..15_000, on_fork: bool) {
        let chain = generate(&small(seed));
        let view = on_forks(&chain, if on_fork { 1.0 } else { 0.0 }).view(seconds(at));
        proof::chain(&headers(&view), 0, electrum::Network::Regtest).expect("linked and worked for");
        validate(&view);
        scripts(&view).iter().for_each(|script| agrees(&view, script));
        for height in 0..=view.height() {
            let root = crate::support::header(&view, height).merkle_root;
            for (position, txid) in (0_u32..).zip(txids(&view, height)) {
                let branch = branch(&view.merkle(height, position).expect("a branch"));
                prop_assert!(merkle::verify(txid, position.into(), &branch, root).is_ok());
            }
        }
    }

    #[test]
    fn every_header_is_under_every_checkpoint(seed: u64, at in 0_u64..15_000, on_fork: bool) {
        let chain = generate(&small(seed));
        let view = on_forks(&chain, if on_fork { 1.0 } else { 0.0 }).view(seconds(at));
        let headers = headers(&view);
        for checkpoint in (0..=view.height()).rev().take(8).chain([0, 1, 2, 63, 64, 100]) {
            for height in (0..=checkpoint).step_by(7).chain([checkpoint]) {
                let (hashes, root) = view.header_proof(height, checkpoint).expect("a proof");
                let hash = headers[height as usize].block_hash();
                let root = merkle::parse_hash(&text(&root)).expect("a root");
                merkle::verify_checkpoint(hash, height.into(), checkpoint.into(), &branch(&hashes), root)
                    .expect("under the checkpoint");
            }
        }
        prop_assert_eq!(view.header_proof(3, 2), None);
        prop_assert_eq!(view.header_proof(0, view.height() + 1), None);
    }
}
