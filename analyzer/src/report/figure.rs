//! Figures as they stand in the page and in files of their own: a drawing, what it shows in words, and the same as a
//! table for whoever cannot see it.

use askama::Template;
use electrum::text::printable;

use super::{STYLE_OF_FIGURES, charts::Shapes};

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// Of the file, and of what belongs together in the page.
    pub(super) name: String,
    /// In a few words.
    pub(super) title: String,
    /// What it shows, in a sentence or two.
    pub(super) description: String,
    /// Width and height, in units of the drawing.
    pub(super) size: [f64; 2],
    /// The shapes, as markup in which everything is escaped.
    pub(super) shapes: String,
    /// The numbers behind it.
    pub(super) table: Table,
}

/// A table: what its columns are called, and its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Most characters of a cell.
const LONGEST: usize = 600;

impl Table {
    /// A table, whoever wrote what is in it.
    pub(super) fn new<const COLUMNS: usize>(
        head: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) -> Self {
        let row = |row: [String; COLUMNS]| row.map(|cell| printable(&cell, LONGEST)).into();
        Self { head: head.map(str::to_owned).into(), rows: rows.into_iter().map(row).collect() }
    }
}

/// The drawing; `style` is empty within a page, which has it already.
#[derive(Template)]
#[template(path = "figure.svg")]
struct Drawing<'f> {
    figure: &'f Figure,
    style: &'static str,
}

impl Figure {
    /// A drawing with its words and its numbers.
    pub(super) fn new(name: &str, title: &str, description: String, shapes: Shapes, table: Table) -> Self {
        let Shapes { size, markup } = shapes;
        Self { name: name.to_owned(), title: title.to_owned(), description, size, shapes: markup, table }
    }

    /// The drawing as it stands in the page.
    pub(super) fn inline(&self) -> Result<String, askama::Error> {
        Drawing { figure: self, style: "" }.render()
    }

    /// The drawing as a file.
    pub(super) fn file(&self) -> Result<String, askama::Error> {
        Drawing { figure: self, style: STYLE_OF_FIGURES }.render()
    }
}
