//! The map: a dot for each server, around the middle of the country that its first address is in. Where a server is more
//! exactly nobody knows who only looks its address up, and of homes nobody should.

use std::{collections::BTreeMap, f64::consts::PI};

use askama::Template;
use model::{Assessment, assessment::Level};

use super::{
    charts::Shapes,
    figure::{Figure, Table},
    world::{self, Country, HEIGHT, Point, WIDTH},
};
use crate::text::plural;

/// The angle at which sunflowers set their seeds.
const GOLDEN: f64 = PI * (3.0 - 2.236_067_977_499_79);
/// How often circles that overlap are pushed apart.
const ROUNDS: usize = 300;
/// Servers that a country must have to be named on the map.
const NAMED: usize = 3;
/// How wide a character of a name is on the map, and how high it is.
const CHARACTER: [f64; 2] = [5.9, 11.0];

#[derive(Template)]
#[template(path = "map.svg")]
struct Drawn {
    land: String,
    spots: Vec<Spot>,
    size: f64,
    levels: Vec<Legend>,
}

/// The servers of a country.
struct Spot {
    title: String,
    /// What is written below or above it, and where, if there is room.
    name: Option<(&'static str, Point)>,
    centre: Point,
    radius: f64,
    dots: Vec<(Point, &'static str)>,
}

struct Legend {
    y: f64,
    name: &'static str,
}

/// Draws the map.
pub(super) fn map(assessments: &[Assessment]) -> Result<Figure, askama::Error> {
    let mut countries: BTreeMap<&str, Vec<Level>> = BTreeMap::new();
    for assessment in assessments {
        let place = assessment.addresses.first().and_then(|address| address.country.as_deref());
        if let Some(code) = place {
            countries.entry(code).or_default().push(assessment.level);
        }
    }
    let mut known: Vec<(Country, Vec<Level>)> =
        countries.into_iter().filter_map(|(code, levels)| Some((world::country(code)?, levels))).collect();
    known.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then(one.0.name.cmp(other.0.name)));
    let placed: usize = known.iter().map(|(_, levels)| levels.len()).sum();
    // Many servers have small dots, so that they leave some of the world to be seen.
    let seed = (46.0 / (placed.max(1) as f64).sqrt()).clamp(0.9, 3.2);
    let radius = |levels: &[Level]| seed * (levels.len() as f64).sqrt() + 1.2;
    let mut circles: Vec<(Point, f64)> =
        known.iter().map(|(country, levels)| (country.middle, radius(levels))).collect();
    part(&mut circles);
    let mut taken: Vec<[f64; 4]> =
        circles.iter().map(|(centre, radius)| frame(*centre, [2.0 * radius, 2.0 * radius])).collect();
    let mut spots = Vec::new();
    let mut rows = Vec::new();
    for ((country, mut levels), (centre, radius)) in known.into_iter().zip(circles) {
        levels.sort_unstable_by(|one, other| other.cmp(one));
        let count = |level| levels.iter().filter(|of| **of == level).count().to_string();
        // The table says to whoever sees colours alike what the dots say.
        let [clear, notable, suspicious, dishonest] = Level::ALL.map(count);
        let servers = plural(levels.len(), "server");
        let title = format!("{}: {servers}, {suspicious} suspicious, {dishonest} dishonest", country.name);
        let dots = levels.iter().enumerate().map(|(number, level)| {
            let (distance, angle) = (seed * (number as f64 + 0.5).sqrt(), number as f64 * GOLDEN);
            let dot = Point { x: centre.x + distance * angle.cos(), y: centre.y + distance * angle.sin() };
            (dot, level.name())
        });
        let dots = dots.collect();
        let all = levels.len().to_string();
        rows.push([country.name.to_owned(), all, clear, notable, suspicious, dishonest]);
        let name = if levels.len() < NAMED { None } else { name(country.name, centre, radius, &mut taken) };
        spots.push(Spot { title, name, centre, radius, dots });
    }
    let heights = [340.0, 362.0, 384.0, 406.0];
    let legend = Level::ALL.into_iter().zip(heights).map(|(level, y)| Legend { y, name: level.name() });
    let drawn = Drawn { land: world::land(), spots, size: seed * 0.74, levels: legend.collect() };
    let rest = match assessments.len() - placed {
        0 => String::new(),
        more => format!("Of {more} more no country is known, as of those that are reached through Tor."),
    };
    let description = format!(
        "A map of the world with a dot for each of {}, around the middle of the country that its address is in. {rest}",
        plural(placed, "server")
    );
    let shapes = Shapes { size: [WIDTH, HEIGHT], markup: drawn.render()? };
    let table = Table::new(["Country", "Servers", "Clear", "Notable", "Suspicious", "Dishonest"], rows);
    Ok(Figure::new("map", "Where the servers are", description, shapes, table))
}

/// A name and where it can be written, below its circle or above it, without touching what is drawn already.
fn name(
    name: &'static str,
    centre: Point,
    radius: f64,
    taken: &mut Vec<[f64; 4]>,
) -> Option<(&'static str, Point)> {
    let [wide, high] = CHARACTER;
    let size = [name.chars().count() as f64 * wide, high];
    let middles =
        [radius + high * 0.75, -radius - high * 0.75].map(|by| Point { x: centre.x, y: centre.y + by });
    let free = |middle: &Point| {
        let [left, top, right, bottom] = frame(*middle, size);
        taken.iter().all(|[l, t, r, b]| right <= *l || left >= *r || bottom <= *t || top >= *b)
    };
    let middle = middles.into_iter().find(free)?;
    taken.push(frame(middle, size));
    Some((name, Point { y: middle.y + high / 3.0, ..middle }))
}

/// Left, top, right and bottom of what has this middle and this size.
fn frame(middle: Point, [width, height]: [f64; 2]) -> [f64; 4] {
    let Point { x, y } = middle;
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}

/// Pushes circles apart that overlap, as little as that takes.
fn part(circles: &mut [(Point, f64)]) {
    for _ in 0..ROUNDS {
        let mut overlap = false;
        for one in 0..circles.len() {
            for other in one + 1..circles.len() {
                let ((a, ra), (b, rb)) = (circles[one], circles[other]);
                let (dx, dy) = (b.x - a.x, b.y - a.y);
                let distance = dx.hypot(dy).max(1e-6);
                let excess = ra + rb + 1.0 - distance;
                if excess <= 0.01 {
                    continue;
                }
                overlap = true;
                // The smaller one gives way; where they are at one point, to the east.
                let (ux, uy) = if distance > 1e-5 { (dx / distance, dy / distance) } else { (1.0, 0.0) };
                let share = rb / (ra + rb);
                let mut push = |place: usize, by: f64| {
                    let point = &mut circles[place].0;
                    (point.x, point.y) = (point.x + ux * by, point.y + uy * by);
                };
                push(one, -excess * share);
                push(other, excess * (1.0 - share));
            }
        }
        if !overlap {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn circles_do_not_overlap_in_the_end(places in proptest::collection::vec((300.0..660.0_f64, 60.0..300.0_f64, 2.0..20.0_f64), 1..25)) {
            let mut circles: Vec<_> = places.into_iter().map(|(x, y, radius)| (Point { x, y }, radius)).collect();
            part(&mut circles);
            for (place, (a, ra)) in circles.iter().enumerate() {
                for (b, rb) in &circles[place + 1..] {
                    prop_assert!((a.x - b.x).hypot(a.y - b.y) > (ra + rb) * 0.9, "{circles:?}");
                }
            }
        }
    }
}
