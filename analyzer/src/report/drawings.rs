//! The figures of a report: which there are, and from what numbers each is drawn.

use model::assessment::Level;

use super::{
    charts::{Bar, Curve, bars, columns, curves},
    exposure::{name_of_course, shown_courses},
    figure::{Figure, Table},
    map::map,
    software,
    words::percent,
    world,
};
use crate::{
    analysis::Analysis,
    exposure::Course,
    figures::{Dimension, Share, Weighting},
    text::plural,
};

/// Bars of a list; the page's table of the same has them all.
const MOST_BARS: usize = 12;
/// Curves of one drawing.
const MOST_CURVES: usize = 5;
/// The classes by which the style tells series apart.
const SERIES: [&str; 5] = ["s0", "s1", "s2", "s3", "s4"];
/// Classes of latency, and where they end, in milliseconds.
const LATENCIES: [(&str, f64); 7] = [
    ("< 10", 10.0),
    ("10–30", 30.0),
    ("30–100", 100.0),
    ("100–300", 300.0),
    ("0.3–1 s", 1_000.0),
    ("1–3 s", 3_000.0),
    ("> 3 s", f64::INFINITY),
];

/// The figures of a report.
#[derive(Debug)]
pub(super) struct Drawings {
    pub(super) map: Figure,
    pub(super) levels: Figure,
    pub(super) countries: Figure,
    pub(super) systems: Figure,
    pub(super) operators: Figure,
    pub(super) software: Figure,
    pub(super) protocols: Figure,
    pub(super) tls: Figure,
    pub(super) latency: Figure,
    pub(super) uptime: Figure,
    pub(super) exposure: Vec<Figure>,
}

impl Drawings {
    /// Draws them.
    pub(super) fn of(analysis: &Analysis) -> Result<Self, askama::Error> {
        let made_of = &analysis.figures.distributions;
        let courses = shown_courses(&analysis.exposure);
        Ok(Self {
            map: map(&analysis.assessments)?,
            levels: levels(analysis)?,
            countries: shares("countries", "Countries", "country", &named(&made_of.countries))?,
            systems: shares("networks", "Networks they are in", "autonomous system", &made_of.systems)?,
            operators: operators(analysis)?,
            software: software::figure_of(&analysis.assessments)?,
            protocols: shares(
                "protocols",
                "Highest protocol version declared",
                "version",
                &made_of.protocols,
            )?,
            tls: shares("tls", "TLS versions", "version", &made_of.tls_versions)?,
            latency: latency(analysis)?,
            uptime: uptime(&made_of.uptime)?,
            exposure: courses.into_iter().map(exposure).collect::<Result<_, _>>()?,
        })
    }

    /// Those that are files in the folder `figures`.
    pub(super) fn figures(&self) -> impl Iterator<Item = &Figure> {
        let Self {
            map: _,
            levels,
            countries,
            systems,
            operators,
            software,
            protocols,
            tls,
            latency,
            uptime,
            exposure,
        } = self;
        [levels, countries, systems, operators, software, protocols, tls, latency, uptime]
            .into_iter()
            .chain(exposure)
    }
}

fn levels(analysis: &Analysis) -> Result<Figure, askama::Error> {
    let all = [Level::Dishonest, Level::Suspicious, Level::Notable, Level::Clear];
    let count = |level: Level| analysis.summary.levels.get(&level).copied().unwrap_or_default();
    let drawn = all.map(|level| Bar {
        label: level.name().to_owned(),
        parts: vec![(count(level) as f64, level.name())],
        number: count(level).to_string(),
    });
    let rows = all.map(|level| [level.name().to_owned(), count(level).to_string()]);
    let description = format!(
        "Of {}, how many are in which band of suspicion.",
        plural(analysis.summary.servers, "server")
    );
    Ok(Figure::new(
        "levels",
        "What was found",
        description,
        bars(&drawn)?,
        Table::new(["Band", "Servers"], rows),
    ))
}

/// Countries by their names.
fn named(countries: &[Share]) -> Vec<Share> {
    let name =
        |code: &str| world::country(code).map_or_else(|| code.to_owned(), |country| country.name.to_owned());
    countries.iter().map(|share| Share { value: name(&share.value), ..share.clone() }).collect()
}

/// Bars of a distribution.
fn shares(name: &str, title: &str, what: &str, shares: &[Share]) -> Result<Figure, askama::Error> {
    let drawn: Vec<Bar> = shares
        .iter()
        .take(MOST_BARS)
        .map(|share| Bar {
            label: share.value.clone(),
            parts: vec![(share.servers as f64, if share.value == "unknown" { "none" } else { "s0" })],
            number: format!("{} · {}", share.servers, percent(share.share)),
        })
        .collect();
    let more = shares.len().saturating_sub(MOST_BARS);
    let rest = if more > 0 { format!(" The table has {more} more.") } else { String::new() };
    let description = format!("How many of the servers that are up have each {what}.{rest}");
    Ok(Figure::new(name, title, description, bars(&drawn)?, table_of("Value", shares)))
}

/// A distribution as a table.
fn table_of(what: &str, shares: &[Share]) -> Table {
    let rows =
        shares.iter().map(|share| [share.value.clone(), share.servers.to_string(), percent(share.share)]);
    Table::new([what, "Servers", "Share"], rows)
}

fn operators(analysis: &Analysis) -> Result<Figure, askama::Error> {
    let chosen = analysis.figures.centralisation.get(&Weighting::Selection);
    let chosen = chosen.and_then(|dimensions| dimensions.get(&Dimension::Operator));
    let largest = chosen.map(|found| found.largest.as_slice()).unwrap_or_default();
    // Who is not among the largest by a weighting has a share of it all the same.
    let members = &analysis.figures.members;
    let share = |weighting: Weighting, name: &str| {
        let all: f64 = members.iter().map(|member| weighting.of(member)).sum();
        let held = members.iter().filter(|member| member.operator == name);
        let held: f64 = held.map(|member| weighting.of(member)).sum();
        if all > 0.0 { percent(held / all) } else { "–".to_owned() }
    };
    let drawn: Vec<Bar> = largest
        .iter()
        .map(|holder| Bar {
            label: holder.name.clone(),
            parts: vec![(holder.share, "s0")],
            number: percent(holder.share),
        })
        .collect();
    let rows = largest.iter().map(|holder| {
        let by = |weighting| share(weighting, &holder.name);
        [holder.name.clone(), by(Weighting::Selection), by(Weighting::Adverts), by(Weighting::Buckets)]
    });
    let head = ["Operator", "Chance to be chosen", "Share of the hosts", "Share of the neighbourhoods"];
    let description =
        "The operators that Electrum is most likely to ask about a wallet, ten at the most, as far as the evidence \
                       tells servers of one operator from servers of several."
            .to_owned();
    Ok(Figure::new("operators", "Largest operators", description, bars(&drawn)?, Table::new(head, rows)))
}

fn latency(analysis: &Analysis) -> Result<Figure, askama::Error> {
    let known: Vec<f64> = analysis.figures.members.iter().filter_map(|member| member.latency_ms).collect();
    let mut from = 0.0;
    let classes = LATENCIES.map(|(class, to)| {
        let count = known.iter().filter(|latency| (from..to).contains(*latency)).count();
        from = to;
        (class.to_owned(), count)
    });
    let rows = classes.iter().map(|(class, count)| [class.clone(), count.to_string()]);
    let table = Table::new(["Milliseconds", "Servers"], rows);
    let description = format!(
        "The median time from a greeting to the first byte of its answer, of {}. Newer ElectrumX waits about a second \
         before it answers, on purpose.",
        plural(known.len(), "server")
    );
    Ok(Figure::new(
        "latency",
        "How fast they answer",
        description,
        columns(&classes, "milliseconds, and seconds where it says so")?,
        table,
    ))
}

fn uptime(shares: &[Share]) -> Result<Figure, askama::Error> {
    let classes: Vec<(String, usize)> =
        shares.iter().map(|share| (share.value.clone(), share.servers)).collect();
    let table = table_of("Uptime", shares);
    let description =
        "The share of visits that found a server up, of those that can tell. Between two visits anything \
                       may have happened."
            .to_owned();
    Ok(Figure::new(
        "uptime",
        "How often they are up",
        description,
        columns(&classes, "share of visits")?,
        table,
    ))
}

fn exposure(course: &Course) -> Result<Figure, askama::Error> {
    let shown = course.operators.iter().take(MOST_CURVES);
    let lines: Vec<Curve> = shown
        .clone()
        .zip(SERIES)
        .map(|(curve, class)| Curve {
            label: format!("{} ({})", curve.operator, plural(curve.hosts, "host")),
            values: curve.learns.clone(),
            class,
        })
        .collect();
    let after =
        |values: &[f64], sessions: usize| values.get(sessions - 1).copied().map(percent).unwrap_or_default();
    let rows = shown.map(|curve| {
        let [one, five, ten, thirty, sixty] =
            [1, 5, 10, 30, 60].map(|sessions| after(&curve.learns, sessions));
        [curve.operator.clone(), one, five, ten, thirty, sixty]
    });
    let table = Table::new(["Operator", "1 session", "5", "10", "30", "60"], rows);
    let (name, title) = name_of_course(course.setting);
    let description =
        "The probability that an operator was asked about the wallet’s addresses, which links them to \
                       each other, after so many sessions."
            .to_owned();
    Ok(Figure::new(&name, &title, description, curves(&lines, "sessions")?, table))
}
