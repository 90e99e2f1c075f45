//! A real redis-server of a test's own, on loopback, in a folder of its own. Ends with the test.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fleet::{Credentials, Redis};

pub(crate) struct Server {
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    /// One without a disk.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// One with more settings, which come after ours.
    pub(crate) async fn with(settings: &[&str]) -> Self {
        let server = Self::spawn(free_port(), settings);
        answers(&server.redis()).await;
        server
    }

    /// At a port that was another's before.
    pub(crate) async fn start_at(port: u16) -> Self {
        let server = Self::spawn(port, &[]);
        answers(&server.redis()).await;
        server
    }

    /// One that may not answer to everybody: to be awaited by who knows how to ask.
    pub(crate) fn spawn(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = run(port, &settings, folder.path());
        Self { process, port, settings, folder }
    }

    /// One that writes its settings into a file, such as Sentinel.
    pub(crate) fn spawn_with_file(port: u16, file: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("redis-server")
            .arg(file)
            .args(["--sentinel", "--bind", "127.0.0.1", "--port", &port.to_string()])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("there is no redis-server: run `make redis`");
        Self { process, port, settings: Vec::new(), folder }
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        // Where it is gone already there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again, with what is in its folder.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.process = run(self.port, &self.settings, self.folder.path());
        answers(&self.redis()).await;
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::open(&format!("redis://127.0.0.1:{}", self.port), Credentials::default()).expect("an address")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    free.local_addr().expect("its number").port()
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, check: impl AsyncFn() -> bool) {
    let waiting = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect(what);
}

/// Waits until it answers.
pub(crate) async fn answers(redis: &Redis) {
    let asking = async {
        while let Err(error) = redis.call::<String>(&redis::cmd("PING")).await {
            assert!(error.is_passing(), "{error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.expect("redis-server answers");
}

fn run(port: u16, settings: &[String], folder: &Path) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .args(settings)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("there is no redis-server: run `make redis`")
}
