//! How numbers are written for readers.

use jiff::{Timestamp, tz::TimeZone};

use crate::text::plural;

/// [`plural`] for templates, which hand over references.
pub(super) fn counted(count: &usize, word: &str) -> String {
    plural(*count, word)
}

/// A share from 0 to 1 in percent: two digits where it is small, none behind the point where it is not.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 || percent > 99.0 && percent < 100.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// A day in the form of a calendar: 25 November 2026.
pub(super) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.0, 0.0123, 0.5, 0.996, 1.0].map(percent), ["0 %", "1.2 %", "50 %", "99.6 %", "100 %"]);
        assert_eq!(day(crate::testing::at(0)), "1 January 2026");
    }
}
