//! The crates that wallets in Rust are built on.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bdk_electrum::BdkElectrumClient;
use bdk_wallet::Wallet;
use bitcoin::{Network, ScriptBuf};
use electrum_client::{Client, ConfigBuilder, ElectrumApi as _};
use simulator::chain::Chain;

use crate::network::Place;

const PATIENCE: Duration = Duration::from_secs(20);
/// Unused addresses in a row after which a wallet looks no further.
const GAP: usize = 20;
/// Scripts that are asked about in one write.
const BATCH: usize = 10;

fn connect(place: &Place) -> anyhow::Result<Client> {
    let scheme = if place.tls { "ssl" } else { "tcp" };
    // The certificates are self-signed, as those of most servers are.
    let config = ConfigBuilder::new().timeout(Some(PATIENCE)).retry(0).validate_domain(false).build();
    Ok(Client::from_config(&format!("{scheme}://{}", place.address), config)?)
}

/// All that the crate has a method for and that a wallet needs.
pub(crate) fn electrum_client(chain: &Chain, place: &Place) -> anyhow::Result<()> {
    let client = connect(place)?;
    let wallet = chain.test_wallet();
    let tip = client.block_headers_subscribe()?;
    ensure!(tip.height >= usize::try_from(chain.plan().blocks)?, "a tip at {}", tip.height);
    let headers = client.block_headers(tip.height - 9, 10)?;
    ensure!(headers.headers.last() == Some(&tip.header), "the tip is not the last header");
    let scripts: Vec<ScriptBuf> =
        wallet.receive.iter().chain(&wallet.change).map(bitcoin::Address::script_pubkey).collect();
    let balances = client.batch_script_get_balance(scripts.iter().map(ScriptBuf::as_script))?;
    let balance: u64 = balances.iter().map(|balance| balance.confirmed).sum();
    ensure!(balance == wallet.balance, "{balance} instead of {}", wallet.balance);
    let histories = client.batch_script_get_history(scripts.iter().map(ScriptBuf::as_script))?;
    let mut places: Vec<_> = histories.iter().flatten().map(|item| (item.height, item.tx_hash)).collect();
    places.sort_unstable();
    places.dedup();
    ensure!(
        places.len() == wallet.transactions,
        "{} transactions instead of {}",
        places.len(),
        wallet.transactions
    );
    for (height, txid) in places {
        ensure!(client.transaction_get(&txid)?.compute_txid() == txid, "another transaction than {txid}");
        let height = usize::try_from(height)?;
        let proof = client.transaction_get_merkle(&txid, height)?;
        let root = client.block_header(height)?.merkle_root;
        ensure!(electrum_client::utils::validate_merkle_proof(&txid, &root, &proof), "no proof of {txid}");
    }
    client.ping().context("a ping")
}

/// A wallet's first full scan.
pub(crate) fn bdk(chain: &Chain, place: &Place) -> anyhow::Result<()> {
    let expected = chain.test_wallet();
    let [receive, change] = expected.descriptors.clone();
    let mut wallet = Wallet::create(receive, change).network(Network::Regtest).create_wallet_no_persist()?;
    let client = BdkElectrumClient::new(connect(place)?);
    let update = client.full_scan(wallet.start_full_scan(), GAP, BATCH, true)?;
    wallet.apply_update(update)?;
    let balance = wallet.balance();
    ensure!(balance.confirmed.to_sat() == expected.balance, "{balance:?} instead of {}", expected.balance);
    ensure!(balance.total() == balance.confirmed, "not all is confirmed: {balance:?}");
    let transactions = wallet.transactions().count();
    ensure!(transactions == expected.transactions, "{transactions} instead of {}", expected.transactions);
    Ok(())
}
