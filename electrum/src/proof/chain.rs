//! Runs of headers: that they follow each other and that somebody worked for them.
//!
//! Such a proof says what the run cost to make and no more. Difficulty-1 headers cost next to
//! nothing even on mainnet and a signet header carries no signature, so whether a run is *the*
//! chain shows only when its tip and its work are compared with those of others.

use bitcoin::{BlockHash, Target, Work, block::Header, params::Params};

use super::{difficulty::Schedule, parameters_of};
use crate::Network;

/// A run of headers that holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The block the first header builds on, for the caller to compare with what it knows.
    pub parent: BlockHash,
    /// The height of the last header.
    pub tip_height: u64,
    /// The hash of the last header.
    pub tip: BlockHash,
    /// The expected number of hashes it took to make all the headers of the run.
    pub work: Work,
}

/// The first header of a run that cannot be where it is said to be.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("header at height {height}: {fault}")]
pub struct ChainError {
    /// Its height.
    pub height: u64,
    /// What is wrong with it.
    pub fault: ChainFault,
}

/// What is wrong with a header. Targets are in the compact form of the header, `nBits`.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChainFault {
    /// There is none: servers answer with no headers beyond their tip.
    #[error("there is none")]
    Missing,
    /// At height 0, another block than the network's first.
    #[error("{0} is not the network's first block")]
    Genesis(BlockHash),
    /// It builds on another block than the header before it.
    #[error("builds on {stated}, not on {before}")]
    Link {
        /// The block it builds on.
        stated: BlockHash,
        /// The hash of the header before it.
        before: BlockHash,
    },
    /// The bits are negative, overflow, or are not the one form that consensus produces.
    #[error("{0:#010x} is no target")]
    Bits(u32),
    /// The target is easier than the network ever allows.
    #[error("target {0:#010x} is easier than the network allows")]
    TooEasy(u32),
    /// The hash does not meet the header's own target: nobody worked for it.
    #[error("hash {0} does not meet the header's own target")]
    Unworked(BlockHash),
    /// The target is not the one that follows from the headers before it.
    #[error("target {stated:#010x} where {expected:#010x} is due")]
    Difficulty {
        /// The target in the header.
        stated: u32,
        /// The target that is due.
        expected: u32,
    },
    /// The difficulty moved by more than one adjustment can move it.
    #[error("target {stated:#010x} is not between {hardest:#010x} and {easiest:#010x}")]
    Adjustment {
        /// The target in the header.
        stated: u32,
        /// The hardest target that may follow.
        hardest: u32,
        /// The easiest target that may follow.
        easiest: u32,
    },
}

/// Proves that headers starting at a height link to each other, that each meets its own target,
/// that no target is easier than the network allows, and that the difficulty moves as the network's
/// rule has it.
///
/// The rule is applied as far as the run itself tells. On mainnet and signet a target stays for
/// 2016 blocks; the next one is computed where the run holds the whole period, and bounded by the
/// factor of four where it does not. On the testnets the exception for late blocks is known. On
/// Mutinynet, whose rule is a private patch, it is not applied. Timestamps and versions are not
/// judged.
///
/// # Errors
/// [`ChainError`] with the height of the first header that fails. For an empty run that is
/// `first_height` itself.
pub fn chain(headers: &[Header], first_height: u64, network: Network) -> Result<Chain, ChainError> {
    let missing = || ChainError { height: first_height, fault: ChainFault::Missing };
    let parent = headers.first().ok_or_else(missing)?.prev_blockhash;
    let limit = Params::new(parameters_of(network)).max_attainable_target;
    let mut schedule = Schedule::new(network);
    let mut walked: Option<Chain> = None;
    for (index, header) in headers.iter().enumerate() {
        let height = first_height.saturating_add(index as u64);
        let failed = |fault| ChainError { height, fault };
        if let Some(before) = walked.map(|chain| chain.tip).filter(|tip| *tip != header.prev_blockhash) {
            return Err(failed(ChainFault::Link { stated: header.prev_blockhash, before }));
        }
        let hash = header.block_hash();
        worked_for(header, hash, limit).map_err(failed)?;
        if height == 0 && hash.to_string() != network.genesis_hash() {
            return Err(failed(ChainFault::Genesis(hash)));
        }
        schedule.judge(&headers[..=index], height).map_err(failed)?;
        // The sum cannot overflow: every term was paid for in hashes by somebody.
        let work = walked.map_or(header.work(), |chain| chain.work + header.work());
        walked = Some(Chain { parent, tip_height: height, tip: hash, work });
    }
    walked.ok_or_else(missing)
}

fn worked_for(header: &Header, hash: BlockHash, limit: Target) -> Result<(), ChainFault> {
    let target = header.target();
    // The bitcoin crate shifts modulo 256, so that 3d00ffff reads as the harmless 1d00ffff. Full
    // nodes call that an overflow; the way back to the compact form gives it away.
    if target == Target::ZERO || target.to_compact_lossy() != header.bits {
        return Err(ChainFault::Bits(header.bits.to_consensus()));
    }
    if target > limit {
        return Err(ChainFault::TooEasy(header.bits.to_consensus()));
    }
    if !target.is_met_by(hash) {
        return Err(ChainFault::Unworked(hash));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitcoin::{CompactTarget, TxMerkleNode, block::Version, constants::genesis_block, hashes::Hash as _};
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::proof::header::{
        self,
        tests::{MAINNET, REGTEST},
    };

    fn run(texts: &[&str]) -> Vec<Header> {
        texts.iter().map(|hex| header::decode(hex).expect("a header")).collect()
    }

    /// Works for a header on regtest, where every second nonce does.
    fn mine(parent: BlockHash, root: [u8; 32]) -> Header {
        let merkle_root = TxMerkleNode::from_byte_array(root);
        let bits = CompactTarget::from_consensus(0x207f_ffff);
        (0..)
            .map(|nonce| Header {
                version: Version::TWO,
                prev_blockhash: parent,
                merkle_root,
                time: 7,
                bits,
                nonce,
            })
            .find(|header| header.target().is_met_by(header.block_hash()))
            .expect("a nonce")
    }

    fn mine_run(roots: &[[u8; 32]]) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::new();
        for root in roots {
            let parent = headers.last().map_or(BlockHash::all_zeros(), Header::block_hash);
            headers.push(mine(parent, *root));
        }
        headers
    }

    fn fault(headers: &[Header], first: u64, network: Network) -> (u64, ChainFault) {
        match chain(headers, first, network) {
            Ok(chain) => panic!("{chain:?}"),
            Err(error) => (error.height, error.fault),
        }
    }

    #[test]
    fn the_first_blocks_of_mainnet_hold_together() {
        let proven = chain(&run(&MAINNET), 0, Network::Mainnet).expect("a chain");
        assert_eq!(proven.tip_height, 3);
        assert_eq!(
            proven.tip.to_string(),
            "0000000082b5015589a3fdf2d4baff403e6f0be035a5d9742c1cae6295464449"
        );
        assert_eq!(proven.parent, BlockHash::all_zeros());
        // Bitcoin Core's chainwork at height 3.
        let mut work = [0; 32];
        work[24..].copy_from_slice(&0x4_0004_0004_u64.to_be_bytes());
        assert_eq!(proven.work, Work::from_be_bytes(work));
    }

    #[test]
    fn every_network_starts_with_its_own_first_block() {
        for network in Network::ALL {
            let genesis = genesis_block(parameters_of(network)).header;
            assert_eq!(chain(&[genesis], 0, network).map(|c| c.tip), Ok(genesis.block_hash()));
        }
        let genesis = genesis_block(bitcoin::Network::Testnet).header;
        let refused = (0, ChainFault::Genesis(genesis.block_hash()));
        assert_eq!(fault(&[genesis], 0, Network::Mainnet), refused);
        assert_eq!(fault(&run(&MAINNET[1..]), 0, Network::Mainnet).0, 0);
    }

    #[test]
    fn headers_as_servers_sent_them_hold_together() {
        let headers = run(&REGTEST);
        let proven = chain(&headers, 0, Network::Regtest).expect("a chain");
        assert_eq!((proven.tip_height, proven.tip), (2, headers[2].block_hash()));
        let tail = chain(&headers[1..], 1, Network::Regtest).expect("a chain");
        assert_eq!((tail.parent, tail.tip), (headers[0].block_hash(), proven.tip));
    }

    #[test]
    fn a_gap_is_found_where_it_is() {
        let mut headers = run(&MAINNET);
        headers.remove(2);
        let (height, fault) = fault(&headers, 0, Network::Mainnet);
        assert_eq!(height, 2);
        assert!(matches!(fault, ChainFault::Link { before, .. } if before == headers[1].block_hash()));
    }

    #[test]
    fn an_empty_run_proves_nothing() {
        assert_eq!(fault(&[], 9, Network::Mainnet), (9, ChainFault::Missing));
    }

    #[test]
    fn work_is_not_taken_on_trust() {
        let mut headers = run(&MAINNET[1..2]);
        headers[0].nonce ^= 1;
        let hash = headers[0].block_hash();
        assert_eq!(fault(&headers, 1, Network::Mainnet), (1, ChainFault::Unworked(hash)));
        let easy = fault(&run(&REGTEST[1..]), 1, Network::Mainnet);
        assert_eq!(easy, (1, ChainFault::TooEasy(0x207f_ffff)));
    }

    #[test]
    fn targets_that_full_nodes_refuse_are_refused() {
        let mut headers = run(&MAINNET[1..2]);
        for bits in [
            0x3d00_ffff,
            0x0000_0000,
            0x1d80_ffff,
            0x1e00_00ff,
            0x1d00_0000,
            0x0100_0000,
            0xff7f_ffff,
            0x2301_0000,
            u32::MAX,
        ] {
            headers[0].bits = CompactTarget::from_consensus(bits);
            assert_eq!(fault(&headers, 1, Network::Mainnet), (1, ChainFault::Bits(bits)), "{bits:x}");
            assert_eq!(fault(&headers, 1, Network::Regtest), (1, ChainFault::Bits(bits)), "{bits:x}");
        }
    }

    #[test]
    fn the_difficulty_rule_is_applied() {
        let headers = mine_run(&[[1; 32], [2; 32]]);
        let mut harder = headers[1];
        harder.bits = CompactTarget::from_consensus(0x207f_fffe);
        while !harder.target().is_met_by(harder.block_hash()) {
            harder.nonce += 1;
        }
        let refused = ChainFault::Difficulty { stated: 0x207f_fffe, expected: 0x207f_ffff };
        assert_eq!(fault(&[headers[0], harder], 5, Network::Regtest), (6, refused));
    }

    proptest! {
        #[test]
        fn a_run_somebody_worked_for_holds_and_a_spoilt_one_does_not(
            roots in vec(any::<[u8; 32]>(), 2..12), at: prop::sample::Index, bit in 0_usize..640,
        ) {
            let headers = mine_run(&roots);
            let tip = chain(&headers, 50, Network::Regtest).map(|chain| (chain.tip, chain.tip_height));
            prop_assert_eq!(tip, Ok((headers[headers.len() - 1].block_hash(), 49 + headers.len() as u64)));

            // The last header stands for itself: half of its variants are as good on regtest.
            let at = at.index(headers.len() - 1);
            let mut bytes = bitcoin::consensus::serialize(&headers[at]);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut spoilt = headers;
            spoilt[at] = bitcoin::consensus::deserialize(&bytes).expect("a header");
            prop_assert!(chain(&spoilt, 50, Network::Regtest).is_err());
        }

        #[test]
        fn garbage_never_panics(bytes in vec(any::<[u8; 32]>(), 0..6), bits: u32, time: u32, first: u64) {
            let mut headers = mine_run(&bytes);
            if let Some(header) = headers.last_mut() {
                header.bits = CompactTarget::from_consensus(bits);
                header.time = time;
            }
            for network in Network::ALL {
                let _ = chain(&headers, first, network);
            }
        }
    }
}
