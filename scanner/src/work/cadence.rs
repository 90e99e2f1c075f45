//! When a server is due again, and when nobody is visited. Pure: chance and the time of day are arguments.

use std::time::Duration;

use crds::campaign::{Day, QuietHours, Schedule};
use fleet::schedule::Lane;
use jiff::{
    Timestamp, ToSpan as _, Zoned,
    civil::{Time, Weekday},
    tz::TimeZone,
};

/// How long one watch lasts.
pub const WATCH: Duration = Duration::from_secs(60 * 60);
/// While discovery finds somebody new it comes again so soon.
pub const CRAWLING: Duration = Duration::from_secs(60);
/// First visits are spread over at most so long.
const FIRST: Duration = Duration::from_secs(60);

/// Why a timetable makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum CadenceError {
    /// No such zone.
    #[error("schedule.timeZone: {0}")]
    Zone(jiff::Error),
    /// Not a time of day.
    #[error("schedule.quietHours: {text:?} is no time of day: {error}")]
    Time {
        /// What was written.
        text: String,
        /// What is wrong with it.
        error: jiff::Error,
    },
}

/// When a campaign visits.
#[derive(Clone, Debug)]
pub struct Cadence {
    liveness: Duration,
    deep: Duration,
    discovery: Duration,
    /// A share of the interval.
    jitter: f64,
    quiet: Vec<Quiet>,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
struct Quiet {
    from: Time,
    to: Time,
    days: Vec<Weekday>,
}

impl Cadence {
    /// The timetable of a campaign.
    ///
    /// # Errors
    /// [`CadenceError`] for time zones and times of day that are none.
    pub fn of(schedule: &Schedule) -> Result<Self, CadenceError> {
        Ok(Self {
            liveness: schedule.liveness.into(),
            deep: schedule.deep.into(),
            discovery: schedule.discovery.into(),
            jitter: f64::from(schedule.jitter.clamp(0, 50)) / 100.0,
            quiet: schedule.quiet_hours.iter().map(quiet).collect::<Result<_, _>>()?,
            zone: TimeZone::get(&schedule.time_zone).map_err(CadenceError::Zone)?,
        })
    }

    /// From one visit to the next.
    #[must_use]
    pub fn interval(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Liveness => self.liveness,
            Lane::Deep => self.deep,
            Lane::Discovery => self.discovery,
            Lane::Watch => WATCH,
        }
    }

    /// When a lane is due again after a claim that began so long ago. `chance` is between 0 and 1.
    #[must_use]
    pub fn next(&self, lane: Lane, since: Duration, chance: f64) -> Duration {
        let shift = 1.0 + self.jitter * (2.0 * chance - 1.0);
        self.interval(lane).mul_f64(shift.max(0.0)).saturating_sub(since)
    }

    /// When a server that was only just learnt of is due for the first time: soon, but not all at once; and for
    /// what is dear within an interval.
    #[must_use]
    pub fn first(&self, lane: Lane, chance: f64) -> Duration {
        let within = match lane {
            Lane::Discovery => Duration::ZERO,
            Lane::Liveness => self.liveness.min(FIRST),
            Lane::Deep | Lane::Watch => self.interval(lane),
        };
        within.mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Until when nobody is visited; none where visits are welcome now.
    #[must_use]
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        self.quiet.iter().filter_map(|quiet| quiet.until(&now)).max()
    }

    /// How long until the next quiet hours begin; none where there are none.
    #[must_use]
    pub fn until_quiet(&self, now: Timestamp) -> Option<Duration> {
        let zoned = now.to_zoned(self.zone.clone());
        let begins = self.quiet.iter().filter_map(|quiet| quiet.next(&zoned)).min()?;
        begins.duration_since(now).try_into().ok()
    }
}

impl Quiet {
    /// When it begins the next time.
    fn next(&self, now: &Zoned) -> Option<Timestamp> {
        (0..=7).find_map(|days| {
            let day = now.date().checked_add(days.days()).ok()?;
            let begins = day.to_datetime(self.from).to_zoned(now.time_zone().clone()).ok()?;
            (self.is_on(day.weekday()) && begins > *now).then(|| begins.timestamp())
        })
    }

    fn is_on(&self, day: Weekday) -> bool {
        self.days.is_empty() || self.days.contains(&day)
    }

    /// When it ends, if it lasts now. One that began yesterday may last past midnight.
    fn until(&self, now: &Zoned) -> Option<Timestamp> {
        [0, 1].into_iter().find_map(|days_ago| {
            let day = now.date().checked_sub(days_ago.days()).ok()?;
            if !self.is_on(day.weekday()) {
                return None;
            }
            let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
            let begins = day.to_datetime(self.from).to_zoned(now.time_zone().clone()).ok()?;
            let ends = last.to_datetime(self.to).to_zoned(now.time_zone().clone()).ok()?;
            (begins <= *now && *now < ends).then(|| ends.timestamp())
        })
    }
}

fn quiet(hours: &QuietHours) -> Result<Quiet, CadenceError> {
    let time = |text: &str| {
        Time::strptime("%H:%M", text).map_err(|error| CadenceError::Time { text: text.to_owned(), error })
    };
    let days = hours.days.iter().map(|day| weekday(*day)).collect();
    Ok(Quiet { from: time(&hours.from)?, to: time(&hours.to)?, days })
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cadence(quiet: &[(&str, &str, &[Day])]) -> Cadence {
        let hours = |(from, to, days): &(&str, &str, &[Day])| QuietHours {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            days: days.to_vec(),
        };
        let schedule = Schedule {
            quiet_hours: quiet.iter().map(hours).collect(),
            time_zone: "Europe/Zurich".to_owned(),
            ..Schedule::default()
        };
        Cadence::of(&schedule).expect("a timetable")
    }

    #[test]
    fn quiet_hours_are_those_of_their_zone_and_last_past_midnight() {
        let cadence = cadence(&[("22:00", "06:00", &[Day::Fri])]);
        let until =
            |now: &str| cadence.quiet_until(now.parse().expect("a time")).map(|until| until.to_string());
        // 2026-11-27 is a Friday; Zurich is an hour ahead.
        assert_eq!(until("2026-11-27T20:59:59Z"), None);
        assert_eq!(until("2026-11-27T21:00:00Z").as_deref(), Some("2026-11-28T05:00:00Z"));
        assert_eq!(until("2026-11-28T04:59:59Z").as_deref(), Some("2026-11-28T05:00:00Z"));
        assert_eq!(until("2026-11-28T05:00:00Z"), None);
        assert_eq!(until("2026-11-28T21:30:00Z"), None, "Saturday's night is not quiet");
    }

    #[test]
    fn quiet_hours_are_seen_coming() {
        let until = |cadence: &Cadence, now: &str| {
            cadence.until_quiet(now.parse().expect("a time")).map(|until| until.as_secs() / 60)
        };
        let fridays = cadence(&[("22:00", "06:00", &[Day::Fri]), ("09:00", "17:00", &[Day::Mon])]);
        assert_eq!(until(&fridays, "2026-11-27T20:50:00Z"), Some(10));
        assert_eq!(until(&fridays, "2026-11-27T21:00:00Z"), Some(60 * (24 + 24 + 11)), "Monday's is next");
        let daily = cadence(&[("09:00", "17:00", &[])]);
        assert_eq!(until(&daily, "2026-11-27T08:00:00Z"), Some(60 * 24), "this one has begun");
        assert_eq!(until(&cadence(&[]), "2026-11-27T08:00:00Z"), None);
    }

    #[test]
    fn quiet_hours_within_a_day_end_that_day() {
        let cadence = cadence(&[("09:00", "17:00", &[])]);
        let quiet = |now: &str| cadence.quiet_until(now.parse().expect("a time")).is_some();
        assert!(quiet("2026-07-01T07:00:00Z") && !quiet("2026-07-01T06:59:00Z"), "summer time");
        assert!(quiet("2026-11-27T15:59:00Z") && !quiet("2026-11-27T16:00:00Z"));
    }

    #[test]
    fn what_is_no_zone_or_time_is_named() {
        let nowhere = Schedule { time_zone: "Mars/Base".to_owned(), ..Schedule::default() };
        assert!(Cadence::of(&nowhere).expect_err("no zone").to_string().contains("Mars/Base"));
        let never = QuietHours { from: "25:00".to_owned(), to: "06:00".to_owned(), days: Vec::new() };
        let never = Schedule { quiet_hours: vec![never], ..Schedule::default() };
        assert!(Cadence::of(&never).expect_err("no time").to_string().contains("25:00"));
    }

    proptest! {
        #[test]
        fn the_next_visit_is_an_interval_after_the_last_give_or_take_the_jitter(
            since in 0_u64..700,
            chance in 0.0..=1.0_f64,
        ) {
            let cadence = cadence(&[]);
            let since = Duration::from_secs(since);
            let next = since + cadence.next(Lane::Liveness, since, chance);
            let range = Duration::from_secs(540)..=Duration::from_secs(660);
            prop_assert!(next == since && since > Duration::from_secs(540) || range.contains(&next));
            prop_assert!(cadence.first(Lane::Liveness, chance) <= FIRST);
            prop_assert!(cadence.first(Lane::Deep, chance) <= cadence.interval(Lane::Deep));
        }
    }
}
