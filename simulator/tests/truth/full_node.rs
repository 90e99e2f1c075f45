//! bitcoind itself takes the chain. It leaves out what generated signatures cannot stand: the scripts of blocks that
//! are buried two weeks deep under a block it was told to trust.

use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bitcoin::{Network, consensus::serialize, constants::genesis_block};
use simulator::chain::ChainPlan;

use crate::support::{block, end, generate, header, node};

/// Two weeks of blocks, and one.
const BURIED: u32 = 2_017;

#[test]
fn a_full_node_accepts_every_block_whose_scripts_it_need_not_check() {
    let installed = env::var_os("OBSERVATORY_LAB")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab"), PathBuf::from);
    let program = installed.join("bin/bitcoind");
    assert!(program.exists(), "no bitcoind at {}: run `make lab`", program.display());

    let chain = generate(&ChainPlan { ahead: BURIED, ..ChainPlan::default() });
    let view = node(&chain, 0).view(end(&chain));
    let home = tempfile::tempdir().expect("a directory");
    let blocks = home.path().join("blocks.dat");
    let mut file = BufWriter::new(File::create(&blocks).expect("a file"));
    let first = genesis_block(Network::Regtest);
    for block in std::iter::once(first).chain((1..=view.height()).map(|height| block(&view, height))) {
        let bytes = serialize(&block);
        let length = u32::try_from(bytes.len()).expect("a length");
        file.write_all(&Network::Regtest.magic().to_bytes()).expect("written");
        file.write_all(&length.to_le_bytes()).expect("written");
        file.write_all(&bytes).expect("written");
    }
    file.flush().expect("written");

    let trusted = header(&view, view.height()).block_hash();
    let status = Command::new(program)
        .args([
            "-regtest",
            "-server=0",
            "-listen=0",
            "-connect=0",
            "-dnsseed=0",
            "-stopafterblockimport",
            "-checkblockindex=0",
        ])
        .args([format!("-datadir={}", home.path().display()), format!("-loadblock={}", blocks.display())])
        .args([format!("-assumevalid={trusted}")])
        .stdout(Stdio::null())
        .status()
        .expect("bitcoind");
    assert!(status.success(), "{status}");
    let log = fs::read_to_string(home.path().join("regtest/debug.log")).expect("a log");
    let reached = format!(
        "new best={} height={}",
        header(&view, chain.plan().blocks).block_hash(),
        chain.plan().blocks
    );
    let said = || log.lines().filter(|line| line.contains("ERROR") || line.contains("nvalid"));
    assert!(log.contains(&reached), "{:?}", said().take(5).collect::<Vec<_>>());
}
