//! The scenarios that come with this crate.

use super::{Scenario, ScenarioError};
use crate::grammar::Library;

/// Names and texts, by name.
const FILES: [(&str, &str); 28] = [
    ("hostile", include_str!("../../scenarios/hostile.toml")),
    ("mixed-2026", include_str!("../../scenarios/mixed-2026.toml")),
    ("mixed-operators", include_str!("../../scenarios/mixed-operators.toml")),
    ("n1-passive-logger", include_str!("../../scenarios/n1-passive-logger.toml")),
    ("n2-monoculture", include_str!("../../scenarios/n2-monoculture.toml")),
    ("n3-pair", include_str!("../../scenarios/n3-pair.toml")),
    ("n4-overload", include_str!("../../scenarios/n4-overload.toml")),
    ("n5-reorg-lag", include_str!("../../scenarios/n5-reorg-lag.toml")),
    ("n6-warning", include_str!("../../scenarios/n6-warning.toml")),
    ("n7-same-datacentre", include_str!("../../scenarios/n7-same-datacentre.toml")),
    ("x1-phishing", include_str!("../../scenarios/x1-phishing.toml")),
    ("x1-phishing-old-clients", include_str!("../../scenarios/x1-phishing-old-clients.toml")),
    ("x10-fake-broadcast", include_str!("../../scenarios/x10-fake-broadcast.toml")),
    ("x11-stall", include_str!("../../scenarios/x11-stall.toml")),
    ("x12-proxy", include_str!("../../scenarios/x12-proxy.toml")),
    ("x13-spoofer", include_str!("../../scenarios/x13-spoofer.toml")),
    ("x14-discriminator", include_str!("../../scenarios/x14-discriminator.toml")),
    ("x15-slow-logger", include_str!("../../scenarios/x15-slow-logger.toml")),
    ("x16-eclipse", include_str!("../../scenarios/x16-eclipse.toml")),
    ("x17-dear-fees", include_str!("../../scenarios/x17-dear-fees.toml")),
    ("x2-flood", include_str!("../../scenarios/x2-flood.toml")),
    ("x3-lapsed-name", include_str!("../../scenarios/x3-lapsed-name.toml")),
    ("x4-fleet", include_str!("../../scenarios/x4-fleet.toml")),
    ("x5-brands", include_str!("../../scenarios/x5-brands.toml")),
    ("x6-omission", include_str!("../../scenarios/x6-omission.toml")),
    ("x7-cut-history", include_str!("../../scenarios/x7-cut-history.toml")),
    ("x8-other-chain", include_str!("../../scenarios/x8-other-chain.toml")),
    ("x9-fee-burn", include_str!("../../scenarios/x9-fee-burn.toml")),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// A scenario by its name; none where there is none.
///
/// # Errors
/// None in practice: a test reads them all.
#[must_use]
pub fn named(name: &str, grammars: &Library) -> Option<Result<Scenario, ScenarioError>> {
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(Scenario::read(text, &format!("{name}.toml"), grammars))
}
