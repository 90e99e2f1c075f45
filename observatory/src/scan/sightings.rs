//! What a watch saw: which server told of which block when. Bounded, whatever servers tell.

use std::collections::{BTreeMap, HashMap};

use electrum::Host;
use jiff::Timestamp;
use model::{
    Visit,
    facts::Tip,
    watch::{TipSeen, tips},
};
use serde::Serialize;

use crate::output;

/// Blocks that are remembered of one server: a week of them. The archive has all.
const MOST_TIPS: usize = 1_000;
/// Lines of the table.
const MOST_LINES: usize = 40;

/// What servers told while they were watched.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    servers: BTreeMap<Host, Told>,
}

/// What one server told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    /// How long it was listened to, in seconds.
    seconds: f64,
    /// Visits that this took.
    visits: u32,
    /// The blocks.
    blocks: Vec<TipSeen>,
}

/// Who told of a block when, the first first.
type Seen<'a> = Vec<(Timestamp, &'a Host)>;

impl Sightings {
    /// Takes in a watch.
    pub(crate) fn add(&mut self, visit: &Visit) {
        let told = self.servers.entry(visit.endpoint.host.clone()).or_default();
        told.seconds += visit.timings.total.as_millis() / 1_000.0;
        told.visits += 1;
        let room = MOST_TIPS - told.blocks.len();
        told.blocks.extend(tips(visit).into_iter().take(room));
    }

    /// What a server told, if it was watched.
    pub(crate) fn told_by(&self, server: &Host) -> Option<&Told> {
        self.servers.get(server)
    }

    /// Blocks in the order in which they were first told of.
    fn blocks(&self) -> Vec<(&Tip, Seen<'_>)> {
        let mut blocks: HashMap<&Tip, BTreeMap<&Host, Timestamp>> = HashMap::new();
        for (host, told) in &self.servers {
            for seen in &told.blocks {
                // Told twice: the first time counts.
                blocks.entry(&seen.tip).or_default().entry(host).or_insert(seen.at);
            }
        }
        let sorted = blocks.into_iter().map(|(tip, by)| {
            let mut seen: Seen<'_> = by.into_iter().map(|(host, at)| (at, host)).collect();
            seen.sort_unstable();
            (tip, seen)
        });
        let mut blocks: Vec<_> = sorted.collect();
        blocks.sort_unstable_by(|one, other| one.1.cmp(&other.1));
        blocks
    }

    /// A table of the latest blocks; nothing where nobody was watched.
    pub(crate) fn table(&self) -> String {
        if self.servers.is_empty() {
            return String::new();
        }
        let blocks = self.blocks();
        let earlier = blocks.len().saturating_sub(MOST_LINES);
        let mut table = output::table(["block", "first told by", "at", "servers", "spread"]);
        for (tip, seen) in &blocks[earlier..] {
            let (Some((first, host)), Some((last, _))) = (seen.first(), seen.last()) else { continue };
            table.add_row([
                tip.height.to_string(),
                host.to_string(),
                first.strftime("%H:%M:%S%.3f").to_string(),
                format!("{} of {}", seen.len(), self.servers.len()),
                format!("{} ms", last.as_millisecond() - first.as_millisecond()),
            ]);
        }
        let more = if earlier > 0 { format!(", {earlier} more before these") } else { String::new() };
        format!("{table}\n{} servers watched, {} blocks told of{more}.\n", self.servers.len(), blocks.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(blocks: &[(u32, &str)]) -> Told {
        let seen = |(height, at): &(u32, &str)| TipSeen {
            at: format!("2026-11-24T04:00:{at}Z").parse().expect("a time"),
            tip: Tip { height: *height, hash: format!("{height:064}") },
        };
        Told { seconds: 60.0, visits: 1, blocks: blocks.iter().map(seen).collect() }
    }

    #[test]
    fn a_line_says_who_was_first_and_how_far_the_others_were_behind() {
        let mut sightings = Sightings::default();
        assert_eq!(sightings.table(), "");
        for (host, blocks) in [
            ("b.example", told(&[(8, "20.250"), (7, "10.001"), (8, "30")])),
            ("a.example", told(&[(7, "10.500"), (8, "20.240")])),
            ("c.example", told(&[])),
        ] {
            sightings.servers.insert(host.parse().expect("a host"), blocks);
        }
        let table = sightings.table();
        let line =
            |height: &str| table.lines().find(|line| line.contains(height)).expect("a line").to_owned();
        for (height, words) in [
            ("│ 7 ", ["b.example", "04:00:10.001", "2 of 3", " 499 ms"]),
            ("│ 8 ", ["a.example", "04:00:20.240", "2 of 3", " 10 ms"]),
        ] {
            assert!(words.iter().all(|word| line(height).contains(word)), "{table}");
        }
        assert!(table.ends_with("3 servers watched, 2 blocks told of.\n"), "{table}");
    }

    #[test]
    fn a_flood_of_blocks_is_remembered_and_shown_to_its_bounds_only() {
        let text = r#"{"network":"regtest","endpoint":"tcp://a.example:1","vantage":"local",
            "started_at":"2026-11-24T04:00:00Z","outcome":"answered","timings":{"total":1},
            "traffic":{"read":0,"written":0},"cost":5}"#;
        let mut visit: Visit = serde_json::from_str(text).expect("a visit");
        let header = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";
        visit.unasked.first = (0..700)
            .map(|height| {
                let line = format!(
                    r#"{{"method":"blockchain.headers.subscribe","params":[{{"hex":"{header}","height":{height}}}]}}"#
                );
                model::visit::Heard { at: model::Seconds::default(), line: model::Recorded::new(line.as_bytes(), 1_024) }
            })
            .collect();
        let mut sightings = Sightings::default();
        sightings.add(&visit);
        sightings.add(&visit);
        let host = &visit.endpoint.host;
        assert_eq!(sightings.told_by(host).map(|told| told.blocks.len()), Some(MOST_TIPS));
        assert!(sightings.table().lines().count() < MOST_LINES * 2 + 10);
    }
}
