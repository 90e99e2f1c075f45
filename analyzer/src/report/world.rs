//! The world as a map draws it: land and the middles of countries from Natural Earth, by the projection of that name
//! (Šavrič, Jenny, Patterson, Petrovič, Hurni 2011: "A Polynomial Equation for the Natural Earth Projection").
//!
//! The data are in analyzer/data; `make land` makes them.

use std::{collections::HashMap, fmt::Write as _, sync::LazyLock};

/// Rings of land: a first point and then steps, in tenths of a degree, longitude first.
const LAND: &str = include_str!("../../data/land.txt");
/// Code, name, longitude and latitude of each country.
const COUNTRIES: &str = include_str!("../../data/countries.tsv");

/// How wide the map is, in units of its drawing.
pub(super) const WIDTH: f64 = 960.0;
/// How high: from 84° north to 57° south, beyond which nobody runs servers.
pub(super) const HEIGHT: f64 = 428.0;
/// Units of the drawing from its upper edge to the equator.
const EQUATOR: f64 = 246.0;
/// Half the width of the projection, for a sphere of radius 1.
const HALF: f64 = 2.735_4;
/// Steps of the land's outline that are too short to be seen, in units of the drawing.
const INVISIBLE: f64 = 0.45;

/// A point of the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Where a place is on the map, in degrees.
pub(super) fn project(longitude: f64, latitude: f64) -> Point {
    let (lambda, phi) = (longitude.to_radians(), latitude.to_radians());
    let squared = phi * phi;
    let fourth = squared * squared;
    let x = lambda
        * (0.870_7 - 0.131_979 * squared
            + fourth * (-0.013_791 + fourth * squared * (0.003_971 - 0.001_529 * squared)));
    let y = phi
        * (1.007_226
            + squared * (0.015_085 + fourth * (-0.044_475 + 0.028_874 * squared - 0.005_916 * fourth)));
    let scale = WIDTH / 2.0 / HALF;
    Point { x: WIDTH / 2.0 + x * scale, y: EQUATOR - y * scale }
}

/// All land as one path.
pub(super) fn land() -> String {
    let mut path = String::new();
    for ring in LAND.lines() {
        let mut numbers = ring.split(' ').filter_map(|number| number.parse::<f64>().ok());
        let (mut x, mut y) = (0.0, 0.0);
        let mut drawn: Option<Point> = None;
        while let (Some(dx), Some(dy)) = (numbers.next(), numbers.next()) {
            (x, y) = (x + dx, y + dy);
            let point = project(x / 10.0, y / 10.0);
            let far = |from: Point| (point.x - from.x).hypot(point.y - from.y) >= INVISIBLE;
            // Writing into a text cannot fail.
            let _ = match drawn {
                None => write!(path, "M{:.1} {:.1}", point.x, point.y),
                Some(from) if far(from) => write!(path, "L{:.1} {:.1}", point.x, point.y),
                Some(_) => continue,
            };
            drawn = Some(point);
        }
        path.push('Z');
    }
    path
}

/// A country: its name, and its middle on the map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Country {
    pub(super) name: &'static str,
    pub(super) middle: Point,
}

/// A country by its code; none where it is no code.
pub(super) fn country(code: &str) -> Option<Country> {
    // Asked for each address of a report.
    static BY_CODE: LazyLock<HashMap<&str, Country>> =
        LazyLock::new(|| COUNTRIES.lines().filter_map(of_row).collect());
    BY_CODE.get(code).copied()
}

fn of_row(row: &'static str) -> Option<(&'static str, Country)> {
    let [code, name, longitude, latitude] = row.split('\t').collect::<Vec<_>>()[..] else { return None };
    Some((code, Country { name, middle: project(longitude.parse().ok()?, latitude.parse().ok()?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projection_is_that_of_its_authors() {
        // Of their tables: at 30° the parallel is 0.9570 as long as the equator, at 60° 0.8196.
        let length = |latitude| (project(180.0, latitude).x - WIDTH / 2.0) / (WIDTH / 2.0);
        for (latitude, expected) in [(0.0, 1.0), (30.0, 0.957), (60.0, 0.819_6)] {
            assert!((length(latitude) - expected).abs() < 0.002, "{latitude}: {}", length(latitude));
        }
        assert_eq!(project(0.0, 0.0), Point { x: WIDTH / 2.0, y: EQUATOR });
        let (north, south) = (project(10.0, 40.0), project(-10.0, -40.0));
        assert!((north.x + south.x - WIDTH).abs() < 1e-9 && (north.y + south.y - 2.0 * EQUATOR).abs() < 1e-9);
    }

    #[test]
    fn every_country_is_on_the_map_and_so_is_all_land() {
        let inside = |point: Point| (0.0..=WIDTH).contains(&point.x) && (0.0..=HEIGHT).contains(&point.y);
        let codes = COUNTRIES.lines().filter_map(|row| row.get(..2));
        let countries: Vec<(&str, Country)> = codes.filter_map(|code| Some((code, country(code)?))).collect();
        assert_eq!(countries.len(), COUNTRIES.lines().count());
        let outside: Vec<&str> =
            countries.iter().filter(|(_, country)| !inside(country.middle)).map(|(code, _)| *code).collect();
        assert_eq!(outside, ["AQ"]);
        for (code, name) in [("DE", "Germany"), ("SG", "Singapore"), ("XK", "Kosovo")] {
            assert_eq!(country(code).map(|country| country.name), Some(name));
        }
        assert!(country("").is_none() && country("ZZ").is_none() && country("D").is_none());
        let land = land();
        let numbers = land.split(['M', 'L', 'Z', ' ']).filter_map(|number| number.parse::<f64>().ok());
        assert!(
            numbers.clone().count() > 5_000
                && numbers.clone().all(|number| (-1.0..=WIDTH + 1.0).contains(&number))
        );
    }
}
