//! A histogram: columns beside each other, and what they are of below them.

use askama::Template;

use super::{Shapes, WIDTH};

const HEIGHT: f64 = 262.0;
/// The line that the columns stand on.
const GROUND: f64 = 206.0;
const TOP: f64 = 26.0;
const LEFT: f64 = 2.0;

#[derive(Template)]
#[template(path = "columns.svg")]
struct Drawn<'a> {
    ground: f64,
    left: f64,
    right: f64,
    columns: Vec<Column<'a>>,
    axis: &'a str,
    middle: f64,
}

struct Column<'a> {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    center: f64,
    count: usize,
    label: &'a str,
}

/// Draws how many there are of each class, the classes in order, and what the classes are of.
pub(in crate::report) fn columns(classes: &[(String, usize)], axis: &str) -> Result<Shapes, askama::Error> {
    let most = classes.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let step = (WIDTH - 2.0 * LEFT) / classes.len().max(1) as f64;
    let columns = classes.iter().enumerate().map(|(place, (label, count))| {
        let height = (GROUND - TOP) * *count as f64 / most as f64;
        let x = LEFT + place as f64 * step;
        Column {
            x: x + step * 0.08,
            y: GROUND - height,
            width: step * 0.84,
            height,
            center: x + step / 2.0,
            count: *count,
            label,
        }
    });
    let columns = columns.collect();
    let markup =
        Drawn { ground: GROUND, left: LEFT, right: WIDTH - LEFT, columns, axis, middle: WIDTH / 2.0 }
            .render()?;
    Ok(Shapes { size: [WIDTH, HEIGHT], markup })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_reaches_the_top() {
        let classes = [("< 1".to_owned(), 4), ("1–2".to_owned(), 2), ("> 2".to_owned(), 0)];
        let drawn = columns(&classes, "ms").expect("draws");
        assert!(
            drawn.markup.contains(r#"height="180.0""#) && drawn.markup.contains(r#"height="90.0""#),
            "{}",
            drawn.markup
        );
        assert!(drawn.markup.contains("&#60; 1"), "{}", drawn.markup);
        assert!(columns(&[], "").is_ok());
    }
}
