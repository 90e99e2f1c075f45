//! A real Redis that keeps what it is told on disk.

use std::process::{Command, Stdio};

use cluster::eventually;

use crate::process::{Process, free, tied};

/// A redis-server on loopback, with an append-only file.
pub struct Store {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

impl Store {
    /// Starts an empty one.
    ///
    /// # Panics
    /// Where there is no redis-server.
    pub async fn start() -> Self {
        let port = free().port();
        let folder = tempfile::tempdir().expect("a folder");
        let store = Self { process: spawn(port, &folder), port, folder };
        store.answers().await;
        store
    }

    /// Ends it as a power cut does, and starts it again with what it kept.
    pub async fn crash(&mut self) {
        self.process.kill();
        self.process = spawn(self.port, &self.folder);
        self.answers().await;
    }

    /// Where programs reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it keeps, by name.
    #[must_use]
    pub fn keys(&self, pattern: &str) -> Vec<String> {
        self.ask(&["--raw", "KEYS", pattern])
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    async fn answers(&self) {
        eventually("Redis answers", async || (self.ask(&["PING"])?.trim() == "PONG").then_some(())).await;
    }

    fn ask(&self, words: &[&str]) -> Option<String> {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output();
        let output = output.expect("there is no redis-cli: run `make redis`");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn spawn(port: u16, folder: &tempfile::TempDir) -> Process {
    Process::start(
        tied("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--port", &port.to_string()])
            .current_dir(folder.path())
            .stdout(Stdio::null()),
    )
}
