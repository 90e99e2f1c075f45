//! Best blocks: who is behind, again and again, and not catching up.

use jiff::Timestamp;
use model::finding::{Digest, Indicator};

use super::{Contradiction, voices::Window};
use crate::{dossier::Dossier, features::claims::Claims};

/// Blocks that nobody is blamed for.
const TOLERATED: u64 = 2;
/// Blocks that no two blocks in quick succession explain, where others had them before.
const FAR: u64 = 6;
/// How long a server must be behind otherwise, in seconds.
const LONG: i64 = 600;

/// The height that half of the neighbourhoods had reached.
pub(super) struct Heights {
    /// About a time.
    around: Window,
    /// By then: a burst of blocks that came after a visit is held against nobody.
    before: Window,
}

impl Heights {
    pub(super) fn of(hosts: &[&Claims]) -> Self {
        let told = hosts.iter().filter_map(|claims| {
            let voice = claims.neighbourhood?;
            Some(claims.tips.told().map(move |(at, height, _)| (at.as_second(), voice, height.into())))
        });
        let told: Vec<_> = told.flatten().collect();
        Self { around: Window::around(told.clone()), before: Window::until(told) }
    }

    /// Whether a server was behind in the latest visits that can be judged, at least two, without catching up. Before
    /// that it may have kept up: who stops does so one day.
    pub(super) fn behind(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let judged: Vec<Lag> = dossier.claims.tips.told().filter_map(|told| self.lag(told)).collect();
        let kept_up = judged.iter().rposition(|lag| lag.blocks <= TOLERATED);
        let judged = &judged[kept_up.map_or(0, |place| place + 1)..];
        let [first, .., last] = judged else { return Vec::new() };
        let least = judged.iter().map(|lag| lag.blocks).min().unwrap_or(0);
        let before: Vec<u64> = judged.iter().filter_map(|lag| lag.before).collect();
        let far = before.len() >= 2 && before.iter().all(|blocks| *blocks >= FAR);
        let mut since = self.outrun_at(dossier, last).into_iter().chain([first.at.as_second()]);
        let long = since.any(|since| last.at.as_second().saturating_sub(since) >= LONG);
        let catching_up = last.blocks < first.blocks;
        if catching_up || !(long || far) {
            return Vec::new();
        }
        vec![Contradiction {
            indicator: Indicator::new(9),
            statement: format!(
                "Whenever it was asked from {} to {}, its best block was {least} or more behind that of half of the \
                 servers: at last at height {}, which was {} behind.",
                first.at, last.at, last.height, last.blocks,
            ),
            evidence: judged.iter().map(|lag| lag.digest).collect(),
        }]
    }

    /// When half of the servers were so far ahead of the block at which it stands, where it has stood there since before: it
    /// may be asked seldom, and each time twice in a minute.
    fn outrun_at(&self, dossier: &Dossier, last: &Lag) -> Option<i64> {
        let stands = dossier.claims.tips.latest().filter(|said| said.until == last.at)?;
        self.around.above(u64::from(stands.height) + TOLERATED, stands.since.as_second())
    }

    fn lag(&self, (at, height, digest): (Timestamp, u32, Digest)) -> Option<Lag> {
        let behind = |window: &Window| Some(window.median(at.as_second())?.saturating_sub(height.into()));
        Some(Lag { at, height, blocks: behind(&self.around)?, before: behind(&self.before), digest })
    }
}

struct Lag {
    at: Timestamp,
    height: u32,
    blocks: u64,
    /// Behind what others had told by then, where enough had.
    before: Option<u64>,
    digest: Digest,
}
