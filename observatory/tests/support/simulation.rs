//! A simulated network that is served by the real program.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// A network that is being served by the program.
pub(crate) struct Simulation {
    child: Child,
    folder: tempfile::TempDir,
}

impl Simulation {
    /// Serves a scenario, with about so many servers or as many as it says.
    pub(crate) fn start(scenario: &str, servers: Option<usize>, seed: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
        command.args(["simulate", "--scenario", scenario, "--seed", &seed.to_string()]);
        command.args(servers.map(|servers| format!("--servers={servers}")));
        let mut child = command.arg("--out").arg(folder.path()).stderr(Stdio::piped()).spawn()?;
        let mut announced = String::new();
        BufReader::new(child.stderr.take().context("standard error")?).read_line(&mut announced)?;
        let simulation = Self { child, folder };
        ensure!(announced.contains("listen at"), "{scenario}: {announced}");
        Ok(simulation)
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.folder.path().join(name).to_str().context("a path in UTF-8")?.to_owned())
    }

    /// What is true of its servers.
    pub(crate) fn truths(&self) -> anyhow::Result<Vec<Value>> {
        truths(self.folder.path())
    }

    /// Who resolves its names, as it says itself.
    pub(crate) fn resolver(&self) -> anyhow::Result<String> {
        let command = fs::read_to_string(self.folder.path().join("scan.txt"))?;
        let mut words = command.split_whitespace().skip_while(|word| *word != "--resolver");
        Ok(words.nth(1).context("a resolver")?.to_owned())
    }

    /// Interrupts it as Ctrl-C does, and says whether it ended well.
    pub(crate) fn end(mut self) -> anyhow::Result<bool> {
        ensure!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?.success());
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is true of the servers of a network, as its folder says.
pub(crate) fn truths(folder: &Path) -> anyhow::Result<Vec<Value>> {
    Ok(serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?)
}
