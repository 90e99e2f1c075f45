//! One container: a process, started again as its Pod wants.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::environment::Environment;
use super::probes::Check;

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3);

pub(super) struct Launch {
    pub(super) environment: Environment,
    pub(super) directory: PathBuf,
    pub(super) log: PathBuf,
    pub(super) restart: Restart,
    pub(super) grace: Duration,
    pub(super) readiness: Option<Check>,
    pub(super) liveness: Option<Check>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    pub(super) fn of(policy: Option<&str>) -> Self {
        match policy {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// What there is to say of a container.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) ready: bool,
    pub(super) restarts: i32,
    /// How the run before this one ended.
    pub(super) last: Option<End>,
}

#[derive(Clone, Default)]
pub(super) enum Phase {
    #[default]
    Creating,
    Running(Timestamp),
    BackOff,
    Ended(End),
}

#[derive(Clone)]
pub(super) struct End {
    pub(super) code: i32,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

/// Returns when the container has ended for good.
pub(super) async fn run(
    launch: Launch,
    state: watch::Sender<State>,
    mut stop: watch::Receiver<Option<Duration>>,
) {
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let (end, stopped) = once(&launch, &state, &mut stop).await;
        let again = match launch.restart {
            Restart::Always => true,
            Restart::OnFailure => end.code != 0,
            Restart::Never => false,
        };
        if stopped || !again {
            state.send_modify(|state| {
                state.ready = false;
                state.phase = Phase::Ended(end);
            });
            return;
        }
        state.send_modify(|state| {
            state.ready = false;
            state.last = Some(end);
            state.phase = Phase::BackOff;
        });
        if timeout(back_off, stopping(&mut stop)).await.is_ok() {
            return;
        }
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        state.send_modify(|state| state.restarts += 1);
    }
}

/// One run; and whether it ended because the Pod is to.
async fn once(
    launch: &Launch,
    state: &watch::Sender<State>,
    stop: &mut watch::Receiver<Option<Duration>>,
) -> (End, bool) {
    let started = Timestamp::now();
    let end = |code| End { code, started, finished: Timestamp::now() };
    let (mut child, group) = match spawn(launch) {
        Ok(spawned) => spawned,
        Err(error) => {
            let _ =
                File::options().append(true).open(&launch.log).and_then(|mut log| writeln!(log, "{error}"));
            return (end(127), false);
        }
    };
    state.send_modify(|state| {
        state.phase = Phase::Running(started);
        state.ready = launch.readiness.is_none();
    });
    let outcome = tokio::select! {
        status = child.wait() => return (end(code(status)), false),
        () = Check::until_unhealthy(launch.liveness.as_ref()) => None,
        () = Check::follow(launch.readiness.as_ref(), |ready| state.send_modify(|state| state.ready = ready)) => None,
        grace = stopping(stop) => Some(grace),
    };
    let _ = kill(group.0, Signal::SIGTERM);
    let shortened = async {
        let mut grace = outcome.unwrap_or(launch.grace);
        while let Ok(Ok(())) = timeout(grace, stop.changed()).await {
            grace = stop.borrow().unwrap_or(grace);
        }
    };
    let code = tokio::select! {
        status = child.wait() => code(status),
        () = shortened => {
            let _ = killpg(group.0, Signal::SIGKILL);
            code(child.wait().await)
        }
    };
    (end(code), outcome.is_some())
}

fn spawn(launch: &Launch) -> io::Result<(Child, Group)> {
    let log = File::options().create(true).append(true).open(&launch.log)?;
    // Whoever kills the test kills its processes.
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .args(&launch.environment.command)
        .env_clear()
        .envs(&launch.environment.variables)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let id =
        child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| io::Error::other("it has no id"))?;
    Ok((child, Group(Pid::from_raw(id))))
}

/// What is left of a container's processes dies with its first.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

async fn stopping(stop: &mut watch::Receiver<Option<Duration>>) -> Duration {
    match stop.wait_for(Option::is_some).await.map(|grace| *grace) {
        Ok(Some(grace)) => grace,
        _ => Duration::ZERO,
    }
}

fn code(status: io::Result<ExitStatus>) -> i32 {
    status.map_or(255, |status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}
