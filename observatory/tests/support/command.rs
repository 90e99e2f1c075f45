//! Runs the real program and watches what it takes from the machine.

use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use electrum::Endpoint;
use serde_json::Value;

/// Linux counts processor time for user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// What a run left behind.
pub(crate) struct Run {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error.
    pub(crate) stderr: Vec<u8>,
    /// The most resident memory it ever had, in KiB.
    pub(crate) peak_kib: u64,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// From start to end.
    pub(crate) wall: Duration,
}

impl Run {
    /// The lines of `--json`.
    pub(crate) fn rows(&self) -> anyhow::Result<Vec<Value>> {
        let lines = self.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                serde_json::from_slice(line)
                    .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(line)))
            })
            .collect()
    }

    /// The lines of `--json` by the server they are of.
    pub(crate) fn by_server(&self) -> anyhow::Result<HashMap<String, Value>> {
        let named =
            |row: Value| Ok((row["server"].as_str().context("a row without server")?.to_owned(), row));
        self.rows()?.into_iter().map(named).collect()
    }

    /// Fails with everything that is wrong, rather than with the first of it.
    pub(crate) fn without(&self, complaints: &[String]) -> anyhow::Result<()> {
        ensure!(complaints.is_empty(), "{}\nstderr: {}", complaints.join("\n"), self.complaint());
        Ok(())
    }

    /// Characters in the output that could steer a terminal, each with what stands around it.
    pub(crate) fn control_characters(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let Ok(text) = str::from_utf8(bytes) else {
                found.push(format!("{name} is not UTF-8"));
                continue;
            };
            for (at, c) in text.char_indices().filter(|&(_, c)| c.is_control() && c != '\n') {
                let before: String = text[..at].chars().rev().take(40).collect();
                let before: String = before.chars().rev().collect();
                found.push(format!("{name}: {c:?} after {before:?}"));
            }
        }
        found
    }

    /// Standard error as text, for the messages of assertions.
    pub(crate) fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// The program does not outlive a test that fails.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // Both fail when it has ended by itself, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Scans these servers of regtest into `folder`/archive, with `more` on the command line.
///
/// # Errors
/// When the scan cannot be started, says that it failed, or has not ended within `bound`.
pub(crate) async fn scan(
    folder: &Path,
    servers: &[Endpoint],
    more: &[&str],
    bound: Duration,
) -> anyhow::Result<Run> {
    let seeds = folder.join("seeds.txt");
    fs::write(&seeds, servers.iter().map(|server| format!("{server}\n")).collect::<String>())?;
    let archive = folder.join("archive");
    let [seeds, archive] = [&seeds, &archive].map(|path| path.to_str().context("a path in UTF-8"));
    let fixed = ["scan", "--network", "regtest", "--seeds", seeds?, "--archive", archive?];
    let arguments: Vec<String> = fixed.iter().chain(more).map(|&argument| argument.to_owned()).collect();
    let run = tokio::task::spawn_blocking(move || observatory(&arguments, bound)).await??;
    ensure!(run.status.code() == Some(0), "{}: {}", run.status, run.complaint());
    Ok(run)
}

/// Runs the observatory to its end. Blocks.
fn observatory(arguments: &[String], bound: Duration) -> anyhow::Result<Run> {
    let started = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_observatory"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the observatory")?;
    let mut child = Guarded(child);
    // Both pipes are emptied all the time: a full one would stop the program.
    let stdout = child.0.stdout.take().map(drain).context("no standard output")?;
    let stderr = child.0.stderr.take().map(drain).context("no standard error")?;

    let process = child.0.id();
    let mut peak_kib = 0;
    let cpu = loop {
        // Until it is waited for, a finished process stays visible with its times but no memory.
        let (state, cpu) = state_and_cpu(process)?;
        if state == 'Z' {
            break cpu;
        }
        peak_kib = peak_kib.max(high_water(process).unwrap_or(0));
        if started.elapsed() > bound {
            drop(child);
            let said = stderr.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
            bail!("still running after {bound:?}; it said: {}", String::from_utf8_lossy(&said));
        }
        thread::sleep(Duration::from_millis(20));
    };
    let wall = started.elapsed();
    let status = child.0.wait()?;
    let panicked = |_| anyhow::anyhow!("the reader panicked");
    Ok(Run {
        status,
        stdout: stdout.join().map_err(panicked)??,
        stderr: stderr.join().map_err(panicked)??,
        peak_kib,
        cpu,
        wall,
    })
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes)
    })
}

/// VmHWM of proc(5), in KiB.
fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 3, 14 and 15 of proc(5)'s stat: state, user time, system time.
fn state_and_cpu(process: u32) -> anyhow::Result<(char, Duration)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name, which may hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ").context("stat has no name")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |at: usize| -> anyhow::Result<u64> { Ok(fields.get(at).context("stat is short")?.parse()?) };
    let state = rest.chars().next().context("stat has no state")?;
    let milliseconds = (ticks(11)? + ticks(12)?) * 1_000 / TICKS_PER_SECOND;
    Ok((state, Duration::from_millis(milliseconds)))
}
