//! The one place that writes to the terminal. Results go to standard output, everything else to standard
//! error.

use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressStyle};
use model::archive::ArchiveError;

/// The command was used in a way it cannot be; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// Whether the command was used in a way it cannot be: an archive that is not there is one.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || matches!(error.downcast_ref(), Some(ArchiveError::Missing { .. }))
}

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

/// Says something beside the result. Whether anybody reads it is no matter.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A table for people, as wide as the terminal.
pub(crate) fn table<const COLUMNS: usize>(headings: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    table
}

/// How far something long is, counted in what the unit says. Hidden where standard error is no terminal.
pub(crate) fn bar(length: u64, unit: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {unit}, {{eta}} left"));
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
