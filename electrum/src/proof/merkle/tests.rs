use bitcoin::hex::FromHex as _;
use proptest::{collection::vec, prelude::*};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::proof::{header, tx::tests::ambiguous};

type Node = [u8; 32];

/// Double SHA-256 by another crate than the one under test uses.
fn parent(left: Node, right: Node) -> Node {
    Sha256::digest(Sha256::digest([left, right].concat())).into()
}

/// Every row of a tree, leaves first, the last one doubled where a row is odd.
fn rows(leaves: &[Node]) -> Vec<Vec<Node>> {
    let mut rows = vec![leaves.to_vec()];
    while rows[rows.len() - 1].len() > 1 {
        let mut below = rows[rows.len() - 1].clone();
        if below.len() % 2 == 1 {
            below.push(below[below.len() - 1]);
        }
        let above = below.chunks(2).map(|pair| parent(pair[0], pair[1])).collect();
        let last = rows.len() - 1;
        rows[last] = below;
        rows.push(above);
    }
    rows
}

/// The branch of one leaf and the root of the tree.
fn prove(leaves: &[Node], position: usize) -> (Vec<Node>, Node) {
    let rows = rows(leaves);
    let (root, rows) = rows.split_last().expect("a row");
    let neighbours = rows.iter().enumerate().map(|(level, row)| row[(position >> level) ^ 1]);
    (neighbours.collect(), root[0])
}

fn branch(nodes: &[Node]) -> Branch {
    Branch(nodes.iter().map(|node| sha256d::Hash::from_byte_array(*node)).collect())
}

fn check(leaf: Node, position: u64, nodes: &[Node], root: Node) -> Result<(), MerkleError> {
    let root = TxMerkleNode::from_byte_array(root);
    verify(Txid::from_byte_array(leaf), position, &branch(nodes), root)
}

fn hash(text: &str) -> Node {
    parse_hash(text).expect("a hash").to_byte_array()
}

/// Block 121 of a regtest chain, as two servers of different make proved two of its transactions.
const ROOT_121: &str = "31f7c678111a9720d8c20072005605932b261068db8859f9cff28506797e5e84";
const PROOFS_121: [(u64, &str, [&str; 3]); 2] = [
    (
        3,
        "2af90c1ed2fc592594cbab02d5a25a5b1930e0bf674346e7d8666a3318b67f89",
        [
            "2cb380cc3342509a4bc82d2951ca2e916ff1269c9051fc3970089c526d043d0a",
            "634e22e7b9ca6ca6f36f2f4d79d1e201864b87ef5de445001dadd33d82fbd2e0",
            "afb8a348b545efdded2e37d432383c7007f51d9967e491e35dd6d7b61159c6b0",
        ],
    ),
    (
        1,
        "56618aa66ff7300b4063ea51bc8bfbb9f4999e6176364517ebf7626b51baa47b",
        [
            "0ee8ed2ff8bfeef08ab86c0174db7236351cd4f0afb5dd8cfadd69c2ec2dfb5d",
            "e2b2e05fda288e096b300d49ff8635ee31b7ddc4e165bfa82d5de44bda7a3811",
            "afb8a348b545efdded2e37d432383c7007f51d9967e491e35dd6d7b61159c6b0",
        ],
    ),
];

/// Header 5 under a checkpoint at 100 of the same chain, as servers proved it.
const HEADER_5: &str = concat!(
    "000000203681d273055901cc43f2c2160e5433e2077af8802a39037000bf7d532f77d92069ce0595daf1a20a1a38",
    "1735ae1088d169b80540209609072aaa6e07db17e6f73dee036bffff7f2000000000",
);
const BRANCH_5: [&str; 7] = [
    "20d9772f537dbf007003392a80f87a07e233540e16c2f243cc01590573d28136",
    "f9e44185b45204f7bea39e22ebe8569a58458d6f48929908ac188bca16941ab5",
    "3a6110096220d0b8fb6d788ddace5b35b99ebca21263ae9696f6ec0a62dd16e9",
    "eb1d2b15244de7b58942f7b54ed8522aca48bf7ed040d0a1d0018736b5f456da",
    "02067a0b4de530c26f7fefc9f53e0f63f74b056c6da00e21ae3d259c9c6a7982",
    "964c7bfbe9b2e9782fe700e89761d63b6c2fd94e62a92a30dcadd2f94786015b",
    "f24ea258aec6d3369b31aeadf59e2937a6df0e99b3ffd0593e47b21d141499da",
];
const ROOT_100: &str = "e4933c14096b8dbe6997668342626b5e83fa3ad6cbe1142b415a852c0dbe9af6";

#[test]
fn the_first_payment_is_in_block_170_of_mainnet() {
    let header = header::decode(concat!(
        "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63",
        "f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70",
    ))
    .expect("a header");
    assert_eq!(
        header.block_hash().to_string(),
        "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"
    );
    let payment: Txid =
        "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16".parse().expect("a txid");
    let coinbase = "b1fea52486ce0c62bb442b530a3f0132b826c74e473d1f2c220bfa78111c5082";
    let branch = Branch::parse(&[coinbase]).expect("a branch");
    assert_eq!(verify(payment, 1, &branch, header.merkle_root), Ok(()));
    assert!(matches!(verify(payment, 0, &branch, header.merkle_root), Err(MerkleError::Root { .. })));
}

#[test]
fn four_transactions_of_block_100000_of_mainnet_are_all_proven() {
    let leaves = [
        "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
        "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
        "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
        "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
    ]
    .map(hash);
    let root = hash("f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766");
    for position in 0..4 {
        let (nodes, _) = prove(&leaves, position);
        assert_eq!(check(leaves[position], position as u64, &nodes, root), Ok(()));
    }
}

#[test]
fn servers_proofs_lead_to_one_root() {
    for (position, txid, entries) in PROOFS_121 {
        let branch = Branch::parse(&entries).expect("a branch");
        let root = TxMerkleNode::from_byte_array(hash(ROOT_121));
        assert_eq!(verify(txid.parse().expect("a txid"), position, &branch, root), Ok(()));
    }
}

#[test]
fn servers_prove_headers_under_a_checkpoint() {
    let header = header::decode(HEADER_5).expect("a header").block_hash();
    let (branch, root) = (Branch::parse(&BRANCH_5).expect("a branch"), parse_hash(ROOT_100));
    let root = root.expect("a root");
    assert_eq!(verify_checkpoint(header, 5, 100, &branch, root), Ok(()));
    for height in [4, 13, 100] {
        let refused = verify_checkpoint(header, height, 100, &branch, root);
        assert!(matches!(refused, Err(MerkleError::Root { .. })), "{height}");
    }
    assert_eq!(
        verify_checkpoint(header, 101, 100, &branch, root),
        Err(MerkleError::AboveCheckpoint { height: 101, checkpoint: 100 })
    );
    for (checkpoint, expected) in [(63, 6), (128, 8), (u64::MAX, 64)] {
        assert_eq!(
            verify_checkpoint(header, 5, checkpoint, &branch, root),
            Err(MerkleError::Depth { depth: 7, expected })
        );
    }
    assert_eq!(verify_checkpoint(header, 0, 0, &Branch::default(), header.to_raw_hash()), Ok(()));
}

#[test]
fn a_position_must_fit_the_branch() {
    let (nodes, root) = prove(&[[1; 32], [2; 32], [3; 32]], 1);
    for position in [4, 5, 1 << 32, u64::MAX] {
        let refused = Err(MerkleError::Position { position, depth: 2 });
        assert_eq!(check([2; 32], position, &nodes, root), refused);
    }
    assert_eq!(check([9; 32], 0, &[], [9; 32]), Ok(()));
    assert_eq!(check([9; 32], 1, &[], [9; 32]), Err(MerkleError::Position { position: 1, depth: 0 }));
}

#[test]
fn the_copy_that_fills_an_odd_row_is_not_a_leaf() {
    let leaves = [[1; 32], [2; 32], [3; 32]];
    let (nodes, root) = prove(&leaves, 2);
    assert_eq!(check([3; 32], 2, &nodes, root), Ok(()));
    assert_eq!(check([3; 32], 3, &nodes, root), Err(MerkleError::Copy { level: 0 }));
    let (nodes, root) = prove(&[[1; 32]; 1].repeat(5), 4);
    assert_eq!(check([1; 32], 6, &nodes, root), Err(MerkleError::Copy { level: 1 }));
}

/// CVE-2017-12842: a mined transaction of 64 bytes whose second half is the id of a payment that
/// was never made. One more hash in the branch "proves" the payment.
#[test]
fn a_transaction_in_disguise_proves_nothing_below_itself() {
    let mined = ambiguous();
    let (left, right) = mined.split_at(32);
    let left: Node = left.try_into().expect("32 bytes");
    let payment: Node = right.try_into().expect("32 bytes");
    let leaf = parent(left, payment);
    let (mut nodes, root) = prove(&[[7; 32], leaf], 1);
    assert_eq!(check(leaf, 1, &nodes, root), Ok(()));
    nodes.insert(0, left);
    assert_eq!(check(payment, 3, &nodes, root), Err(MerkleError::Disguised { level: 0 }));
}

#[test]
fn branches_are_bounded_and_every_entry_is_a_hash() {
    let good = "00".repeat(32);
    assert_eq!(Branch::parse(&vec![good.clone(); MAX_DEPTH]).map(|b| b.depth()), Ok(MAX_DEPTH));
    assert_eq!(Branch::parse(&vec![good.clone(); MAX_DEPTH + 1]), Err(MerkleError::TooDeep(33)));
    for bad in ["", "00", &"00".repeat(33), &"zz".repeat(32), &"é".repeat(32)] {
        assert_eq!(Branch::parse(&[good.as_str(), bad]), Err(MerkleError::Entry { level: 1 }));
    }
    let mixed = ROOT_121.to_uppercase();
    assert_eq!(parse_hash(&mixed), parse_hash(ROOT_121));
    let reversed = <[u8; 32]>::from_hex(ROOT_121).expect("hex");
    assert_ne!(parse_hash(ROOT_121).map(sha256d::Hash::to_byte_array), Some(reversed));
}

/// A tree of distinct leaves and a place in it.
fn tree() -> impl Strategy<Value = (Vec<Node>, usize)> {
    vec(any::<Node>(), 1..70).prop_flat_map(|leaves| {
        let places = 0..leaves.len();
        (Just(leaves), places)
    })
}

fn flip(node: &mut Node, bit: usize) {
    node[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #[test]
    fn every_leaf_is_proven_and_nothing_else((leaves, position) in tree(), bit in 0_usize..256, at: prop::sample::Index) {
        let (nodes, root) = prove(&leaves, position);
        let (leaf, place) = (leaves[position], position as u64);
        prop_assert_eq!(check(leaf, place, &nodes, root), Ok(()));

        let mut spoilt = leaf;
        flip(&mut spoilt, bit);
        prop_assert!(check(spoilt, place, &nodes, root).is_err());

        let mut spoilt = root;
        flip(&mut spoilt, bit);
        prop_assert!(check(leaf, place, &nodes, spoilt).is_err());

        for wrong in 0..64 {
            prop_assert!(check(leaf, place ^ (1 << wrong), &nodes, root).is_err(), "bit {} of the position", wrong);
        }

        if !nodes.is_empty() {
            let mut spoilt = nodes.clone();
            flip(&mut spoilt[at.index(nodes.len())], bit);
            prop_assert!(check(leaf, place, &spoilt, root).is_err());
            prop_assert!(check(leaf, place, &nodes[1..], root).is_err());
        }
        let longer = [nodes.as_slice(), &[root]].concat();
        prop_assert!(check(leaf, place, &longer, root).is_err());
    }

    #[test]
    fn every_header_is_proven_under_its_checkpoint((leaves, position) in tree()) {
        let (nodes, root) = prove(&leaves, position);
        let (height, checkpoint) = (position as u64, leaves.len() as u64 - 1);
        let header = BlockHash::from_byte_array(leaves[position]);
        let root = sha256d::Hash::from_byte_array(root);
        prop_assert_eq!(verify_checkpoint(header, height, checkpoint, &branch(&nodes), root), Ok(()));
        for wrong in (0..=checkpoint).filter(|wrong| *wrong != height) {
            prop_assert!(verify_checkpoint(header, wrong, checkpoint, &branch(&nodes), root).is_err());
        }
    }

    #[test]
    fn garbage_never_panics(
        entries in vec("[0-9a-f]{64}|\\PC{0,70}", 0..40), leaf: Node, root: Node, position: u64, checkpoint: u64,
    ) {
        if let Ok(branch) = Branch::parse(&entries) {
            let root = TxMerkleNode::from_byte_array(root);
            let _ = verify(Txid::from_byte_array(leaf), position, &branch, root);
            let _ = verify_checkpoint(BlockHash::from_byte_array(leaf), position, checkpoint, &branch, root.to_raw_hash());
        }
    }
}
