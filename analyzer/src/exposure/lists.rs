//! The servers that Sparrow and BlueWallet carry, as `analyzer/data/wallets.toml` has them. Electrum's own are given by
//! the caller, who begins scans with them.

use std::collections::BTreeMap;

use electrum::{Host, Network};
use serde::Deserialize;

use super::Client;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    wallet: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client: Client,
    network: Network,
    /// The first is the one that BlueWallet begins with.
    hosts: Vec<String>,
    /// Where it was read; for people.
    #[serde(rename = "source")]
    _source: String,
}

/// The hosts that clients carry for a network.
pub(super) fn lists(network: Network) -> BTreeMap<Client, Vec<Host>> {
    // A test holds that the file can be read.
    let file: File =
        toml::from_str(include_str!("../../data/wallets.toml")).unwrap_or(File { wallet: Vec::new() });
    let of_network = file.wallet.into_iter().filter(|entry| entry.network == network);
    let read = |hosts: Vec<String>| hosts.iter().filter_map(|host| host.parse().ok()).collect();
    of_network.map(|entry| (entry.client, read(entry.hosts))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read_whole() {
        let lists = lists(Network::Mainnet);
        assert_eq!(lists[&Client::Sparrow].len(), 8);
        assert_eq!(lists[&Client::BlueWallet].len(), 4);
        assert_eq!(lists[&Client::BlueWallet][0].to_string(), "electrum1.bluewallet.io");
    }
}
