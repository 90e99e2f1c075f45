//! Real servers: bitcoind and ElectrumX as their authors ship them, on a regtest chain of our own, started
//! by tests/lab/lab.py and gone with the test.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use analyzer::identify::Version;
use anyhow::{Context as _, ensure};
use electrum::Endpoint;
use serde_json::Value;

/// The lab runs while this lives.
pub(crate) struct Lab {
    /// What lab.py says of itself.
    pub(crate) facts: Value,
    /// Closing it ends the lab.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    process: Child,
}

/// One server of the lab.
pub(crate) struct RealServer {
    /// Its loopback address.
    pub(crate) host: String,
    /// `ElectrumX` or `electrs`.
    pub(crate) implementation: String,
    /// Its version.
    pub(crate) version: String,
    /// Which bitcoind it asks, counted from 1.
    pub(crate) node: u64,
    /// The port where ElectrumX tells its operator what it charges each session.
    pub(crate) rpc: Option<u16>,
    /// The plain port.
    pub(crate) tcp: Endpoint,
    /// The TLS port, and the common name of its certificate.
    pub(crate) tls: Option<(Endpoint, String)>,
}

impl Lab {
    /// Starts the lab with every server there is. Blocks until all serve the whole chain.
    ///
    /// # Errors
    /// When it is not installed (`make lab` installs it) or does not come up.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As [`Lab::start`], with options of `lab.py up`: `["--electrumx", "1.19.0,1.20.0@2"]` starts those two,
    /// each asking a bitcoind of its own.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub(crate) fn start_with(options: &[&str]) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?;
        let installed = env::var_os("OBSERVATORY_LAB").map_or_else(|| root.join("target/lab"), PathBuf::from);
        ensure!(installed.exists(), "no real servers at {}: run `make lab`", installed.display());
        let mut process = Command::new("python3")
            .arg(root.join("tests/lab/lab.py"))
            .args(["up", "--dir"])
            .arg(&installed)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        let stdin = process.stdin.take();
        let mut stdout = BufReader::new(process.stdout.take().context("a pipe")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let facts = serde_json::from_str(&line).context("the lab did not come up; it says why above")?;
        Ok(Self { facts, stdin, stdout, process })
    }

    /// Has something done on the chain, `pay N` or `mine N` (tests/lab/market.py), and gives the answer. Blocks
    /// until the nodes have done it; servers notice within a second.
    ///
    /// # Errors
    /// When it could not be done.
    pub(crate) fn tell(&mut self, command: &str) -> anyhow::Result<Value> {
        writeln!(self.stdin.as_mut().context("a pipe")?, "{command}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("{command}: no answer"))?;
        ensure!(answer["error"].is_null(), "{command}: {}", answer["error"]);
        Ok(answer)
    }

    /// Its servers.
    pub(crate) fn servers(&self) -> anyhow::Result<Vec<RealServer>> {
        let servers = self.facts["servers"].as_array().context("servers")?;
        servers.iter().map(RealServer::read).collect()
    }

    /// A value of the lab's description, as text.
    pub(crate) fn text(&self, pointer: &str) -> anyhow::Result<&str> {
        self.facts.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It stops its servers by itself, and they with it should it be killed.
        let _ = self.process.wait();
    }
}

impl RealServer {
    fn read(facts: &Value) -> anyhow::Result<Self> {
        let text = |key: &str| {
            Ok::<_, anyhow::Error>(facts[key].as_str().with_context(|| key.to_owned())?.to_owned())
        };
        let host = text("host")?;
        let endpoint = |scheme: &str, port: &Value| -> anyhow::Result<Endpoint> {
            Ok(format!("{scheme}://{host}:{port}").parse()?)
        };
        let tls = match (&facts["ssl"], facts["certificate_cn"].as_str()) {
            (Value::Null, _) | (_, None) => None,
            (port, Some(name)) => Some((endpoint("ssl", port)?, name.to_owned())),
        };
        Ok(Self {
            implementation: text("implementation")?,
            version: text("version")?,
            node: facts["node"].as_u64().context("node")?,
            rpc: facts["rpc"].as_u64().map(u16::try_from).transpose()?,
            tcp: endpoint("tcp", &facts["tcp"])?,
            tls,
            host,
        })
    }

    /// Fails unless what a scan concluded from its bytes agrees with what it is.
    pub(crate) fn check_identified(&self, implementation: &Value) -> anyhow::Result<()> {
        let found = &implementation["identified"];
        ensure!(found["name"] == self.implementation.as_str(), "{implementation}");
        let version = |text: &str| Version::read(text).with_context(|| text.to_owned());
        let real = version(&self.version)?;
        let oldest = version(found["min"].as_str().context("the oldest version")?)?;
        let newest = found["max"].as_str().map(version).transpose()?;
        ensure!(oldest <= real && newest.is_none_or(|newest| real <= newest), "{implementation}");
        ensure!(implementation["confidence"].as_f64().context("a confidence")? >= 0.5, "{implementation}");
        Ok(())
    }

    /// Its endpoints.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        [Some(self.tcp.clone()), self.tls.as_ref().map(|(endpoint, _)| endpoint.clone())]
            .into_iter()
            .flatten()
    }
}
