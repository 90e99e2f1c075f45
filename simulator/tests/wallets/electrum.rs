//! The Electrum wallet without its windows: Debian's package `electrum`.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{network::Place, rpc};

/// Longest that anything may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);

/// A wallet daemon that knows one server and nothing else of the world.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
}

/// What the wallet says that it holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// In satoshi.
    pub(crate) balance: u64,
    /// Transactions whose place in a block it has verified.
    pub(crate) proven: usize,
}

impl Daemon {
    pub(crate) fn start(place: &Place) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let chain = folder.path().join("regtest");
        fs::create_dir_all(&chain)?;
        let config = json!({"rpcuser": rpc::USER, "rpcpassword": rpc::PASSWORD, "check_updates": false});
        fs::write(chain.join("config"), config.to_string())?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new("electrum")
            .args(["--regtest", "-v", "daemon", "--oneserver", "--server"])
            .arg(format!("{}:{}", place.address, if place.tls { 's' } else { 't' }))
            .arg("--dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("electrum; `make wallets` installs it")?;
        let daemon = Self { child, folder };
        daemon.wait("an answer", || daemon.call("ping", &json!([])).is_ok().then_some(()))?;
        Ok(daemon)
    }

    /// Makes a wallet that watches a key's addresses.
    pub(crate) fn watch(&self, key: &str) -> anyhow::Result<()> {
        let path = self.wallet();
        self.call("restore", &json!({"text": key, "wallet_path": path, "encrypt_file": false}))?;
        self.call("load_wallet", &json!({"wallet_path": path})).map(drop)
    }

    /// Waits until the wallet has found what it holds. Its own word for that, `is_synchronized`, is true for a moment
    /// before it has asked about its first address.
    pub(crate) fn await_holdings(&self, expected: &Holdings) -> anyhow::Result<()> {
        self.wait(&format!("{expected:?}"), || {
            self.holdings().is_ok_and(|holdings| holdings == *expected).then_some(())
        })
    }

    fn holdings(&self) -> anyhow::Result<Holdings> {
        let wallet = json!({"wallet": self.wallet()});
        let balance = self.call("getbalance", &wallet)?;
        ensure!(balance.as_object().is_some_and(|parts| parts.len() == 1), "not all is confirmed: {balance}");
        let confirmed = balance["confirmed"].as_str().context("a balance")?;
        let history = self.call("onchain_history", &wallet)?;
        let transactions = history["transactions"].as_array().context("a history")?;
        let proven =
            transactions.iter().filter(|transaction| transaction["confirmations"].as_u64() > Some(0)).count();
        Ok(Holdings {
            balance: bitcoin::Amount::from_str_in(confirmed, bitcoin::Denomination::Bitcoin)?.to_sat(),
            proven,
        })
    }

    /// Waits until the wallet has verified the chain up to a height.
    pub(crate) fn await_height(&self, height: u32) -> anyhow::Result<()> {
        let verified = || self.call("getinfo", &json!([])).ok()?["blockchain_height"].as_u64();
        self.wait("the next block", || verified().filter(|verified| *verified >= height.into()).map(drop))
    }

    fn wallet(&self) -> PathBuf {
        self.folder.path().join("wallet")
    }

    fn call(&self, method: &str, params: &Value) -> anyhow::Result<Value> {
        rpc::call(&self.folder.path().join("regtest/daemon_rpc_socket"), method, params)
    }

    fn wait(&self, what: &str, mut done: impl FnMut() -> Option<()>) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if done().is_some() {
                return Ok(());
            }
            sleep(GLANCE);
        }
        let log = fs::read_to_string(self.folder.path().join("log"))?;
        let tail: Vec<&str> = log.lines().rev().take(25).collect();
        bail!(
            "waited for {what}, with {:?}:\n{}",
            self.holdings(),
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut end = || -> io::Result<()> {
            self.child.kill()?;
            self.child.wait().map(drop)
        };
        // It may have ended by itself.
        let _ = end();
    }
}
