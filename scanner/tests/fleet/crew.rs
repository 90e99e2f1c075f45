//! Workers as processes.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A campaign's folder, and where its Redis is.
pub(crate) struct Campaign {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) redis: String,
    pub(crate) lease: u32,
}

/// A worker. Killed when dropped.
pub(crate) struct Worker {
    process: Child,
    /// Where its metrics are, as `127.0.0.1:PORT`.
    pub(crate) http: String,
}

impl Campaign {
    /// Writes the campaign's file.
    pub(crate) fn new(redis: &str, spec: &str, seeds: &str, lease: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "apiVersion: electrumobservatory.org/v1alpha1\nkind: ScanCampaign\nmetadata: {{name: test, namespace: fleet}}\nspec:\n{spec}"
        );
        std::fs::write(folder.path().join("campaign.yaml"), text).expect("written");
        std::fs::write(folder.path().join("seeds-net"), seeds).expect("written");
        Self { folder, redis: redis.to_owned(), lease }
    }

    /// Publishes who is to be left alone, without which nobody works.
    pub(crate) fn leave_alone(&self, rules: &str) {
        let file = self.folder.path().join("exclusions");
        std::fs::write(&file, rules).expect("written");
        let output = scanner().args(["exclusions", "--redis", &self.redis]).arg(file).output();
        let output = output.expect("an answer");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("campaign.yaml")
    }

    /// Starts a worker.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        let mut process = scanner()
            .args(["work", "--http", "127.0.0.1:0", "--name", name, "--redis", &self.redis])
            .args(["--lease", &self.lease.to_string(), "--campaign"])
            .arg(self.file())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a worker");
        let mut lines = BufReader::new(process.stderr.take().expect("its words")).lines();
        let first = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("http://"))
            .expect("it says where its metrics are");
        let http = first.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let verbose = std::env::var_os("FLEET_VERBOSE").is_some();
        // Somebody must listen, or it cannot speak.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter(|_| verbose) {
                tracing::info!("{line}");
            }
        });
        Worker { process, http }
    }

    /// What `scanner status --json` says.
    pub(crate) fn status(&self) -> serde_json::Value {
        let output = scanner()
            .args(["status", "--campaign", "fleet/test", "--json", "--redis", &self.redis])
            .output()
            .expect("an answer");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Worker {
    /// As a machine that loses power.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }

    /// As Kubernetes ends a pod. Gives whether it ended well.
    pub(crate) fn terminate(self, within: Duration) -> bool {
        self.signal("TERM");
        self.ends(within) == Some(0)
    }

    /// The code with which it ends, if it does.
    pub(crate) fn ends(mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().expect("a status") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn stands(&self, condition: &str) {
        crate::redis::eventually(condition, async || {
            self.page("/readyz").await.1.split([':', '\n']).next() == Some(condition)
        })
        .await;
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// A page of its HTTP server.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(&self.http).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (code, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Where it ended already there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn scanner() -> Command {
    Command::new(Path::new(env!("CARGO_BIN_EXE_scanner")))
}
