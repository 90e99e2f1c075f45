//! The report for readers: one page that needs nothing beside it, the map, and the figures (docs/data.md).
//!
//! Data in, text out. Every text may come from a server: templates escape it, and [`printable`] shows what could hide.
//! The page asks nobody for anything: its policy forbids that, and names its style and its script by their digests.
//!
//! [`printable`]: electrum::text::printable

mod charts;
mod drawings;
mod exposure;
mod figure;
mod hands;
mod map;
mod operators;
mod page;
mod policy;
mod servers;
mod software;
mod words;
mod world;

use crate::analysis::Analysis;

/// How drawings look, in the page and in files of their own.
const STYLE_OF_FIGURES: &str = include_str!("../templates/figure.css");

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it lies in the folder: `index.html`, `figures/latency.svg`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The files of a report that people read.
///
/// # Errors
/// None in practice: texts can always be written.
pub fn files(analysis: &Analysis) -> Result<Vec<File>, askama::Error> {
    let drawings = drawings::Drawings::of(analysis)?;
    let mut files = vec![File { path: "index.html".to_owned(), text: page::page(analysis, &drawings)? }];
    files.push(File { path: "map.svg".to_owned(), text: drawings.map.file()? });
    for figure in drawings.figures() {
        files.push(File { path: path_of_figure(&figure.name), text: figure.file()? });
    }
    Ok(files)
}

/// Where files lie that not every report has.
pub(crate) fn optional() -> impl Iterator<Item = String> {
    exposure::names().map(|name| path_of_figure(&name))
}

fn path_of_figure(name: &str) -> String {
    format!("figures/{name}.svg")
}
