//! Programs that were built, as processes that do not outlive the test.

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command},
};

/// Where the programs are: beside the directory of the test itself.
#[must_use]
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test");
    test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_owned()
}

/// A program of ours.
///
/// # Panics
/// Where it was not built.
#[must_use]
pub fn program(name: &str) -> Command {
    let path = programs().join(name);
    assert!(path.is_file(), "there is no {}: cargo build --workspace --bins", path.display());
    tied(path)
}

/// Any program: whoever kills the test kills its processes.
#[must_use]
pub fn tied(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// An address at which nobody listens.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its number")
}

/// A process that is killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        // Where it is gone already there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// The process itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
