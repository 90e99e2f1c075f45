//! Merkle trees as Bitcoin has them: over the transactions of a block, and over headers up to a checkpoint.

use bitcoin::hashes::{Hash as _, sha256d};

/// A hash in the byte order of SHA-256.
pub(crate) type Digest = [u8; 32];

fn pair(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(left);
    bytes[32..].copy_from_slice(right);
    sha256d::Hash::hash(&bytes).to_byte_array()
}

/// The hashes beside the path from a leaf to the root. None where there is no such leaf.
pub(crate) fn branch(leaves: &[Digest], position: usize) -> Option<Vec<Digest>> {
    leaves.get(position)?;
    let (mut row, mut position, mut branch) = (leaves.to_vec(), position, Vec::new());
    while row.len() > 1 {
        // The last of an odd row is paired with itself.
        branch.push(*row.get(position ^ 1).unwrap_or(&row[position]));
        row = row.chunks(2).map(|two| pair(&two[0], two.get(1).unwrap_or(&two[0]))).collect();
        position /= 2;
    }
    Some(branch)
}

/// The hashes of a chain's blocks with all nodes above them that never change.
///
/// A node is settled as soon as all leaves below it are there; so the tree over the first `n` leaves differs from
/// that over all of them in one node a row, and a proof costs a few hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forest(Vec<Vec<Digest>>);

impl Forest {
    /// Adds the next leaf.
    pub(crate) fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for level in 0.. {
            if level == self.0.len() {
                self.0.push(Vec::new());
            }
            let row = &mut self.0[level];
            row.push(node);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => node = pair(left, right),
                _ => break,
            }
        }
    }

    /// The branch from a leaf to the root of the tree over the first `count` leaves, and that root. Where `others`
    /// is given, they stand in for the leaves from `common` on. None where there are not so many leaves.
    pub(crate) fn prove(
        &self,
        leaf: usize,
        count: usize,
        common: usize,
        others: &[Digest],
    ) -> Option<(Vec<Digest>, Digest)> {
        let tree = Tree { forest: self, common, others, count };
        let whole = common + others.len();
        if leaf >= count || count > whole || common > self.0.first()?.len() {
            return None;
        }
        let depth = count.next_power_of_two().ilog2() as usize;
        let branch = (0..depth)
            .map(|level| {
                let index = leaf >> level;
                let beside = index ^ 1;
                tree.node(level, if beside << level < count { beside } else { index })
            })
            .collect();
        Some((branch, tree.node(depth, 0)))
    }
}

struct Tree<'a> {
    forest: &'a Forest,
    common: usize,
    others: &'a [Digest],
    count: usize,
}

impl Tree<'_> {
    /// A node that has at least one leaf below it.
    fn node(&self, level: usize, index: usize) -> Digest {
        if (index + 1) << level <= self.count.min(self.common) {
            return self.forest.0[level][index];
        }
        if level == 0 {
            return self.others[index - self.common];
        }
        let left = self.node(level - 1, 2 * index);
        if (2 * index + 1) << (level - 1) >= self.count {
            return pair(&left, &left);
        }
        pair(&left, &self.node(level - 1, 2 * index + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(number: usize) -> Digest {
        sha256d::Hash::hash(&number.to_le_bytes()).to_byte_array()
    }

    fn root(leaves: &[Digest]) -> Option<Digest> {
        let hashes = leaves.iter().map(|leaf| sha256d::Hash::from_byte_array(*leaf));
        bitcoin::merkle_tree::calculate_root(hashes.collect::<Vec<_>>().into_iter())
            .map(sha256d::Hash::to_byte_array)
    }

    proptest! {
        #[test]
        fn a_tree_of_the_first_leaves_is_that_of_the_bitcoin_crate(
            all in 1_usize..200, count in 1_usize..200, common in 0_usize..200, at: prop::sample::Index,
        ) {
            let mut forest = Forest::default();
            (0..all).for_each(|number| forest.push(leaf(number)));
            let common = common.min(all);
            let others: Vec<Digest> = (0..7).map(|number| leaf(1_000 + number)).collect();
            let leaves: Vec<Digest> =
                (0..common).map(leaf).chain(others.iter().copied()).take(count).collect();
            let at = at.index(count);
            match forest.prove(at, count, common, &others) {
                Some((proof, top)) => {
                    prop_assert_eq!(Some(top), root(&leaves));
                    prop_assert_eq!(Some(proof), branch(&leaves, at));
                }
                None => prop_assert!(count > common + others.len()),
            }
        }
    }
}
