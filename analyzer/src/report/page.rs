//! The page: everything that it says, gathered from an analysis. Its words are in templates/index.html.

use std::collections::BTreeMap;

use askama::Template;
use electrum::Network;
use electrum::text::printable;
use model::assessment::{Level, Sign};

use super::{
    STYLE_OF_FIGURES,
    drawings::Drawings,
    exposure,
    figure::Table,
    hands::{self, Weighted},
    operators::{Operator, operators},
    policy::policy,
    servers::{Choices, Held, Line, held, lines},
    words::{counted, day, percent},
};
use crate::{
    analysis::Analysis,
    assess,
    exposure::Exposure,
    figures::{Dimension, SharedKey, Weighting},
};

const STYLE_OF_PAGE: &str = include_str!("../../templates/page.css");
const SCRIPT: &str = include_str!("../../templates/page.js");

/// Keys that are shown, and holders that are named of each.
const MOST_KEYS: usize = 30;
const MOST_HOLDERS: usize = 8;

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    policy: String,
    style: String,
    script: &'static str,
    network: Network,
    /// Whether there is money on it.
    real: bool,
    /// The first and the last.
    days: Option<(String, String)>,
    servers: usize,
    spoilt: usize,
    reachable: usize,
    clear: usize,
    suspicious: usize,
    dishonest: usize,
    groups: usize,
    /// Groups that say that they are one.
    declared: usize,
    /// As many equal operators would be as concentrated.
    effective: String,
    /// Operators that are chosen more than every second time.
    half: Option<usize>,
    /// Servers whose lines look like those of homes.
    homes: usize,
    drawings: &'a Drawings,
    operators: Vec<Operator<'a>>,
    more_operators: usize,
    signs: Vec<(&'a Sign, usize)>,
    concentration: Vec<Weighted>,
    exposure: &'a Exposure,
    courses: Table,
    padding_share: String,
    choices: Choices,
    lines: Vec<Line>,
    held: Vec<Held>,
    keys: Table,
    model: String,
}

/// The page of an analysis.
pub(super) fn page(analysis: &Analysis, drawings: &Drawings) -> Result<String, askama::Error> {
    let style = [STYLE_OF_FIGURES, STYLE_OF_PAGE].concat();
    let summary = &analysis.summary;
    let count = |level| summary.levels.get(&level).copied().unwrap_or_default();
    let first = analysis.measures.iter().filter_map(|measures| measures.first_seen).min();
    let chosen = analysis.figures.centralisation.get(&Weighting::Selection);
    let chosen =
        chosen.and_then(|dimensions| dimensions.get(&Dimension::Operator)).filter(|found| found.holders > 0);
    let (operators, more_operators) = operators(&analysis.groups);
    let lines = lines(analysis);
    Page {
        policy: policy(&style, SCRIPT),
        style,
        script: SCRIPT,
        network: summary.network,
        real: summary.network == Network::Mainnet,
        days: first.map(day).zip(summary.generated_at.map(day)),
        servers: summary.servers,
        spoilt: summary.spoilt,
        reachable: summary.reachable,
        clear: count(Level::Clear),
        suspicious: count(Level::Suspicious),
        dishonest: count(Level::Dishonest),
        groups: analysis.groups.len(),
        declared: analysis.groups.iter().filter(|group| group.declared).count(),
        effective: chosen.map_or_else(|| "–".to_owned(), |found| format!("{:.1}", found.figure.effective)),
        half: chosen.map(|found| found.figure.nakamoto_50),
        homes: analysis.measures.iter().filter(|measures| measures.residential).count(),
        drawings,
        operators,
        more_operators,
        signs: signs(analysis),
        concentration: hands::concentration(&analysis.figures.centralisation),
        exposure: &analysis.exposure,
        courses: exposure::table(&analysis.exposure),
        padding_share: percent(analysis.exposure.padding.padding_share),
        choices: Choices::of(&lines, analysis),
        lines,
        held: held(&analysis.assessments),
        keys: keys(&analysis.figures.distributions.shared_keys),
        model: assess::model(),
    }
    .render()
}

/// Signs that any server has, and how many have each.
fn signs(analysis: &Analysis) -> Vec<(&Sign, usize)> {
    let mut signs: BTreeMap<(&str, &str), (&Sign, usize)> = BTreeMap::new();
    for sign in analysis.assessments.iter().flat_map(|assessment| &assessment.signs) {
        signs.entry((&sign.organisation, &sign.statement)).or_insert((sign, 0)).1 += 1;
    }
    signs.into_values().collect()
}

fn keys(keys: &[SharedKey]) -> Table {
    let rows = keys.iter().take(MOST_KEYS).map(|key| {
        let named = key.servers.iter().take(MOST_HOLDERS).map(|server| printable(server, 60));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = key.servers.len().saturating_sub(MOST_HOLDERS);
        let named = if more > 0 { format!("{named} and {more} more") } else { named };
        [format!("{}…", key.spki_sha256.get(..16).unwrap_or_default()), key.servers.len().to_string(), named]
    });
    Table::new(["Key (SHA-256)", "Servers", "Which"], rows)
}
