//! Merkle branches: that a transaction is in a block, and that a header is under a checkpoint.
//!
//! Both trees pair neighbours by double SHA-256 and, where a level has an odd number of nodes, pair
//! its last node with itself. That last habit and the missing mark between leaves and inner nodes
//! make the bare computation forgeable in two known ways, which are refused here.

use bitcoin::{
    BlockHash, TxMerkleNode, Txid,
    hashes::{Hash as _, sha256d},
};

use super::{
    exact_hex,
    tx::{AMBIGUOUS_SIZE, is_transaction},
};

/// The longest branch looked at. A block of 4,000,000 bytes has fewer than 2¹⁷ transactions.
pub const MAX_DEPTH: usize = 32;

/// Why a branch does not prove what it is said to prove.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MerkleError {
    /// The branch is longer than [`MAX_DEPTH`].
    #[error("a branch of {0} hashes, more than any block needs")]
    TooDeep(usize),
    /// An entry of the branch is not 64 hex characters.
    #[error("entry {level} of the branch is not a hash of 64 hex characters")]
    Entry {
        /// Its place, counted from the leaves.
        level: usize,
    },
    /// The position is outside a tree of this depth.
    #[error("position {position} is outside a tree of depth {depth}")]
    Position {
        /// The position of the leaf.
        position: u64,
        /// The length of the branch.
        depth: usize,
    },
    /// A left neighbour equals its right one. Trees double their last node to the right only, so
    /// the position is that of the copy and not of a leaf (see CVE-2012-2459).
    #[error("the node at level {level} is the copy that fills an odd row, not a node of its own")]
    Copy {
        /// The level, counted from the leaves.
        level: usize,
    },
    /// The two hashes below a node are the bytes of a transaction: the branch goes on below a real
    /// leaf, to a transaction that was never mined (CVE-2017-12842).
    #[error("the inner node at level {level} is a transaction in disguise")]
    Disguised {
        /// The level of the two hashes, counted from the leaves.
        level: usize,
    },
    /// The branch ends at another root.
    #[error("the branch leads to {computed}, not to {stated}")]
    Root {
        /// Where it leads.
        computed: sha256d::Hash,
        /// Where it should.
        stated: sha256d::Hash,
    },
    /// The header is above the checkpoint.
    #[error("height {height} is above the checkpoint at {checkpoint}")]
    AboveCheckpoint {
        /// The height of the header.
        height: u64,
        /// The height of the last header under the checkpoint.
        checkpoint: u64,
    },
    /// The tree under the checkpoint has another depth.
    #[error("a branch of {depth} hashes in a tree of depth {expected}")]
    Depth {
        /// The length of the branch.
        depth: usize,
        /// The depth of a tree over all headers up to the checkpoint.
        expected: usize,
    },
}

/// The hashes beside the path from a leaf to the root, the leaf's own neighbour first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch(Vec<sha256d::Hash>);

impl Branch {
    /// Reads the `merkle` or `branch` member of an answer: hashes as reversed hex in either case.
    ///
    /// # Errors
    /// [`MerkleError::TooDeep`] and [`MerkleError::Entry`].
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, MerkleError> {
        if entries.len() > MAX_DEPTH {
            return Err(MerkleError::TooDeep(entries.len()));
        }
        let hash =
            |(level, entry): (usize, &S)| parse_hash(entry.as_ref()).ok_or(MerkleError::Entry { level });
        entries.iter().enumerate().map(hash).collect::<Result<_, _>>().map(Self)
    }

    /// The number of hashes, which is the depth of the tree.
    ///
    /// All transactions of a block are at one depth. Two proven branches of different depth for
    /// one block are a forgery, whatever else they say.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Climbs from a leaf to the root.
    fn climb(
        &self,
        leaf: sha256d::Hash,
        position: u64,
        sound: impl Fn(&[u8; AMBIGUOUS_SIZE]) -> bool,
    ) -> Result<sha256d::Hash, MerkleError> {
        let depth = self.depth();
        // A position with more bits than the branch has hashes would prove one leaf at many places.
        if depth > MAX_DEPTH || position >> depth != 0 {
            return Err(MerkleError::Position { position, depth });
        }
        self.0.iter().enumerate().try_fold(leaf, |node, (level, neighbour)| {
            let is_right = (position >> level) & 1 == 1;
            if is_right && *neighbour == node {
                return Err(MerkleError::Copy { level });
            }
            let (left, right) = if is_right { (*neighbour, node) } else { (node, *neighbour) };
            let mut pair = [0; AMBIGUOUS_SIZE];
            pair[..32].copy_from_slice(left.as_ref());
            pair[32..].copy_from_slice(right.as_ref());
            if !sound(&pair) {
                return Err(MerkleError::Disguised { level });
            }
            Ok(sha256d::Hash::hash(&pair))
        })
    }
}

/// Reads a hash as the protocol writes it: 64 hex characters, reversed. Servers state the root of
/// a checkpoint in this form.
#[must_use]
pub fn parse_hash(text: &str) -> Option<sha256d::Hash> {
    let mut bytes = exact_hex::<32>(text)?;
    bytes.reverse();
    Some(sha256d::Hash::from_byte_array(bytes))
}

/// Proves that a transaction is at a position in the block whose header has this merkle root.
///
/// The root must come from a header the caller trusts for reasons of its own, such as a chain of
/// work. Where the transaction itself is at hand, [`txid_of`](super::txid_of) must have accepted
/// it: only there can a 64-byte transaction be seen.
///
/// # Errors
/// [`MerkleError`] where the branch proves nothing of the kind.
pub fn verify(txid: Txid, position: u64, branch: &Branch, root: TxMerkleNode) -> Result<(), MerkleError> {
    let computed = branch.climb(txid.to_raw_hash(), position, |pair| !is_transaction(pair))?;
    meet(computed, root.to_raw_hash())
}

/// Proves that a header is at a height in the tree over all headers from 0 to the checkpoint
/// (`cp_height`), whose root is `root`.
///
/// For `blockchain.block.headers` the branch belongs to the last header of the run. Since a server
/// states the root along with the branch, this proves a header only as far as the root is known
/// from somewhere else; between two servers, equal roots mean equal chains up to the checkpoint.
///
/// # Errors
/// [`MerkleError`] where the branch proves nothing of the kind.
pub fn verify_checkpoint(
    header: BlockHash,
    height: u64,
    checkpoint: u64,
    branch: &Branch,
    root: sha256d::Hash,
) -> Result<(), MerkleError> {
    if height > checkpoint {
        return Err(MerkleError::AboveCheckpoint { height, checkpoint });
    }
    // A tree over c + 1 leaves has as many levels above them as c has bits.
    let expected = (u64::BITS - checkpoint.leading_zeros()) as usize;
    if branch.depth() != expected {
        return Err(MerkleError::Depth { depth: branch.depth(), expected });
    }
    // Leaves are hashes of 80 bytes, so no pair of 64 can be one of them.
    meet(branch.climb(header.to_raw_hash(), height, |_| true)?, root)
}

fn meet(computed: sha256d::Hash, stated: sha256d::Hash) -> Result<(), MerkleError> {
    if computed == stated { Ok(()) } else { Err(MerkleError::Root { computed, stated }) }
}

#[cfg(test)]
mod tests;
