//! Script hashes: the names under which Electrum servers keep histories and balances.
//!
//! The protocol knows no addresses (they left it with version 1.3): a question about an address is
//! a question about the SHA-256 of the script it stands for.

use std::{borrow::Cow, fmt, str::FromStr};

use bitcoin::{Address, Script, address::NetworkUnchecked};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use super::{exact_hex, parameters_of};
use crate::Network;

/// BIP-173's limit, the longest of all address forms.
const LONGEST_ADDRESS: usize = 90;

/// The SHA-256 of an output script, kept in the order in which SHA-256 gives its bytes.
///
/// Text is what the protocol wants: the bytes reversed, in hex. It is written in lower case and read
/// in either. Where nobody reads a file, it is its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScriptHash([u8; 32]);

/// The text is not a script hash.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a script hash is 64 hex characters")]
pub struct ScriptHashError;

/// Why an address names no script of the network.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// Not an address, or its checksum fails.
    #[error("not a Bitcoin address")]
    Form,
    /// An address, but of another network.
    #[error("an address of another network, not of {0}")]
    Network(Network),
    /// A witness version that has no meaning yet: anyone may spend such an output.
    #[error("an address of a kind that has no meaning yet")]
    Kind,
}

impl ScriptHash {
    /// The script hash of an output script.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        Self(Sha256::digest(script.as_bytes()).into())
    }

    /// The script hash of an address of a network.
    ///
    /// The test networks share their prefixes, so an address of testnet passes on signet too; so
    /// does a base58 address of a test network on regtest.
    ///
    /// # Errors
    /// [`AddressError`] for a text that is no address, an address of another network or one whose
    /// kind has no meaning yet.
    pub fn of_address(text: &str, network: Network) -> Result<Self, AddressError> {
        if text.len() > LONGEST_ADDRESS {
            return Err(AddressError::Form);
        }
        let address = text
            .parse::<Address<NetworkUnchecked>>()
            .map_err(|_| AddressError::Form)?
            .require_network(parameters_of(network))
            .map_err(|_| AddressError::Network(network))?;
        if address.address_type().is_none() {
            return Err(AddressError::Kind);
        }
        Ok(Self::of(&address.script_pubkey()))
    }

    /// The bytes in the order in which SHA-256 gives them (the text shows them reversed).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for ScriptHash {
    /// Takes the bytes in the order in which SHA-256 gives them.
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for ScriptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reversed = self.0;
        reversed.reverse();
        f.pad(&HEXLOWER.encode(&reversed))
    }
}

impl fmt::Debug for ScriptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptHash({self})")
    }
}

impl FromStr for ScriptHash {
    type Err = ScriptHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = exact_hex::<32>(text).ok_or(ScriptHashError)?;
        bytes.reverse();
        Ok(Self(bytes))
    }
}

impl Serialize for ScriptHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ScriptHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom),
            false => <[u8; 32]>::deserialize(deserializer).map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;
    use proptest::prelude::*;

    use super::*;

    /// Address, output script and the script hash under which servers of a regtest chain knew it.
    const KNOWN: [(&str, &str, &str); 4] = [
        (
            "mwdbGgZnMwMX5DeVs826YrnvBiEstGU2a6",
            "76a914b0c35fe74dab722c5a07fada9bd2c856fc6a564b88ac",
            "bc4c69004a48922452ae8527e6011f8f4ffa20bc45b026ad2c62271a8eeea394",
        ),
        (
            "2Mw45Hi5Xqj5kaHJdk6gKBNTqVVqkCSXnzX",
            "a91429c4aa5faf254a2dec8e943df6401a1ba0273fa687",
            "aa00141e2771d097e4abeb26a0603b03f30baec1e34bfe9a62555ec448a6af58",
        ),
        (
            "bcrt1q6cfy47zwulu34ndx8czku6jysxwxe9lt94tdj7",
            "0014d6124af84ee7f91acda63e056e6a44819c6c97eb",
            "d6ff7a3e3900bf6a2df91e70c202b67342ea7b236bb465ea5d9b3a683ca15b7a",
        ),
        (
            "bcrt1pgw49ml853ye7xzmt0hgc7etxy49sh96uxwy9vfv0eta33r0qyn5s2lurdl",
            "512043aa5dfcf48933e30b6b7dd18f6566254b0b975c338856258fcafb188de024e9",
            "43dab8f66d312d70ee98e0137ffd3c5185612dd66ff70b93736ef6a1c09351ac",
        ),
    ];

    #[test]
    fn the_genesis_address_has_the_hash_the_protocol_documents() {
        let hash = ScriptHash::of_address("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Network::Mainnet);
        assert_eq!(
            hash.map(|h| h.to_string()).as_deref(),
            Ok("8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161")
        );
    }

    #[test]
    fn addresses_and_scripts_have_the_hashes_servers_know_them_by() {
        for (address, script, expected) in KNOWN {
            let expected: ScriptHash = expected.parse().expect("a script hash");
            assert_eq!(ScriptHash::of_address(address, Network::Regtest), Ok(expected), "{address}");
            let script = ScriptBuf::from_hex(script).expect("a script");
            assert_eq!(ScriptHash::of(&script), expected, "{address}");
        }
    }

    #[test]
    fn the_witness_script_hash_example_of_bip_173_is_an_address() {
        let text = "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3";
        let script = "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262";
        let script = ScriptBuf::from_hex(script).expect("a script");
        assert_eq!(ScriptHash::of_address(text, Network::Mainnet), Ok(ScriptHash::of(&script)));
    }

    #[test]
    fn an_address_of_another_network_is_refused() {
        let mainnet = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
        for network in Network::ALL.into_iter().filter(|n| *n != Network::Mainnet) {
            let refused = Err(AddressError::Network(network));
            assert_eq!(ScriptHash::of_address(mainnet, network), refused);
        }
        for (address, ..) in KNOWN {
            let refused = Err(AddressError::Network(Network::Mainnet));
            assert_eq!(ScriptHash::of_address(address, Network::Mainnet), refused);
        }
        let signet = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
        for network in [Network::Testnet, Network::Testnet4, Network::Signet, Network::Mutinynet] {
            assert!(ScriptHash::of_address(signet, network).is_ok(), "{network}");
        }
        assert!(ScriptHash::of_address(signet, Network::Regtest).is_err());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "x", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "bc1", "💣", &"1".repeat(10_000)] {
            assert_eq!(ScriptHash::of_address(text, Network::Mainnet), Err(AddressError::Form), "{text}");
        }
        // BIP-350's example of witness version 16.
        let future = "BC1SW50QGDZ25J";
        assert_eq!(ScriptHash::of_address(future, Network::Mainnet), Err(AddressError::Kind));
    }

    #[test]
    fn json_carries_the_text() {
        let (.., text) = KNOWN[0];
        let hash: ScriptHash = serde_json::from_str(&format!("\"{text}\"")).expect("a script hash");
        assert_eq!(serde_json::to_string(&hash).ok(), Some(format!("\"{text}\"")));
        for bad in ["\"\"", "7", "null", "[]", "\"zz\""] {
            assert!(serde_json::from_str::<ScriptHash>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_that_nobody_reads_carry_the_bytes() {
        let hash = ScriptHash::from(std::array::from_fn(|at| u8::try_from(at).expect("a byte")));
        let bytes = postcard::to_allocvec(&hash).expect("writes");
        assert_eq!(bytes, hash.as_bytes());
        assert_eq!(postcard::from_bytes(&bytes), Ok(hash));
        assert!(postcard::from_bytes::<ScriptHash>(&bytes[1..]).is_err());
    }

    proptest! {
        #[test]
        fn every_hash_survives_a_round_trip_in_either_case(bytes: [u8; 32]) {
            let hash = ScriptHash::from(bytes);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            prop_assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        }

        #[test]
        fn other_lengths_are_no_hashes(text in "[0-9a-f]{0,63}|[0-9a-f]{65,130}") {
            prop_assert_eq!(text.parse::<ScriptHash>(), Err(ScriptHashError));
        }

        #[test]
        fn garbage_never_panics(text in "\\PC{0,100}|bc1[a-z0-9]{0,90}|[13][1-9A-Za-z]{20,40}") {
            let _ = text.parse::<ScriptHash>();
            for network in Network::ALL {
                let _ = ScriptHash::of_address(&text, network);
            }
        }
    }
}
