//! Which worker a subject belongs to: of those present, the one with the highest weight for it. `claim.lua` does the same
//! sum, so nothing here may grow beyond what is exact in a double.

/// The greatest prime below 2²⁶.
const PRIME: u64 = 67_108_859;

/// Whose a subject is; nobody's where nobody is present. When a worker goes, only its subjects move.
pub(crate) fn owner<'a>(workers: &[&'a str], subject: &str) -> Option<&'a str> {
    let subject = seed(subject);
    workers.iter().copied().max_by_key(|worker| ((subject * seed(worker)) % PRIME, *worker))
}

/// 26 bits of the name's SHA-1, which scripts in Redis can compute.
fn seed(name: &str) -> u64 {
    let [a, b, c, d, ..] = sha1_smol::Sha1::from(name).digest().bytes();
    // 28 bits are seven hexadecimal digits.
    u64::from(u32::from_be_bytes([a, b, c, d]) >> 4) % (1 << 26)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::owner;

    #[test]
    fn shares_are_fair_and_only_the_subjects_of_who_goes_move() {
        let all = ["worker-0", "worker-1", "worker-2", "worker-3"];
        let names: Vec<String> = (0..4_000).map(|n| format!("server{n}.example.org")).collect();
        let mut shares = HashMap::new();
        for name in &names {
            let before = owner(&all, name).expect("somebody");
            *shares.entry(before).or_insert(0) += 1;
            let after = owner(&all[..3], name).expect("somebody");
            assert!(before == after || before == "worker-3");
        }
        assert!(shares.values().all(|share| (600..1_500).contains(share)), "{shares:?}");
        assert_eq!(owner(&[], "a"), None);
    }
}
