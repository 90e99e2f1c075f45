//! How much of the time a server was up, from two bits an hour over 30 days. Counts what it is told; who is up is the
//! worker's business. `report.lua` writes the same form.

/// Hours that are remembered.
const HOURS: u64 = 720;
/// Bytes of the hour of the newest slot, big-endian, in front of the slots.
const HEAD: usize = 4;
const UP: u8 = 0b01;
const DOWN: u8 = 0b10;

/// How much of the time a server was up, in percent; none where nobody looked. An hour in which it was seen both up and
/// down counts half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Uptime {
    /// In the last 24 hours.
    pub day: Option<f64>,
    /// In the last 7 days.
    pub week: Option<f64>,
    /// In the last 30 days.
    pub month: Option<f64>,
}

/// A ring of two bits an hour: seen up, seen down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ring(Vec<u8>);

impl Ring {
    /// From the bytes in Redis; what is not of this form was seen by nobody.
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        if bytes.len() == HEAD + slots() { Self(bytes) } else { Self::default() }
    }

    /// Notes what was seen in an hour since 1970. Of an hour that is older than the newest nothing is noted.
    pub(crate) fn mark(&mut self, hour: u64, up: bool) {
        let newest = self.newest().unwrap_or_default();
        if self.0.is_empty() {
            self.0 = vec![0; HEAD + slots()];
        } else if hour < newest {
            return;
        }
        for stale in (newest + 1..=hour).rev().take(slots() * 4) {
            let (byte, shift) = place(stale);
            self.0[byte] &= !(0b11 << shift);
        }
        let (byte, shift) = place(hour);
        self.0[byte] |= if up { UP } else { DOWN } << shift;
        self.0[..HEAD].copy_from_slice(&u32::try_from(hour).unwrap_or(u32::MAX).to_be_bytes());
    }

    /// What it comes to, seen from an hour since 1970.
    pub(crate) fn uptime(&self, hour: u64) -> Uptime {
        Uptime { day: self.share(hour, 24), week: self.share(hour, 168), month: self.share(hour, HOURS) }
    }

    fn share(&self, hour: u64, hours: u64) -> Option<f64> {
        let newest = self.newest()?;
        let oldest = (hour + 1).saturating_sub(hours).max((newest + 1).saturating_sub(HOURS));
        let (mut halves, mut seen) = (0_u32, 0_u32);
        for slot in oldest..=newest {
            let (byte, shift) = place(slot);
            match (self.0[byte] >> shift) & 0b11 {
                0 => continue,
                UP => halves += 2,
                DOWN => {}
                _ => halves += 1,
            }
            seen += 1;
        }
        (seen > 0).then(|| f64::from(halves) * 50.0 / f64::from(seen))
    }

    fn newest(&self) -> Option<u64> {
        self.0.first_chunk::<HEAD>().map(|head| u32::from_be_bytes(*head).into())
    }
}

const fn slots() -> usize {
    180
}

/// The byte, and how far up in it.
fn place(hour: u64) -> (usize, u32) {
    let slot = hour % HOURS;
    let byte = usize::try_from(slot / 4).unwrap_or_default();
    (HEAD + byte, u32::try_from(slot % 4 * 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_counted_in_the_windows_they_are_in() {
        let mut ring = Ring::default();
        assert_eq!(ring.uptime(1_000), Uptime::default());
        ring.mark(1_000, true);
        assert_eq!(ring.uptime(1_000).day, Some(100.0));
        ring.mark(1_030, false);
        assert_eq!(ring.uptime(1_030), Uptime { day: Some(0.0), week: Some(50.0), month: Some(50.0) });
        ring.mark(1_030, true);
        assert_eq!(ring.uptime(1_030), Uptime { day: Some(50.0), week: Some(75.0), month: Some(75.0) });
        assert_eq!(ring.uptime(1_030 + 24).day, None, "nobody looked for a day");
    }

    #[test]
    fn what_is_older_than_the_ring_is_forgotten() {
        let mut ring = Ring::default();
        ring.mark(1_000, false);
        ring.mark(1_000 + 719, true);
        assert_eq!(ring.uptime(1_719).month, Some(50.0));
        ring.mark(1_000 + 720, true);
        assert_eq!(ring.uptime(1_720).month, Some(100.0));
        ring.mark(500_000, false);
        assert_eq!(ring.uptime(500_000).month, Some(0.0));
        ring.mark(400_000, true);
        assert_eq!(ring.uptime(500_000).month, Some(0.0), "an hour from before the newest");
        assert_eq!(Ring::read(vec![1, 2, 3]), Ring::default());
    }
}
