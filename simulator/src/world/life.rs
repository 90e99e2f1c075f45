//! What becomes of a server as time goes on: when it is there, when it is down, and what software it is.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{Calendar, draft};
use crate::{
    SimTime,
    chance::Chance,
    grammar::{Grammar, Library},
    scenario::{Group, Outages},
};

const MINUTE: Duration = Duration::from_secs(60);
/// Days of the span in which an operator has so many outages.
const SPELL: u32 = 30;

/// The life of one server.
#[derive(Clone, Debug)]
pub(super) struct Life {
    exists: Range<SimTime>,
    /// In their order, none touching another.
    down: Vec<Range<SimTime>>,
    /// What it is from each moment on, in their order.
    software: Vec<(SimTime, Arc<Grammar>)>,
}

impl Life {
    /// The life of the server of a group that has this name and begins as this software.
    pub(super) fn new(
        group: &Group,
        name: &str,
        first: Arc<Grammar>,
        grammars: &Library,
        calendar: Calendar,
    ) -> Self {
        let end = group.until_day.map_or(SimTime::END, |day| calendar.day(day));
        let upgrades = group.upgrades.iter().filter_map(|upgrade| {
            let mut chance = Chance::new(calendar.seed, &format!("upgrade {name}"), &[upgrade.day.into()]);
            let moment =
                calendar.day(upgrade.day) + (MINUTE * upgrade.within_minutes.get()).mul_f64(chance.unit());
            Some((moment, Arc::clone(grammars.get(&upgrade.to)?)))
        });
        let mut software: Vec<_> = std::iter::once((SimTime::START, first)).chain(upgrades).collect();
        software.sort_by_key(|(moment, _)| *moment);
        let down = (0..).zip(&group.outages).flat_map(|(kind, outages)| {
            let whose = outages.together.as_ref().map_or_else(
                || format!("outages of {name}, {kind}"),
                |together| format!("outages at {together}"),
            );
            drawn(outages, &whose, calendar)
        });
        Self { exists: calendar.day_or_start(group.from_day)..end, down: joined(down.collect()), software }
    }

    /// Whether it answers at a moment.
    pub(super) fn is_up(&self, now: SimTime) -> bool {
        self.exists(now) && !self.down.iter().any(|outage| outage.contains(&now))
    }

    /// Whether it is there at a moment, if perhaps down.
    pub(super) fn exists(&self, now: SimTime) -> bool {
        self.exists.contains(&now)
    }

    /// What software it is at a moment.
    pub(super) fn grammar(&self, now: SimTime) -> &Arc<Grammar> {
        let latest = self.software.partition_point(|(moment, _)| *moment <= now);
        &self.software[latest.max(1) - 1].1
    }

    /// The moments at which it appears, is gone, or becomes other software.
    pub(super) fn turns(&self) -> impl Iterator<Item = SimTime> {
        let software = self.software.iter().map(|(moment, _)| *moment);
        [self.exists.start, self.exists.end].into_iter().chain(software)
    }

    /// The next moment at which it appears, is gone, goes down, comes back, or becomes other software.
    pub(super) fn next(&self, now: SimTime) -> Option<SimTime> {
        let outages = self.down.iter().flat_map(|outage| [outage.start, outage.end]);
        self.turns().chain(outages).filter(|moment| *moment > now && *moment < SimTime::END).min()
    }

    pub(super) fn existence(&self) -> &Range<SimTime> {
        &self.exists
    }

    pub(super) fn outages(&self) -> &[Range<SimTime>] {
        &self.down
    }

    /// What it becomes, and when.
    pub(super) fn upgrades(&self) -> &[(SimTime, Arc<Grammar>)] {
        &self.software[1..]
    }
}

fn drawn(outages: &Outages, whose: &str, calendar: Calendar) -> Vec<Range<SimTime>> {
    let outage = |spell: u32, number: u32| {
        let mut chance = Chance::new(calendar.seed, whose, &[spell.into(), number.into()]);
        let start = calendar.day(spell * SPELL) + (draft::DAY * SPELL).mul_f64(chance.unit());
        start..start + (MINUTE * outages.minutes.get()).mul_f64(0.5 + chance.unit())
    };
    let spells = 0..=calendar.last_day / SPELL;
    spells.flat_map(|spell| (0..outages.per_30_days.get()).map(move |number| outage(spell, number))).collect()
}

/// Spans that touch, made one.
fn joined(mut spans: Vec<Range<SimTime>>) -> Vec<Range<SimTime>> {
    spans.sort_by_key(|span| span.start);
    let mut joined: Vec<Range<SimTime>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const CALENDAR: Calendar = Calendar { seed: 7, last_day: 90 };

    fn life(keys: &str, name: &str) -> Life {
        let grammars = Library::embedded().expect("grammars");
        let text = format!(
            "title = \"t\"\nprose = \"p\"\n[[servers]]\nname = \"home\"\ncount = 2\n\
             software = {{ \"Fulcrum-2.1.1\" = 1 }}\n\
             places = [{{ country = \"DE\", asn = 1, organization = \"o\" }}]\n{keys}"
        );
        let scenario = Scenario::read(&text, "life", &grammars).expect("a scenario");
        let first = grammars.get("Fulcrum-2.1.1").expect("a grammar");
        Life::new(&scenario.servers[0], name, Arc::clone(first), &grammars, CALENDAR)
    }

    #[test]
    fn a_server_is_there_from_one_day_until_another() {
        let (always, short) = (life("", "a"), life("from-day = 2\nuntil-day = 5", "a"));
        assert!(always.is_up(SimTime::START) && always.next(SimTime::START).is_none());
        for (day, there) in [(0, false), (2, true), (4, true), (5, false)] {
            assert_eq!(short.is_up(CALENDAR.day(day)), there, "{day}");
        }
        assert_eq!(short.next(CALENDAR.day(0)), Some(CALENDAR.day(2)));
        assert_eq!(short.next(CALENDAR.day(2)), Some(CALENDAR.day(5)));
    }

    #[test]
    fn outages_are_as_many_and_as_long_as_was_said() {
        let keys = "outages = [{ per-30-days = 3, minutes = 60 }]";
        let (one, other) = (life(keys, "a"), life(keys, "b"));
        assert_ne!(one.outages(), other.outages());
        // Thirty days at a time, four times, as far as the world lasts; two may touch.
        assert!((9..=12).contains(&one.outages().len()), "{:?}", one.outages());
        for outage in one.outages() {
            let long = outage.end - outage.start;
            assert!(long >= MINUTE * 30 && long <= MINUTE * 180, "{long:?}");
            assert!(!one.is_up(outage.start) && one.is_up(outage.end));
            assert_eq!(one.next(outage.start), Some(outage.end));
        }
    }

    #[test]
    fn who_says_the_same_name_is_down_together() {
        let keys = "outages = [{ per-30-days = 2, minutes = 60, with = \"centre\" }]";
        assert_eq!(life(keys, "a").outages(), life(keys, "b").outages());
    }

    #[test]
    fn everybody_upgrades_at_a_moment_of_its_own() {
        let keys = "upgrades = [{ day = 12, to = \"ElectrumX-1.20.0\", within-minutes = 40 }]";
        let moments = ["a", "b"].map(|name| {
            let life = life(keys, name);
            let (moment, _) = life.upgrades()[0];
            assert_eq!(life.grammar(moment - Duration::from_millis(1)).name(), "Fulcrum");
            assert_eq!(life.grammar(moment).name(), "ElectrumX");
            assert_eq!(life.next(SimTime::START), Some(moment));
            moment
        });
        let span = CALENDAR.day(12)..CALENDAR.day(12) + MINUTE * 40;
        assert!(moments.iter().all(|moment| span.contains(moment)) && moments[0] != moments[1]);
    }

    #[test]
    fn spans_that_touch_become_one() {
        let at = SimTime::from_millis;
        let spans = vec![at(5)..at(9), at(1)..at(3), at(2)..at(4), at(9)..at(10)];
        assert_eq!(joined(spans), [at(1)..at(4), at(5)..at(10)]);
    }
}
