//! Problems of files, a line each, for people or for machines.

use std::{
    fs,
    io::{self, Read as _},
};

use electrum::text::printable;
use serde::Serialize;

use super::{Problem, lint};

/// Most characters of a line.
const LINE: usize = 4_000;

/// A problem, and where.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}

/// The problems of a file, or of standard input where it is called `-`: a line each, as a JSON object or in words.
/// `probe` says whether a probe of that id exists.
///
/// # Errors
/// Where the file cannot be read.
pub fn lines(file: &str, json: bool, probe: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let problems = lint(&read(file)?, probe);
    let line = |problem: &Problem| {
        let line =
            if json { serde_json::to_string(&Row { file, problem })? } else { format!("{file}: {problem}") };
        Ok(printable(&line, LINE) + "\n")
    };
    problems.iter().map(line).collect()
}

fn read(file: &str) -> io::Result<String> {
    if file != "-" {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map(|_| text)
}
