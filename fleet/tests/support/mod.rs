//! A real redis-server of a test's own, on loopback, in a folder of its own. Ends with the test.

#![allow(dead_code, unused_macros, reason = "each test uses what it needs")]

pub(crate) mod nodes;
#[macro_use]
mod program;

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fleet::{Credentials, Redis};

pub(crate) use self::program::Program;

/// How long something is waited for that is to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    program: Program,
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Debian's, without a disk.
    pub(crate) async fn start() -> Self {
        Self::of(Program::Debian).await
    }

    /// One without a disk.
    pub(crate) async fn of(program: Program) -> Self {
        Self::with(program, &[]).await
    }

    /// One with more settings, which come after ours.
    pub(crate) async fn with(program: Program, settings: &[&str]) -> Self {
        let server = Self::spawn(program, free_port(), settings);
        server.is_what_was_meant().await;
        server
    }

    /// At a port that was another's before.
    pub(crate) async fn start_at(port: u16) -> Self {
        let server = Self::spawn(Program::Debian, port, &[]);
        server.is_what_was_meant().await;
        server
    }

    /// One that may not answer to everybody: to be awaited by who knows how to ask.
    pub(crate) fn spawn(program: Program, port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = run(program, port, &settings, folder.path());
        Self { program, process, port, settings, folder }
    }

    /// One that writes its settings into a file, such as Sentinel.
    pub(crate) fn spawn_with_file(program: Program, port: u16, file: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = program.command();
        command.arg(file).args(["--sentinel", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        let process = begin(program, command, folder.path());
        Self { program, process, port, settings: Vec::new(), folder }
    }

    /// Waits until it answers. What is installed under a name may be something else.
    pub(crate) async fn is_what_was_meant(&self) {
        let redis = self.redis();
        answers(&redis).await;
        let info: String = redis.call(redis::cmd("INFO").arg("server")).await.expect("tells of itself");
        assert!(self.program.is(&info), "{:?} is another, run `make redis`: {info}", self.program);
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
        self.process = run(self.program, self.port, &self.settings, self.folder.path());
        answers(&self.redis()).await;
    }

    pub(crate) fn redis(&self) -> Redis {
        let url = format!("redis://127.0.0.1:{}", self.port);
        // A machine that is busy answers late, and that is not what is tried.
        Redis::open(&url, Credentials::default()).expect("an address").patient(PATIENCE)
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
    tokio::time::timeout(PATIENCE, waiting).await.expect(what);
}

/// Waits until it answers.
pub(crate) async fn answers(redis: &Redis) {
    let asking = async {
        while let Err(error) = redis.call::<String>(&redis::cmd("PING")).await {
            assert!(error.is_passing(), "{error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("redis-server answers");
}

fn run(program: Program, port: u16, settings: &[String], folder: &Path) -> Child {
    let mut command = program.command();
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .args(settings);
    begin(program, command, folder)
}

fn begin(program: Program, mut command: Command, folder: &Path) -> Child {
    let begun = command.current_dir(folder).stdout(Stdio::null()).spawn();
    begun.unwrap_or_else(|error| panic!("{program:?} is missing, run `make redis`: {error}"))
}
