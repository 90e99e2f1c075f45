//! Horizontal bars, one below the other, each with its label above and its number after it. A bar may be of parts.

use askama::Template;
use electrum::text::printable;

use super::{Shapes, WIDTH};

/// Most characters of a label.
const LONGEST: usize = 48;
/// From one bar to the next.
const ROW: f64 = 41.0;
/// From a label's line to its bar.
const BELOW: f64 = 7.0;
/// Room for the numbers.
const RIGHT: f64 = 92.0;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Bar {
    pub(in crate::report) label: String,
    /// Its parts and the classes by which the style colours them.
    pub(in crate::report) parts: Vec<(f64, &'static str)>,
    /// What is written after it.
    pub(in crate::report) number: String,
}

#[derive(Template)]
#[template(path = "bars.svg")]
struct Drawn {
    rows: Vec<Row>,
}

struct Row {
    label: String,
    number: String,
    /// The line that the label stands on.
    line: f64,
    y: f64,
    end: f64,
    parts: Vec<Part>,
}

struct Part {
    x: f64,
    width: f64,
    class: &'static str,
}

/// Draws bars. The longest fills the width.
pub(in crate::report) fn bars(bars: &[Bar]) -> Result<Shapes, askama::Error> {
    let total = |bar: &Bar| bar.parts.iter().map(|(part, _)| part).sum::<f64>();
    let longest = bars.iter().map(total).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - RIGHT) / longest;
    let rows = bars.iter().enumerate().map(|(place, bar)| {
        let line = place as f64 * ROW + 15.0;
        let mut x = 0.0;
        let parts = bar.parts.iter().filter(|(value, _)| *value > 0.0).map(|(value, class)| {
            let part = Part { x, width: value * scale, class };
            x += part.width;
            part
        });
        let parts = parts.collect();
        let end = if x > 0.0 { x + 7.0 } else { 0.0 };
        Row {
            label: printable(&bar.label, LONGEST),
            number: bar.number.clone(),
            line,
            y: line + BELOW,
            end,
            parts,
        }
    });
    let markup = Drawn { rows: rows.collect() }.render()?;
    Ok(Shapes { size: [WIDTH, bars.len() as f64 * ROW + 4.0], markup })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_labels_are_escaped() {
        let bar = |label: &str, value| Bar {
            label: label.to_owned(),
            parts: vec![(value, "s0"), (value, "s1")],
            number: value.to_string(),
        };
        let drawn = bars(&[bar("<script>\u{202e}", 2.0), bar("other", 1.0)]).expect("draws");
        assert!(drawn.markup.contains(r#"class="s1" x="154.0" y="22.0" width="154.0""#), "{}", drawn.markup);
        assert!(!drawn.markup.contains("<script>") && !drawn.markup.contains('\u{202e}'), "{}", drawn.markup);
        assert_eq!(drawn.size, [WIDTH, 86.0]);
        assert_eq!(bars(&[]).expect("draws").size[1], 4.0);
    }
}
