//! Documents that show commands and what these print: each block marked `console` begins with a command behind `$`. Knows no
//! command.

use std::{env, fs, path::Path};

/// Runs every command of a document of docs/, in order, and compares what each prints with what stands below it, as far as
/// it does not vary. With `UPDATE_DOCS` a document that says something else is written anew.
///
/// # Panics
/// Where they differ.
pub(crate) async fn shows(
    name: &str,
    run: impl AsyncFnMut(&str) -> String,
    unvarying: impl Fn(&str) -> String,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let document = fs::read_to_string(&path).expect("the document");
    let now = printed(&document, run).await;
    let (said, says) = (unvarying(&document), unvarying(&now));
    if said != says && env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &now).expect("written");
    }
    assert_eq!(said, says, "UPDATE_DOCS=1 writes it anew");
}

/// The document with what the commands print now.
async fn printed(document: &str, mut run: impl AsyncFnMut(&str) -> String) -> String {
    let mut printed = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        printed += &format!("{line}\n");
        if line == "```console" {
            let command = lines.next().expect("a command");
            printed += &format!("{command}\n{}", run(command.trim_start_matches("$ ")).await);
            lines.by_ref().find(|line| *line == "```").expect("the end of the block");
            printed += "```\n";
        }
    }
    printed
}
