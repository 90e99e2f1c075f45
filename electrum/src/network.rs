//! The Bitcoin networks that Electrum servers serve, and what tells them apart.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Bitcoin network with Electrum servers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The network where bitcoins have a price. Scanned only by explicit wish and with a contact.
    Mainnet,
    /// Testnet 3.
    Testnet,
    /// Testnet 4 (BIP-94).
    Testnet4,
    /// The default signet (BIP-325).
    Signet,
    /// A public signet with 30-second blocks. It shares signet's genesis block.
    Mutinynet,
    /// A private chain on one's own machine.
    Regtest,
}

impl Network {
    /// Every network, in the order in which people list them.
    pub const ALL: [Self; 6] =
        [Self::Mainnet, Self::Testnet, Self::Testnet4, Self::Signet, Self::Mutinynet, Self::Regtest];

    /// The name on the command line, in archives and in metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Mutinynet => "mutinynet",
            Self::Regtest => "regtest",
        }
    }

    /// The hash of block 0, as servers state it in `server.features` (big-endian hex).
    #[must_use]
    pub fn genesis_hash(self) -> &'static str {
        match self {
            Self::Mainnet => "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
            Self::Testnet => "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
            Self::Testnet4 => "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
            Self::Signet | Self::Mutinynet => {
                "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"
            }
            Self::Regtest => "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        }
    }

    /// The ports a bare `t` and `s` stand for in a server list (Electrum's constants.py).
    #[must_use]
    pub fn default_ports(self) -> DefaultPorts {
        match self {
            Self::Mainnet => DefaultPorts { tcp: 50001, tls: 50002 },
            _ => DefaultPorts { tcp: 51001, tls: 51002 },
        }
    }
}

/// The ports a server listens on when its entry names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultPorts {
    /// Port of the plain TCP service.
    pub tcp: u16,
    /// Port of the TLS service.
    pub tls: u16,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no network we know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown network {0:?}: use mainnet, testnet, testnet4, signet, mutinynet or regtest")]
pub struct UnknownNetwork(String);

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "testnet3" => Ok(Self::Testnet),
            _ => Self::ALL
                .into_iter()
                .find(|n| n.name() == text)
                .ok_or_else(|| UnknownNetwork(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_hashes_are_those_of_the_bitcoin_crate() {
        for (ours, theirs) in [
            (Network::Mainnet, bitcoin::Network::Bitcoin),
            (Network::Testnet, bitcoin::Network::Testnet),
            (Network::Testnet4, bitcoin::Network::Testnet4),
            (Network::Signet, bitcoin::Network::Signet),
            (Network::Regtest, bitcoin::Network::Regtest),
        ] {
            let block = bitcoin::constants::genesis_block(theirs);
            assert_eq!(block.block_hash().to_string(), ours.genesis_hash(), "{ours}");
        }
    }

    #[test]
    fn every_name_parses_back() {
        for network in Network::ALL {
            assert_eq!(network.name().parse(), Ok(network));
        }
        assert_eq!("testnet3".parse(), Ok(Network::Testnet));
        assert!("bitcoin".parse::<Network>().is_err());
    }
}
