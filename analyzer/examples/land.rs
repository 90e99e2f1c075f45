//! Makes the geometry of the map from public data: `make land`, which fetches
//!
//! - `world-atlas` 2.0.2 (ISC), the countries of Natural Earth (public domain) as TopoJSON, once coarse for the land and
//!   once fine for the middles of countries,
//! - `i18n-iso-countries` (MIT), the codes and English names of countries.
//!
//! `cargo run -p analyzer --example land -- FOLDER` reads FOLDER/node_modules and writes `land.txt` (a ring a line, its
//! first point and then steps, in tenths of a degree, longitude first) and `countries.tsv` (code, name, longitude and
//! latitude of the middle of the country's largest part) into analyzer/data.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// Degrees: longitude, latitude.
type Point = [f64; 2];
type Ring = Vec<Point>;

#[derive(Deserialize)]
struct Topology {
    arcs: Vec<Vec<[f64; 2]>>,
    transform: Transform,
    objects: Objects,
}

#[derive(Deserialize)]
struct Objects {
    countries: Collection,
}

#[derive(Deserialize)]
struct Transform {
    scale: [f64; 2],
    translate: [f64; 2],
}

#[derive(Deserialize)]
struct Collection {
    geometries: Vec<Geometry>,
}

#[derive(Deserialize)]
struct Geometry {
    #[serde(default)]
    id: Option<String>,
    properties: Properties,
    arcs: Value,
}

#[derive(Deserialize)]
struct Properties {
    name: String,
}

impl Topology {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn countries(&self) -> impl Iterator<Item = &Geometry> {
        self.objects.countries.geometries.iter()
    }

    /// An arc; a negative number means the one of its complement, backwards.
    fn arc(&self, number: i64) -> anyhow::Result<Ring> {
        let forwards = number >= 0;
        let place = usize::try_from(if forwards { number } else { !number })?;
        let (mut x, mut y) = (0.0, 0.0);
        let Transform { scale, translate } = &self.transform;
        let mut points: Ring = self
            .arcs
            .get(place)
            .context("an arc that is not there")?
            .iter()
            .map(|[dx, dy]| {
                (x, y) = (x + dx, y + dy);
                [x * scale[0] + translate[0], y * scale[1] + translate[1]]
            })
            .collect();
        if !forwards {
            points.reverse();
        }
        Ok(points)
    }

    /// The rings of a polygon or of several: wherever a list of numbers is, it is a ring.
    fn rings(&self, arcs: &Value) -> anyhow::Result<Vec<Ring>> {
        let list = arcs.as_array().context("no list of arcs")?;
        if list.iter().all(Value::is_i64) {
            let mut ring = Ring::new();
            for number in list.iter().filter_map(Value::as_i64) {
                let skipped = usize::from(!ring.is_empty()); // arcs share their ends
                ring.extend(self.arc(number)?.into_iter().skip(skipped));
            }
            unwrap(&mut ring);
            return Ok(vec![ring]);
        }
        let nested: Vec<_> = list.iter().map(|inner| self.rings(inner)).collect::<Result<_, _>>()?;
        Ok(nested.concat())
    }
}

/// Rings that cross the date line jump there from 180° to -180°: lets them go on to 190°.
fn unwrap(ring: &mut Ring) {
    for place in 1..ring.len() {
        let before = ring[place - 1][0];
        let turns = ((ring[place][0] - before) / 360.0).round();
        ring[place][0] -= 360.0 * turns;
    }
}

/// What of a ring is on the map, and what comes in again at the other side.
fn cut(ring: &Ring) -> impl Iterator<Item = Ring> {
    [-360.0, 0.0, 360.0]
        .map(|shift| {
            let inside = |[x, y]: &Point| [(x + shift).clamp(-180.0, 180.0), *y];
            ring.iter().map(inside).collect::<Ring>()
        })
        .into_iter()
        .filter(|ring| ring.iter().any(|[x, _]| x.abs() < 180.0))
}

/// The area of a ring, in square degrees at the equator, and its middle.
fn middle(ring: &Ring) -> (f64, Point) {
    let mean = ring.iter().map(|[_, y]| y).sum::<f64>() / ring.len() as f64;
    let (mut area, mut cx, mut cy) = (0.0, 0.0, 0.0);
    for ([x0, y0], [x1, y1]) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let cross = x0 * y1 - x1 * y0;
        area += cross / 2.0;
        (cx, cy) = (cx + (x0 + x1) * cross, cy + (y0 + y1) * cross);
    }
    ((area * mean.to_radians().cos()).abs(), [cx / (6.0 * area), cy / (6.0 * area)])
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are few")]
fn tenths(degrees: f64) -> i32 {
    (degrees * 10.0).round() as i32
}

fn land(topology: &Topology) -> anyhow::Result<String> {
    let mut text = String::new();
    for country in topology.countries().filter(|country| country.properties.name != "Antarctica") {
        for ring in topology.rings(&country.arcs)?.iter().flat_map(cut) {
            let mut points: Vec<[i32; 2]> = ring.into_iter().map(|point| point.map(tenths)).collect();
            points.dedup();
            let mut last = [0, 0];
            let steps: Vec<String> = points
                .into_iter()
                .map(|[x, y]| {
                    let step = format!("{} {}", x - last[0], y - last[1]);
                    last = [x, y];
                    step
                })
                .collect();
            if steps.len() > 3 {
                writeln!(text, "{}", steps.join(" "))?;
            }
        }
    }
    Ok(text)
}

fn countries(topology: &Topology, folder: &Path) -> anyhow::Result<String> {
    let package = folder.join("i18n-iso-countries");
    let codes: Vec<[String; 4]> = serde_json::from_slice(&fs::read(package.join("codes.json"))?)?;
    let names: Value = serde_json::from_slice(&fs::read(package.join("langs/en.json"))?)?;
    let mut rows = BTreeMap::new();
    for country in topology.countries() {
        let by_number = |[_, _, number, _]: &&[String; 4]| country.id.as_ref() == Some(number);
        let code = match codes.iter().find(by_number) {
            Some([code, ..]) => code.as_str(),
            // It has no number, but GeoIP databases have a code for it.
            None if country.properties.name == "Kosovo" => "XK",
            None => continue,
        };
        let of_code = &names["countries"][code];
        let name = of_code.as_str().or_else(|| of_code[0].as_str()).unwrap_or(&country.properties.name);
        let largest = topology.rings(&country.arcs)?.iter().map(middle).max_by(|a, b| a.0.total_cmp(&b.0));
        let (_, [x, y]) = largest.context("a country without land")?;
        let x = x - 360.0 * (x / 360.0).round();
        // Several shapes may have one code: the first is the country, the others are what belongs to it.
        rows.entry(code.to_owned()).or_insert_with(|| format!("{code}\t{name}\t{x:.1}\t{y:.1}\n"));
    }
    Ok(rows.into_values().collect())
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("usage: land FOLDER")?;
    let packages = Path::new(&folder).join("node_modules");
    let atlas = |scale| Topology::read(&packages.join(format!("world-atlas/countries-{scale}.json")));
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    fs::write(data.join("land.txt"), land(&atlas("110m")?)?)?;
    fs::write(data.join("countries.tsv"), countries(&atlas("50m")?, &packages)?)?;
    Ok(())
}
