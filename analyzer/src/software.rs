//! What each server claims to be, and what it speaks like. Nothing is held against anybody here.

use crate::{
    features::software::Era,
    identify::{Evidence, Fit, Identified, Knowledge, Version},
    server::Server,
};

/// What a server claims to be, and what it speaks like.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    /// What it claims, word by word; printable.
    pub claimed: Option<String>,
    /// The implementation and version that this names, where it names any.
    pub claim: Option<Claim>,
    /// What it speaks like; none is "unknown".
    pub identified: Option<Identified>,
    /// How it speaks compared with what it claims, where that is known.
    pub fit: Option<Fit>,
    /// Whether the implementation that it claims was captured.
    pub is_known: bool,
}

/// An implementation and a version, as servers name themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `ElectrumX`.
    pub name: String,
    /// `1.20.0`.
    pub version: Version,
}

impl Claim {
    /// Reads what a server calls itself: `ElectrumX 1.20.0`, `electrs/0.12.0`, `mempool-electrs 3.1.0-abcdef`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (name, version) = text.split_once([' ', '/'])?;
        let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
        let version = Version::read(version[..end].trim_end_matches('.'))?;
        Some(Self { name: name.to_owned(), version })
    }
}

impl Speech {
    /// That of a server: of the latest time of each of its hosts, as long as they claim the same.
    #[must_use]
    pub fn of(server: &Server<'_>, knowledge: &Knowledge) -> Self {
        let eras: Vec<&Era> = server.dossiers().filter_map(|dossier| dossier.software.latest()).collect();
        let Some(first) = eras.first() else { return Self::default() };
        let mut evidence = Evidence::default();
        for era in eras.iter().filter(|era| era.claimed == first.claimed) {
            evidence.extend(&era.evidence);
        }
        let claim = first.claimed.as_deref().and_then(Claim::read);
        Self {
            claimed: first.claimed.as_deref().map(str::to_owned),
            identified: knowledge.identify(&evidence),
            fit: claim.as_ref().and_then(|claim| knowledge.fit(&evidence, &claim.name, &claim.version)),
            is_known: claim.as_ref().is_some_and(|claim| knowledge.knows(&claim.name)),
            claim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_name_themselves_in_several_ways() {
        for (text, name, version) in [
            ("ElectrumX 1.20.0", "ElectrumX", "1.20.0"),
            ("electrs/0.12.0", "electrs", "0.12.0"),
            ("mempool-electrs 3.1.0-abcdef", "mempool-electrs", "3.1.0"),
            ("Fulcrum 2.1.1.", "Fulcrum", "2.1.1"),
        ] {
            let version = Version::read(version).expect("a version");
            assert_eq!(Claim::read(text), Some(Claim { name: name.to_owned(), version }), "{text}");
        }
        for text in ["", "ElectrumX", "ElectrumX x", "bwt v0.2"] {
            assert_eq!(Claim::read(text), None, "{text}");
        }
    }
}
