//! When lines leave and how they are filled. Plain servers write each line as it is; ElectrumX since 1.18 collects
//! them and fills each write with spaces up to 1,024·2ⁿ bytes (electrumx, server/transport.py, followed to the letter).

use std::{mem, time::Duration};

use super::data::Pace;
use crate::SimTime;

/// What waits to be written on one connection.
#[derive(Debug)]
pub(crate) struct Pacer {
    rules: Option<Pace>,
    waiting: Vec<u8>,
    last_write: SimTime,
    /// Bytes of lines handed over, unpadded and without their ends.
    handed: u64,
}

impl Pacer {
    pub(crate) fn new(rules: Option<Pace>, now: SimTime) -> Self {
        Self { rules, waiting: Vec::new(), last_write: now, handed: 0 }
    }

    /// Takes a line with its end of `end` bytes, and appends what is to be written now.
    pub(crate) fn line(&mut self, line: &[u8], end: usize, now: SimTime, out: &mut Vec<u8>) {
        self.waiting.extend_from_slice(line);
        self.release(now, out);
        self.handed += (line.len() - end) as u64;
    }

    /// Appends what is to be written now.
    pub(crate) fn release(&mut self, now: SimTime, out: &mut Vec<u8>) {
        let Some(rules) = self.rules else { return out.append(&mut self.waiting) };
        while !self.waiting.is_empty() && self.may_write(rules, now) {
            self.write(rules, false, now, out);
        }
    }

    /// Appends what is still written before the server hangs up.
    pub(crate) fn close(&mut self, now: SimTime, out: &mut Vec<u8>) {
        match self.rules {
            Some(rules) if rules.sent_before_closing && !self.waiting.is_empty() => {
                self.write(rules, true, now, out);
            }
            Some(_) => self.waiting.clear(),
            None => out.append(&mut self.waiting),
        }
    }

    /// When something that waits is to be written at the latest.
    pub(crate) fn next(&self) -> Option<SimTime> {
        let rules = self.rules?;
        // A millisecond later than the wait: it must have passed.
        (!self.waiting.is_empty()).then(|| self.last_write + Duration::from_millis(rules.wait_ms + 1))
    }

    fn may_write(&self, rules: Pace, now: SimTime) -> bool {
        self.waiting.len() >= rules.least
            || self.last_write + Duration::from_millis(rules.wait_ms) < now
            || self.handed < rules.warm_up
    }

    fn write(&mut self, rules: Pace, everything: bool, now: SimTime, out: &mut Vec<u8>) {
        let held = self.waiting.len();
        // The power of two above it, even where it is one itself.
        let large = rules.least.max((held + 1).next_power_of_two());
        let small = rules.least.max(large / 2);
        let fits =
            self.waiting[..held.min(small)].iter().rposition(|byte| *byte == b'\n').map(|place| place + 1);
        let (size, length) = match fits {
            Some(fits) if !everything && small - fits < large - held => (small, fits),
            _ => (large, held),
        };
        let rest = self.waiting.split_off(length);
        let mut write = mem::replace(&mut self.waiting, rest);
        let end = write.split_off(length.saturating_sub(2));
        write.resize(size - end.len(), b' ');
        out.append(&mut write);
        out.extend_from_slice(&end);
        self.last_write = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Pace = Pace { least: 1_024, wait_ms: 1_000, warm_up: 1_024, sent_before_closing: true };

    fn line(length: usize) -> Vec<u8> {
        let mut line = vec![b'x'; length - 2];
        line.extend_from_slice(b"}\n");
        line
    }

    fn at(millis: u64) -> SimTime {
        SimTime::from_millis(millis)
    }

    #[test]
    fn the_first_kilobyte_leaves_at_once_then_one_write_a_second() {
        let mut pacer = Pacer::new(Some(RULES), at(0));
        let mut sizes = Vec::new();
        for number in 0..40 {
            let mut out = Vec::new();
            pacer.line(&line(41), 1, at(number), &mut out);
            sizes.push(out.len());
        }
        // 26 lines of 40 bytes are handed over before 1,024 are full.
        assert!(sizes[..26].iter().all(|size| *size == 1_024), "{sizes:?}");
        assert!(sizes[26..].iter().all(|size| *size == 0), "{sizes:?}");
        let mut out = Vec::new();
        pacer.release(pacer.next().expect("something waits"), &mut out);
        assert_eq!(out.len(), 1_024);
        assert!(out.ends_with(b" }\n") && pacer.next().is_none());
    }

    #[test]
    fn a_large_write_is_split_where_that_wastes_less() {
        let cold = Pace { warm_up: 0, ..RULES };
        let mut pacer = Pacer::new(Some(cold), at(0));
        let mut out = Vec::new();
        pacer.line(&line(1_000), 1, at(1), &mut out);
        assert!(out.is_empty(), "1.18 holds even the first answer back");
        pacer.line(&line(100), 1, at(2), &mut out);
        assert_eq!(out.len(), 1_024, "the second line stays behind");
        pacer.close(at(3), &mut out);
        assert_eq!(out.len(), 2_048);
    }

    #[test]
    fn others_write_lines_as_they_are() {
        let mut pacer = Pacer::new(None, at(0));
        let mut out = Vec::new();
        pacer.line(&line(10), 1, at(0), &mut out);
        assert_eq!((out.len(), pacer.next()), (10, None));
    }
}
