//! How long answers take, compared with other answers of the same server.

use model::finding::{Indicator, Tier};

use super::{Definition, Found};
use crate::{
    features::timing::{Lags, Timing},
    survey::Case,
};

/// So much longer, in milliseconds, is no jitter.
const LONGER: i32 = 50;
/// So often an honest server takes that much longer, at the most, for a question that no cache can know.
const BY_CHANCE: f64 = 0.1;
/// As improbable as this must it be that chance alone made it so.
const IMPROBABLE: f64 = 1e-4;
/// Of three questions that are alike the first is the slowest so often, however busy who asks or who answers is.
const FIRST_OF_THREE: f64 = 1.0 / 3.0;
/// As improbable as this must it be that it came so by turns.
const BY_TURNS: f64 = 1e-3;

pub(super) const TABLE: &[Definition] = &[
    Definition {
        indicator: Indicator::new(15),
        tier: Tier::Medium,
        weight: 5,
        title: "one type of script is answered much more slowly than the others",
        caveat: "Long histories take longer; the scripts that are asked about have short ones of about one size.",
        find: slow_type,
    },
    Definition {
        indicator: Indicator::new(16),
        tier: Tier::Medium,
        weight: 5,
        title: "a wallet's search for its addresses is slowed down, and questions of the same cost are not",
        caveat: "Limits by cost slow everything down alike; a limit on subscriptions looks like this.",
        find: slow_search,
    },
    Definition {
        indicator: Indicator::new(19),
        tier: Tier::Soft,
        weight: 3,
        title: "takes much longer to answer than the way there and back",
        caveat: "Slow disks, small machines and busy hours look like this.",
        find: slow_overall,
    },
    Definition {
        indicator: Indicator::new(20),
        tier: Tier::Medium,
        weight: 10,
        title: "the first question about a script that nobody ever used takes longer than the next one",
        caveat: "Caches make repetitions faster, and there is nothing to cache of such a script.",
        find: slow_when_new,
    },
];

fn slow_when_new(case: &Case<'_, '_>) -> Option<Found> {
    let lags = all(case, |timing| &timing.unseen);
    let (longer, shorter, of) = (lags.above(LONGER), lags.below(-LONGER), lags.millis.len());
    let is_slow = at_least(longer, of, BY_CHANCE) < IMPROBABLE
        && at_least(longer, longer + shorter, FIRST_OF_THREE) < BY_TURNS;
    is_slow.then(|| Found {
        statement: format!(
            "In {longer} of {of} visits the first question about a script that nobody ever used took more than {LONGER} ms longer than the next two, in {shorter} as much shorter than one of them; in the middle of all, {} ms.",
            lags.median().unwrap_or_default()
        ),
        evidence: lags.evidence,
    })
}

fn slow_search(case: &Case<'_, '_>) -> Option<Found> {
    let lags = all(case, |timing| &timing.search);
    let (longer, of) = (lags.above(20 * LONGER), lags.millis.len());
    (at_least(longer, of, BY_CHANCE) < IMPROBABLE).then(|| Found {
        statement: format!(
            "In {longer} of {of} visits a search for a wallet's addresses took more than {} ms longer than other questions about scripts in the same write; in the middle of all, {} ms.",
            20 * LONGER,
            lags.median().unwrap_or_default()
        ),
        evidence: lags.evidence,
    })
}

fn slow_type(case: &Case<'_, '_>) -> Option<Found> {
    let types: Vec<Lags> = (0..7).map(|kind| all(case, |timing| &timing.types[kind])).collect();
    let medians: Vec<i32> = types.iter().filter_map(Lags::median).collect();
    let slowest = types.iter().max_by_key(|lags| lags.median())?;
    let mut others = medians.clone();
    others.sort_unstable();
    let usual = others.get(others.len() / 2).copied()?;
    let limit = usual.saturating_mul(10).max(10 * LONGER);
    let (longer, of) = (slowest.above(limit), slowest.millis.len());
    (others.len() > 2 && at_least(longer, of, BY_CHANCE) < IMPROBABLE).then(|| Found {
        statement: format!(
            "In {longer} of {of} visits one type of script took more than {limit} ms where the others took {usual} ms in the middle."
        ),
        evidence: slowest.evidence.clone(),
    })
}

fn slow_overall(case: &Case<'_, '_>) -> Option<Found> {
    let overhead = case.server().dossiers().filter_map(|dossier| dossier.timing.overhead).min()?;
    let usual = case.survey.usual_overhead?;
    let limit = (usual * 10).max(std::time::Duration::from_millis(500));
    (overhead > limit).then(|| Found {
        statement: format!(
            "Its quickest answer took {} ms longer than the way there and back; 95 of 100 servers need at most {} ms.",
            overhead.as_millis(),
            usual.as_millis()
        ),
        evidence: all(case, |timing| &timing.greeting).evidence,
    })
}

/// What was measured at all hosts of a server.
fn all<'s>(case: &Case<'s, '_>, kind: impl Fn(&'s Timing) -> &'s Lags) -> Lags {
    let mut all = Lags::default();
    for lags in case.server().dossiers().map(|dossier| kind(&dossier.timing)) {
        all.millis.extend(&lags.millis);
        all.evidence.extend(&lags.evidence);
    }
    all
}

/// How probable it is that so many of so many come out so, where each does with a probability.
fn at_least(successes: usize, trials: usize, probability: f64) -> f64 {
    // The terms of the binomial distribution, from none on.
    let mut term = (1.0 - probability).powi(i32::try_from(trials).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for k in 0..successes {
        below += term;
        term *= (trials - k) as f64 / (k + 1) as f64 * probability / (1.0 - probability);
    }
    1.0 - below
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Recorded, Visit};

    use super::*;
    use crate::{
        indicators::tests::found,
        testing::{answers, light},
    };

    /// A visit in which these probes were asked and answered after so many milliseconds each.
    fn timed(host: &str, minute: i64, took: &[(&'static str, u64)]) -> Visit {
        let said: Vec<_> = took.iter().map(|(probe, _)| (*probe, "null")).collect();
        let mut visit = answers(&format!("tcp://{host}:50001"), 60 * minute, &said);
        for (exchange, (_, millis)) in visit.exchanges.iter_mut().zip(took) {
            let came = Duration::from(exchange.sent) + Duration::from_millis(*millis);
            if let Some(reply) = &mut exchange.answer {
                reply.first_byte = came.into();
            }
        }
        visit
    }

    fn visits(took: &[(&'static str, u64)]) -> Vec<Visit> {
        (0..6).map(|minute| timed("10.0.0.1", minute, took)).collect()
    }

    #[test]
    fn a_script_that_is_new_must_not_take_longer_than_the_same_again() {
        let often = |first, second, times| -> Vec<Visit> {
            let took = [("S13", first), ("S13", second), ("S13", 12)];
            (0..times).map(|minute| timed("10.0.0.1", minute, &took)).collect()
        };
        let fires = |all: &[Visit]| found(20, all, "10.0.0.1");
        assert!(fires(&often(260, 10, 7)).is_some_and(|found| found.statement.contains("7 of 7")));
        assert_eq!(fires(&often(260, 10, 6)), None, "six times may be chance");
        assert_eq!(fires(&often(400, 410, 7)), None, "overloaded");
        // A scanner that waits for its processor is late with any of the three.
        let busy: Vec<Visit> = [often(260, 10, 11), often(10, 260, 11)].concat();
        assert_eq!(fires(&busy), None, "{} would be too many by themselves", busy.len() / 2);
        let mostly: Vec<Visit> = [often(260, 10, 11), often(10, 260, 2)].concat();
        assert!(fires(&mostly).is_some());
    }

    #[test]
    fn one_type_of_script_is_slow_where_the_others_in_the_write_are_not() {
        let took = |slow| [("S3", 20), ("S4", slow), ("S5", 22), ("S6", 21), ("S7", 19), ("S8", 25)];
        assert!(found(15, &visits(&took(900)), "10.0.0.1").is_some());
        assert_eq!(found(15, &visits(&took(190)), "10.0.0.1"), None);
        assert_eq!(found(15, &visits(&took(900).map(|(probe, _)| (probe, 900))), "10.0.0.1"), None);
    }

    #[test]
    fn a_search_for_addresses_is_slow_where_other_questions_in_the_write_are_not() {
        let searches = |search, other, padding: &str| {
            let took = [("S3", other), ("S4", other), ("S12", search), ("S12", search), ("S12", search)];
            let mut all = visits(&took);
            let script = "5a".repeat(32);
            for exchange in all.iter_mut().flat_map(|visit| &mut visit.exchanges) {
                let asked = format!(
                    r#"{{"id":1,"method":"blockchain.scripthash.get_history","params":["{script}"]}}"#
                );
                exchange.request = Recorded::new(asked.as_bytes(), Recorded::LIMIT);
                if let Some(reply) = &mut exchange.answer {
                    let said = format!(r#"{{"id":1,"result":null{padding}}}"#);
                    reply.response = Recorded::new(said.as_bytes(), Recorded::LIMIT);
                }
            }
            all
        };
        let fires = |all: &[Visit]| found(16, all, "10.0.0.1").is_some();
        assert!(
            found(16, &searches(1_400, 12, ""), "10.0.0.1")
                .is_some_and(|found| found.statement.contains("6 of 6"))
        );
        assert!(!fires(&searches(1_400, 12, "")[..3]), "three times may be chance");
        assert!(!fires(&searches(1_400, 1_390, "")), "a limit that slows down everything");
        assert!(!fires(&searches(600, 12, "")), "a busy server");
        assert!(!fires(&searches(1_400, 12, "   ")), "who collects its answers");
    }

    #[test]
    fn who_needs_ten_times_as_long_as_the_others_is_slow_and_who_is_far_away_is_not() {
        let mut all: Vec<Visit> = (1..40).map(|n| timed(&format!("10.0.{n}.1"), 0, &[("H1", 20)])).collect();
        all.push(timed("10.9.0.1", 0, &[("H1", 900)]));
        let mut far = timed("10.9.1.1", 0, &[("H1", 900)]);
        far.timings.connect = Some(Duration::from_millis(890).into());
        all.push(far);
        all.push(light("tcp://10.9.2.1:50001", 0));
        let slow = |host: &str| found(19, &all, host).is_some();
        assert_eq!(["10.9.0.1", "10.9.1.1", "10.9.2.1", "10.0.1.1"].map(slow), [true, false, false, false]);
    }

    #[test]
    fn five_of_five_are_no_chance_and_three_are() {
        assert!((at_least(0, 5, 0.1) - 1.0).abs() < 1e-12);
        assert!((at_least(5, 5, 0.1) - 1e-5).abs() < 1e-9);
        assert!(at_least(3, 3, 0.1) > IMPROBABLE && at_least(4, 40, 0.1) > 0.5);
        assert!(at_least(0, 0, 0.1) >= 1.0);
    }
}
