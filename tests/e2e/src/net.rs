//! A simulated network, and what is true of it.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::Stdio,
};

use serde::Deserialize;

use crate::process::{Process, program};

/// A network that `observatory simulate` serves on loopback.
pub struct Net {
    _process: Process,
    folder: tempfile::TempDir,
}

/// What is true of a server.
#[derive(Clone, Debug, Deserialize)]
pub struct Truth {
    /// Its names and addresses.
    pub hosts: Vec<String>,
    /// Where it listens.
    pub endpoints: Vec<String>,
    /// What it runs.
    pub implementation: String,
    /// Its group in the scenario.
    pub group: String,
    /// Who runs it.
    pub operator: String,
    /// Where it is.
    pub country: String,
    /// What it does that honest servers do not.
    pub behaviours: Vec<String>,
    /// Indicators that must fire for it.
    pub expected: BTreeSet<String>,
}

impl Net {
    /// Serves a scenario with about so many servers.
    ///
    /// # Panics
    /// Where it cannot be served.
    #[must_use]
    pub fn serve(scenario: &str, servers: usize, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = program("observatory");
        command.args(["simulate", "--scenario", scenario]);
        command.args(["--servers", &servers.to_string(), "--seed", &seed.to_string(), "--out"]);
        let mut process = Process::start(command.arg(folder.path()).stderr(Stdio::piped()));
        let mut announced = String::new();
        let words = process.child().stderr.take().expect("its words");
        BufReader::new(words).read_line(&mut announced).expect("it says something");
        assert!(announced.contains("listen at"), "{scenario}: {announced}");
        Self { _process: process, folder }
    }

    /// What is true of its servers.
    ///
    /// # Panics
    /// Where the simulator wrote something else.
    #[must_use]
    pub fn truths(&self) -> Vec<Truth> {
        serde_json::from_str(&self.read("truth.json")).expect("truths")
    }

    /// Where its servers listen, a line each.
    #[must_use]
    pub fn seeds(&self) -> String {
        self.read("seeds.txt")
    }

    /// Who resolves its names.
    ///
    /// # Panics
    /// Where the simulator does not say.
    #[must_use]
    pub fn resolver(&self) -> String {
        let command = self.read("scan.txt");
        let mut words = command.split_whitespace().skip_while(|word| *word != "--resolver");
        words.nth(1).expect("a resolver").to_owned()
    }

    /// A database of where its addresses are.
    #[must_use]
    pub fn places(&self) -> PathBuf {
        self.folder.path().join("geo.mmdb")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("written before it listens")
    }
}
