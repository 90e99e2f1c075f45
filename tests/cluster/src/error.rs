//! What can go wrong with a cluster for tests.

use std::io;

/// Why a cluster did not start, or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to run was found.
    #[error("no API server at {0}: run `make cluster`, or set KUBEBUILDER_ASSETS")]
    NotInstalled(String),
    /// A process was started and did not come up; with the end of its log.
    #[error("{name} did not become ready in {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// Which.
        name: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Its last lines.
        log: String,
    },
    /// A kubectl that ended with an error; with what it said.
    #[error("kubectl {arguments}: {said}")]
    Kubectl {
        /// What it was called with.
        arguments: String,
        /// Its standard error.
        said: String,
    },
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// The kubeconfig made here is not one.
    #[error(transparent)]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The API server refused.
    #[error(transparent)]
    Api(#[from] kube::Error),
}
