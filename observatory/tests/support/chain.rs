//! A small regtest chain of true headers: linked, and each with its proof of work.

use bitcoin::{
    BlockHash, Network, TxMerkleNode,
    block::{Header, Version},
    consensus::encode::serialize_hex,
    constants::genesis_block,
    hashes::Hash as _,
};

/// When block 1 was found. Fixed, so that every run serves the same chain.
const FIRST_BLOCK_TIME: u32 = 1_760_000_000;

/// Headers from regtest's genesis block to a tip. There are no transactions behind them.
pub(crate) struct Chain {
    headers: Vec<Header>,
}

impl Chain {
    /// Finds `blocks` blocks on top of genesis. Regtest's target takes two tries a block.
    pub(crate) fn mine(blocks: u32) -> Self {
        let genesis = genesis_block(Network::Regtest).header;
        let mut headers = vec![genesis];
        let mut previous = genesis;
        for height in 1..=blocks {
            let mut header = Header {
                version: Version::from_consensus(0x3000_0000),
                prev_blockhash: previous.block_hash(),
                merkle_root: TxMerkleNode::hash(&height.to_le_bytes()),
                time: FIRST_BLOCK_TIME + 600 * height,
                bits: genesis.bits,
                nonce: 0,
            };
            while header.validate_pow(header.target()).is_err() {
                header.nonce += 1;
            }
            headers.push(header);
            previous = header;
        }
        Self { headers }
    }

    /// The height of the last block.
    pub(crate) fn height(&self) -> usize {
        self.headers.len() - 1
    }

    /// The hash of the last block.
    pub(crate) fn tip(&self) -> BlockHash {
        self.headers[self.height()].block_hash()
    }

    /// The 80 bytes of a header in hex.
    pub(crate) fn header(&self, height: usize) -> Option<String> {
        self.headers.get(height).map(serialize_hex)
    }
}
