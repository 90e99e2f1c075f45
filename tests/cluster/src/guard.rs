//! Processes that end with the test, however that ends. May not know what they are.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Holds its standard input open for as long as the program may run: even when this process is killed, it closes.
const SCRIPT: &str = r#""$@" </dev/null & child=$!; cat >/dev/null; kill -9 $child; wait $child"#;
const TAIL: usize = 20;

pub(crate) struct Guard {
    shell: Child,
    leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Guard {
    /// Starts a program whose output is added to a log.
    pub(crate) fn start(program: &Path, arguments: &[OsString], log: &Path) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let leash = shell.stdin.take();
        Ok(Self { shell, leash, log: log.into() })
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.shell.wait();
    }
}

/// Ports that the system gives to nobody by itself: whoever calls a server that is down, and is given its port to call
/// from, keeps it from coming back.
const PORTS: Range<u16> = 10_000..32_000;
/// Ports that are tried before there is something else wrong.
const TRIES: u8 = 100;

/// Ports that are free; all are held until the last is known, so they differ.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let held: Vec<TcpListener> = (0..N).map(|_| hold()).collect::<io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Takes one of [`PORTS`] by chance.
fn hold() -> io::Result<TcpListener> {
    let chance = RandomState::new();
    let choose = |number: u8| {
        let width = u64::from(PORTS.end - PORTS.start);
        PORTS.start + u16::try_from(chance.hash_one(number) % width).unwrap_or_default()
    };
    let taken = || io::Error::new(io::ErrorKind::AddrInUse, "no port is free");
    (0..TRIES)
        .find_map(|number| TcpListener::bind((Ipv4Addr::LOCALHOST, choose(number))).ok())
        .ok_or_else(taken)
}
