//! The verdict: which one implementation explains the evidence, which of its versions, and how surely.

use std::{fmt, ops::RangeInclusive};

use model::assessment::VersionRange;

use super::knowledge::{Evidence, Knowledge, Version, Weighed};

/// Observations that a named version must explain.
const ENOUGH: usize = 8;
/// Of so many answers one may contradict a version.
const DRIFT: usize = 20;

/// An implementation, named from its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    /// Its name: `ElectrumX`.
    pub name: String,
    /// The oldest version that it can be; `None` where nothing excludes those older than the oldest known.
    pub min: Option<Version>,
    /// The newest version that it can be; `None` where nothing excludes those newer than the newest known.
    pub max: Option<Version>,
    /// From 0 to 1: the share of observations that the version explains, times `1 − ½ᵏ`, where `k` observations
    /// exclude the implementation that comes closest.
    pub confidence: f64,
}

impl Identified {
    /// The versions that fit, as they are published.
    #[must_use]
    pub fn range(&self) -> VersionRange {
        VersionRange {
            name: self.name.clone(),
            min: self.min.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string),
            max: self.max.as_ref().map(ToString::to_string),
        }
    }
}

impl fmt::Display for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&versions(&self.range()))
    }
}

/// An implementation and the versions of it that fit, for readers.
#[must_use]
pub fn versions(found: &VersionRange) -> String {
    let VersionRange { name, min, max } = found;
    match (min.as_str(), max) {
        ("0", None) => name.clone(),
        ("0", Some(max)) => format!("{name} {max} or older"),
        (min, None) => format!("{name} {min} or newer"),
        (min, Some(max)) if min == max => format!("{name} {min}"),
        (min, Some(max)) => format!("{name} {min}–{max}"),
    }
}

/// How evidence stands to one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Habits of writing that the version does not have.
    pub grammar: usize,
    /// Answers that the version does not give.
    pub answers: usize,
    /// Answers that may differ from the captured ones, since no two installations are alike.
    pub allowed: usize,
    /// Observations that the version explains.
    pub explained: usize,
}

impl Fit {
    /// Whether the evidence speaks against the version.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.grammar > 0 || self.answers > self.allowed.max(1)
    }
}

/// A guess: one captured version, or what lies between two neighbours.
#[derive(Clone, Copy, Debug)]
struct Hypothesis {
    /// The versions, as places in the knowledge base.
    first: usize,
    last: usize,
    hard: usize,
    soft: usize,
    soft_covered: usize,
    explained: usize,
}

impl Hypothesis {
    fn weigh(first: usize, last: usize, evidence: impl Iterator<Item = Weighed>) -> Self {
        let versions = (1_u64 << first) | (1 << last);
        let mut this = Self { first, last, hard: 0, soft: 0, soft_covered: 0, explained: 0 };
        for weighed in evidence {
            if weighed.covered & versions == 0 {
                continue;
            }
            let contradicts = weighed.fits & versions == 0;
            this.explained += usize::from(!contradicts);
            if weighed.is_grammar() {
                this.hard += usize::from(contradicts);
            } else {
                this.soft += usize::from(contradicts);
                this.soft_covered += 1;
            }
        }
        this
    }

    fn contradictions(&self) -> usize {
        self.hard + self.soft
    }

    fn stands(&self, drifts: bool) -> bool {
        let allowed = if drifts { self.soft_covered / DRIFT } else { 0 };
        self.hard == 0 && self.soft <= allowed && self.explained >= ENOUGH
    }

    #[expect(clippy::cast_precision_loss, reason = "observations are some hundreds")]
    fn share(&self) -> f64 {
        self.explained as f64 / (self.explained + self.contradictions()).max(1) as f64
    }
}

/// The versions of one implementation, and how each guess fares.
struct Family {
    places: RangeInclusive<usize>,
    hypotheses: Vec<Hypothesis>,
}

impl Family {
    fn standing(&self) -> impl Iterator<Item = &Hypothesis> {
        let drifts = self.places.end() > self.places.start();
        self.hypotheses.iter().filter(move |hypothesis| hypothesis.stands(drifts))
    }

    fn fewest_contradictions(&self) -> usize {
        self.hypotheses.iter().map(Hypothesis::contradictions).min().unwrap_or(usize::MAX)
    }

    /// The versions that remain, with the best of the hypotheses: those that explain everything, else neighbours
    /// that do so together. Where neither does, the server runs a version that was not captured, and any may be it.
    fn remaining(&self) -> Option<(RangeInclusive<usize>, &Hypothesis)> {
        let explains_all = |h: &&Hypothesis| h.contradictions() == 0;
        let versions: Vec<_> = self.standing().filter(explains_all).filter(|h| h.first == h.last).collect();
        let neighbours: Vec<_> = self.standing().filter(explains_all).filter(|h| h.first != h.last).collect();
        let certain = if versions.is_empty() { neighbours } else { versions };
        match (certain.first(), certain.last()) {
            (Some(first), Some(last)) => Some((first.first..=last.last, first)),
            _ => {
                let best = self.standing().min_by_key(|h| h.contradictions())?;
                Some((self.places.clone(), best))
            }
        }
    }
}

impl Knowledge {
    /// Names the software from what visits to one server show; `None` means "unknown".
    #[must_use]
    pub fn identify(&self, evidence: &Evidence) -> Option<Identified> {
        let families: Vec<Family> = self.families(evidence);
        let mut standing = families.iter().filter(|family| family.standing().next().is_some());
        let (family, None) = (standing.next()?, standing.next()) else { return None };
        let rivals = families.iter().filter(|rival| rival.places != family.places);
        let margin = rivals.map(Family::fewest_contradictions).min().unwrap_or(usize::MAX);
        if margin == 0 {
            return None;
        }
        let (places, best) = family.remaining()?;
        let version = |place: usize| self.rungs.get(place).map(|rung| rung.version.clone());
        let doubt = 0.5_f64.powi(i32::try_from(margin).unwrap_or(i32::MAX));
        Some(Identified {
            name: self.rungs.get(*places.start())?.name.clone(),
            min: version(*places.start()).filter(|_| places.start() > family.places.start()),
            max: version(*places.end()).filter(|_| places.end() < family.places.end()),
            confidence: best.share() * (1.0 - doubt),
        })
    }

    /// How evidence stands to a version that a server claims; none where that was not captured, nor lies between two
    /// versions that were, or where there is too little evidence.
    #[must_use]
    pub fn fit(&self, evidence: &Evidence, name: &str, version: &Version) -> Option<Fit> {
        let same = |rung: &&super::knowledge::Rung| rung.name == name;
        let place = self.rungs.iter().position(|rung| same(&rung))?;
        let count = self.rungs.iter().filter(same).count();
        let family = &self.rungs[place..place + count];
        let after = family.iter().position(|rung| rung.version >= *version)?;
        let (first, last) = match (family[after].version == *version, after) {
            (true, _) => (after, after),
            (false, 0) => return None,
            (false, after) => (after - 1, after),
        };
        let Hypothesis { hard, soft, soft_covered, explained, .. } =
            Hypothesis::weigh(place + first, place + last, evidence.iter());
        let fit = Fit { grammar: hard, answers: soft, allowed: soft_covered / DRIFT, explained };
        (hard + soft + explained >= ENOUGH).then_some(fit)
    }

    /// Whether an implementation of this name was captured.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.rungs.iter().any(|rung| rung.name == name)
    }

    fn families(&self, evidence: &Evidence) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        for (place, rung) in self.rungs.iter().enumerate() {
            let alone = Hypothesis::weigh(place, place, evidence.iter());
            match families.last_mut() {
                Some(family) if self.rungs[*family.places.start()].name == rung.name => {
                    family.places = *family.places.start()..=place;
                    family.hypotheses.push(Hypothesis::weigh(place - 1, place, evidence.iter()));
                    family.hypotheses.push(alone);
                }
                _ => families.push(Family { places: place..=place, hypotheses: vec![alone] }),
            }
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_well() {
        let range = |min: &str, max: Option<&str>| {
            versions(&VersionRange { name: "X".to_owned(), min: min.to_owned(), max: max.map(str::to_owned) })
        };
        assert_eq!(range("1.2", Some("1.2")), "X 1.2");
        assert_eq!(range("1.2", Some("1.4")), "X 1.2–1.4");
        assert_eq!(range("1.2", None), "X 1.2 or newer");
        assert_eq!(range("0", Some("1.4")), "X 1.4 or older");
        assert_eq!(range("0", None), "X");
    }
}
