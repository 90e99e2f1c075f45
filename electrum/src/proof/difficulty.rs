//! The difficulty rule: which target a header must state, as far as the headers before it tell.
//!
//! A rule is applied only where everything it needs is in the run. What cannot be known from the
//! run is not judged, so that a refusal is always the server's fault and never our ignorance.

use bitcoin::{CompactTarget, block::Header, params::Params};

use super::{chain::ChainFault, parameters_of};
use crate::Network;

/// Blocks between two adjustments on every network that adjusts.
const PERIOD: u64 = 2016;

/// On testnets a block this much later than the one before must be of least difficulty, in seconds.
const LATE: u64 = 20 * 60;

/// How a network's difficulty moves.
#[derive(Clone, Copy)]
enum Rule {
    /// Every header states the easiest target (regtest).
    Easiest,
    /// One target for each period of 2016 blocks.
    Periods,
    /// The same, but a late block is of least difficulty, and the one after it returns to the
    /// target before (testnet 3, and testnet 4 by BIP-94).
    PeriodsWithLateBlocks {
        /// Whether the next period starts from this one's first target (BIP-94) instead of its last.
        from_first: bool,
    },
    /// Not known well enough to accuse anyone: Mutinynet's block interval is a patch of its own.
    Unknown,
}

/// What a walk along a run of headers has learnt about its difficulty.
pub(super) struct Schedule {
    rule: Rule,
    params: Params,
    easiest: CompactTarget,
    /// The target of the period at hand, once a header has shown it.
    current: Option<CompactTarget>,
}

impl Schedule {
    pub(super) fn new(network: Network) -> Self {
        let rule = match network {
            Network::Mainnet | Network::Signet => Rule::Periods,
            Network::Testnet => Rule::PeriodsWithLateBlocks { from_first: false },
            Network::Testnet4 => Rule::PeriodsWithLateBlocks { from_first: true },
            Network::Mutinynet => Rule::Unknown,
            Network::Regtest => Rule::Easiest,
        };
        let params = Params::new(parameters_of(network));
        let easiest = params.max_attainable_target.to_compact_lossy();
        Self { rule, params, easiest, current: None }
    }

    /// Judges the last of `headers`, which is at `height`.
    ///
    /// All headers of the run up to it are given, and the earlier ones were judged before. Their
    /// targets must be within the network's limit, or the arithmetic on them would overflow.
    pub(super) fn judge(&mut self, headers: &[Header], height: u64) -> Result<(), ChainFault> {
        let Some((header, before)) = headers.split_last() else {
            return Ok(());
        };
        let allows_late = match self.rule {
            Rule::Unknown => return Ok(()),
            Rule::Easiest => return expect(header.bits, self.easiest),
            Rule::Periods => false,
            Rule::PeriodsWithLateBlocks { .. } => true,
        };
        if height.is_multiple_of(PERIOD) {
            let verdict = self.adjusted(header.bits, before);
            self.current = Some(header.bits);
            return verdict;
        }
        match before.last() {
            Some(previous) if allows_late && is_late(header, previous) => expect(header.bits, self.easiest),
            // Whether the run's first header is a late block is not known; only a late one may be
            // of least difficulty against the rule, so any other target is the period's.
            None if allows_late && header.bits == self.easiest => Ok(()),
            _ => expect(header.bits, *self.current.get_or_insert(header.bits)),
        }
    }

    /// Judges the first target of a period by the headers of the period before it.
    fn adjusted(&self, stated: CompactTarget, before: &[Header]) -> Result<(), ChainFault> {
        let Some(last) = before.last() else {
            return Ok(());
        };
        let first = usize::try_from(PERIOD)
            .ok()
            .and_then(|period| before.len().checked_sub(period))
            .and_then(|index| before.get(index));
        let base = match self.rule {
            Rule::PeriodsWithLateBlocks { from_first: true } => first.map(|f| f.bits).or(self.current),
            _ => Some(last.bits),
        };
        let Some(base) = base else {
            return Ok(());
        };
        let after = |seconds| CompactTarget::from_next_work_required(base, seconds, &self.params);
        if let Some(first) = first {
            // Timestamps may run backwards, which counts as the shortest time allowed.
            return expect(stated, after(last.time.saturating_sub(first.time).into()));
        }
        let (hardest, easiest) = (after(0), after(u64::MAX));
        let target = bitcoin::Target::from_compact;
        if (target(hardest)..=target(easiest)).contains(&target(stated)) {
            return Ok(());
        }
        Err(ChainFault::Adjustment {
            stated: stated.to_consensus(),
            hardest: hardest.to_consensus(),
            easiest: easiest.to_consensus(),
        })
    }
}

fn is_late(header: &Header, previous: &Header) -> bool {
    u64::from(header.time) > u64::from(previous.time) + LATE
}

fn expect(stated: CompactTarget, expected: CompactTarget) -> Result<(), ChainFault> {
    if stated == expected {
        return Ok(());
    }
    Err(ChainFault::Difficulty { stated: stated.to_consensus(), expected: expected.to_consensus() })
}

#[cfg(test)]
mod tests {
    use bitcoin::{BlockHash, TxMerkleNode, block::Version, hashes::Hash as _};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const EASIEST: u32 = 0x1d00_ffff;

    /// A header of which only time and target matter here: nobody worked for it.
    fn header(time: u32, bits: u32) -> Header {
        Header {
            version: Version::TWO,
            prev_blockhash: BlockHash::all_zeros(),
            merkle_root: TxMerkleNode::all_zeros(),
            time,
            bits: CompactTarget::from_consensus(bits),
            nonce: 0,
        }
    }

    /// Judges a run of (time, bits) and gives the first height that fails.
    fn judge(network: Network, first: u64, run: &[(u32, u32)]) -> Result<(), (u64, ChainFault)> {
        let headers: Vec<_> = run.iter().map(|(time, bits)| header(*time, *bits)).collect();
        let mut schedule = Schedule::new(network);
        (first..).zip(1..=headers.len()).try_for_each(|(height, length)| {
            schedule.judge(&headers[..length], height).map_err(|fault| (height, fault))
        })
    }

    /// A period with one target and ten minutes between blocks, except that the last block is such
    /// that the period takes `seconds`.
    fn period(start: u32, bits: u32, seconds: u32) -> Vec<(u32, u32)> {
        let mut run: Vec<_> = (0..2016).map(|i| (start + i * 600, bits)).collect();
        run[2015].0 = start + seconds;
        run
    }

    #[test]
    fn the_first_adjustment_of_mainnet_is_computed_from_a_whole_period() {
        // Blocks 30240 and 32255 were 1,022,578 seconds apart; block 32256 stated 1d00d86a.
        let mut run = period(1_261_130_161, EASIEST, 1_022_578);
        run.push((1_262_153_464, 0x1d00_d86a));
        assert_eq!(judge(Network::Mainnet, 30_240, &run), Ok(()));
        run[2016].1 = 0x1d00_d86b;
        let fault = ChainFault::Difficulty { stated: 0x1d00_d86b, expected: 0x1d00_d86a };
        assert_eq!(judge(Network::Mainnet, 30_240, &run), Err((32_256, fault)));
    }

    #[test]
    fn within_a_period_the_target_stays() {
        for network in [Network::Mainnet, Network::Signet] {
            let stays = [(0, 0x1b04_864c), (600, 0x1b04_864c), (90_000, 0x1b04_864c)];
            assert_eq!(judge(network, 100_000, &stays), Ok(()));
            let fault = ChainFault::Difficulty { stated: EASIEST, expected: 0x1b04_864c };
            let moves = [(0, 0x1b04_864c), (90_000, EASIEST)];
            assert_eq!(judge(network, 100_000, &moves), Err((100_001, fault)));
        }
    }

    #[test]
    fn an_adjusted_target_holds_for_the_period_it_begins() {
        for network in [Network::Mainnet, Network::Testnet4] {
            let (old, new) = (0x1b04_0000, 0x1b03_1234);
            let run = [(0, old), (600, old), (1200, new), (1800, new)];
            assert_eq!(judge(network, 4030, &run), Ok(()), "{network}");
            let fault = ChainFault::Difficulty { stated: old, expected: new };
            let returns = [(0, old), (600, old), (1200, new), (1800, old)];
            assert_eq!(judge(network, 4030, &returns), Err((4033, fault)), "{network}");
        }
    }

    #[test]
    fn with_part_of_a_period_an_adjustment_is_at_most_fourfold() {
        let height = 2016 * 50 - 1;
        let adjust = |bits| judge(Network::Mainnet, height, &[(0, 0x1b04_0000), (600, bits)]);
        for bits in [0x1b04_0000, 0x1b10_0000, 0x1b01_0000, 0x1b07_1234] {
            assert_eq!(adjust(bits), Ok(()), "{bits:x}");
        }
        for bits in [0x1b10_0001, 0x1b00_ffff, 0x1c00_ffff, EASIEST] {
            let fault = ChainFault::Adjustment { stated: bits, hardest: 0x1b01_0000, easiest: 0x1b10_0000 };
            assert_eq!(adjust(bits), Err((height + 1, fault)), "{bits:x}");
        }
    }

    #[test]
    fn time_that_runs_backwards_is_the_shortest_period() {
        let mut run = period(1_000_000_000, 0x1b04_0000, 0);
        run[2015].0 = 0;
        run.push((1_000_000_000, 0x1b01_0000));
        assert_eq!(judge(Network::Mainnet, 2016, &run), Ok(()));
    }

    #[test]
    fn on_testnets_late_blocks_are_of_least_difficulty_and_the_next_returns() {
        for network in [Network::Testnet, Network::Testnet4] {
            let real = 0x1b04_864c;
            let good = [(0, EASIEST), (600, real), (1801, EASIEST), (1802, real), (3002, real)];
            assert_eq!(judge(network, 2017, &good), Ok(()));
            let fault = ChainFault::Difficulty { stated: real, expected: EASIEST };
            assert_eq!(judge(network, 2017, &[(0, real), (1201, real)]), Err((2018, fault)));
            let fault = ChainFault::Difficulty { stated: EASIEST, expected: real };
            assert_eq!(judge(network, 2017, &[(0, real), (1200, EASIEST)]), Err((2018, fault)));
            let stays_low = [(0, real), (1201, EASIEST), (1202, EASIEST)];
            assert!(judge(network, 2017, &stays_low).is_err_and(|(height, _)| height == 2019));
            // Nothing is known of a target before the run.
            assert_eq!(judge(network, 2017, &[(0, EASIEST), (1, real), (2, real)]), Ok(()));
        }
    }

    #[test]
    fn testnet_4_starts_a_period_from_the_first_target_of_the_last() {
        let mut run = period(0, 0x1b04_0000, 14 * 24 * 60 * 60);
        run[2014].0 = run[2013].0;
        run[2015].1 = EASIEST;
        run.push((run[2015].0, 0x1b04_0000));
        assert_eq!(judge(Network::Testnet4, 2016, &run), Ok(()));
        assert!(judge(Network::Testnet, 2016, &run).is_err_and(|(height, _)| height == 4032));
        run[2016].1 = EASIEST;
        assert_eq!(judge(Network::Testnet, 2016, &run), Ok(()));
        assert!(judge(Network::Testnet4, 2016, &run).is_err_and(|(height, _)| height == 4032));
    }

    #[test]
    fn regtest_never_moves_and_mutinynet_is_not_judged() {
        let easiest = 0x207f_ffff;
        assert_eq!(judge(Network::Regtest, 2015, &[(0, easiest), (0, easiest), (9, easiest)]), Ok(()));
        assert!(judge(Network::Regtest, 7, &[(0, 0x207f_fffe)]).is_err());
        assert_eq!(judge(Network::Mutinynet, 7, &[(0, 0x1e03_77ae), (1, 0x1d00_ffff)]), Ok(()));
    }

    #[test]
    fn the_easiest_targets_of_all_networks_survive_the_arithmetic() {
        for (network, bits) in
            [(Network::Mainnet, EASIEST), (Network::Testnet4, EASIEST), (Network::Signet, 0x1e03_77ae)]
        {
            for seconds in [1, 3_000_000, u32::MAX] {
                let mut run = period(0, bits, 0);
                run[2015].0 = seconds;
                run.push((seconds, bits));
                // A period of less than two weeks makes the next target harder.
                let verdict = judge(network, 0, &run);
                assert_eq!(verdict.is_ok(), seconds > 2_000_000, "{network} {seconds}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_targets_within_the_limit_are_judged_without_panic(
            run in vec((any::<u32>(), 1_u32..0x1d, 1_u32..0x80_0000), 1..8), first in 0_u64..5_000,
        ) {
            let run: Vec<_> = run.into_iter().map(|(time, size, word)| (time, (size << 24) | word)).collect();
            for network in Network::ALL {
                let _ = judge(network, first, &run);
            }
        }
    }
}
