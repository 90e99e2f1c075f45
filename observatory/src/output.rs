//! The one place that writes to the terminal. Results go to standard output, everything else to standard
//! error.

#![expect(clippy::print_stderr, reason = "this is where it happens")]

use std::io::{self, Write as _};

/// The command was used in a way it cannot be; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// Writes results. A reader who has seen enough (`| head`) is no error.
///
/// # Errors
/// What else can go wrong with standard output.
pub(crate) fn result(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says something beside the result.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}
