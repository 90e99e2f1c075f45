//! Curves of shares, from nothing to everything, over a course that begins at one.

use std::fmt::Write as _;

use askama::Template;
use electrum::text::printable;

use super::{Shapes, WIDTH};

const TOP: f64 = 14.0;
const BOTTOM: f64 = 244.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 392.0;
/// From one line of the legend to the next.
const LINE: f64 = 23.0;
/// Most characters of a label.
const LONGEST: usize = 38;

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Curve {
    pub(in crate::report) label: String,
    /// Shares from 0 to 1, after the first step, the second, …
    pub(in crate::report) values: Vec<f64>,
    /// The class by which the style colours and dashes it.
    pub(in crate::report) class: &'static str,
}

#[derive(Template)]
#[template(path = "curves.svg")]
struct Drawn<'a> {
    left: f64,
    right: f64,
    bottom: f64,
    middle: f64,
    axis: &'a str,
    grid: Vec<(f64, String)>,
    ticks: Vec<(f64, usize)>,
    curves: Vec<Line>,
}

struct Line {
    path: String,
    class: &'static str,
    label: String,
    legend: f64,
}

/// Draws curves, of which the longest fills the width; `axis` says what the steps are.
pub(in crate::report) fn curves(curves: &[Curve], axis: &str) -> Result<Shapes, askama::Error> {
    let steps = curves.iter().map(|curve| curve.values.len()).max().unwrap_or_default().max(2);
    let x = |step: usize| LEFT + (RIGHT - LEFT) * step as f64 / (steps - 1) as f64;
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0);
    let lines = curves.iter().enumerate().map(|(place, curve)| {
        let mut path = String::new();
        for (step, share) in curve.values.iter().enumerate() {
            let letter = if step == 0 { 'M' } else { 'L' };
            // Writing into a text cannot fail.
            let _ = write!(path, "{letter}{:.1} {:.1}", x(step), y(*share));
        }
        let legend = BOTTOM + 64.0 + place as f64 * LINE;
        Line { path, class: curve.class, label: printable(&curve.label, LONGEST), legend }
    });
    let grid = [0, 25, 50, 75, 100].map(|percent| (y(f64::from(percent) / 100.0), format!("{percent} %")));
    let ticks = [1, 10, 20, 30, 40, 50, 60].into_iter().filter(|tick| *tick <= steps);
    let markup = Drawn {
        left: LEFT,
        right: RIGHT,
        bottom: BOTTOM,
        middle: f64::midpoint(LEFT, RIGHT),
        axis,
        grid: grid.into(),
        ticks: ticks.map(|tick| (x(tick - 1), tick)).collect(),
        curves: lines.collect(),
    }
    .render()?;
    Ok(Shapes { size: [WIDTH, BOTTOM + 58.0 + curves.len() as f64 * LINE], markup })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_from_the_left_to_the_right_and_never_leave_the_frame() {
        let curve = Curve { label: "one & all".to_owned(), values: vec![0.0, 0.5, 7.0], class: "s0" };
        let drawn = curves(&[curve], "sessions").expect("draws");
        assert!(drawn.markup.contains("M48.0 244.0L220.0 129.0L392.0 14.0"), "{}", drawn.markup);
        assert!(drawn.markup.contains("one &#38; all"), "{}", drawn.markup);
        assert!(curves(&[], "").is_ok());
    }
}
