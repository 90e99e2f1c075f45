//! Kinds of drawings: bars, columns and curves. Each takes numbers and gives a [`Figure`](super::figure::Figure)'s
//! shapes; what they mean is for whoever draws them.

mod bars;
mod columns;
mod curves;

pub(super) use bars::{Bar, bars};
pub(super) use columns::columns;
pub(super) use curves::{Curve, curves};

/// How wide these drawings are, in units: so few that words can be read where a telephone makes them smaller.
const WIDTH: f64 = 400.0;

/// A drawing: its size and its shapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shapes {
    pub(super) size: [f64; 2],
    pub(super) markup: String,
}
