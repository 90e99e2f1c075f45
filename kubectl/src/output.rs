//! The one place that writes to the terminal.

use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

/// The command was used in a way it cannot be; exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

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

/// Says what went wrong, in one line.
pub(crate) fn complaint(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "kubectl observatory: {error:#}");
}

/// A table as kubectl prints them: no lines, headings in capitals.
pub(crate) fn table<const COLUMNS: usize>(headings: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
    table
}

/// A table as text, without what ends lines for nothing.
pub(crate) fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
