//! What a watch saw, read from a visit's bytes: when the server told of which block, and what its node's fee
//! estimator and mempool looked like when. Claims, not findings, and never more of them than the visit holds
//! messages.

use std::time::Duration;

use electrum::message::{Answer, Notification};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    exchange::Exchange,
    facts::{Best, Tip},
    seconds::Seconds,
    visit::Visit,
};

/// Most bins of a histogram that are read; servers send a few dozen.
const MOST_BINS: usize = 1_000;
/// Satoshis in a bitcoin.
const SATOSHIS: f64 = 100_000_000.0;

/// A server told of a new best block (L1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TipSeen {
    /// When the last byte of the message was read.
    pub at: Timestamp,
    /// The block.
    #[serde(flatten)]
    pub tip: Tip,
}

/// The state of a server's node at one moment (L5).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// When it was asked for.
    pub at: Timestamp,
    /// Fee estimates, in the order in which they were asked for (F1).
    pub fees: Vec<Estimate>,
    /// Feerates in satoshis per virtual byte and virtual bytes in the mempool that pay so much (F2); none where
    /// the answer is no histogram.
    pub histogram: Option<Vec<(f64, u64)>>,
}

/// A fee estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Estimate {
    /// Within so many blocks.
    pub target: u32,
    /// Satoshis per 1,000 virtual bytes; none where the node has no estimate, or the answer is none.
    pub feerate: Option<u64>,
}

/// The new blocks that a visit was told of, in the order in which it was.
#[must_use]
pub fn tips(visit: &Visit) -> Vec<TipSeen> {
    let heard = visit.unasked.first.iter();
    heard
        .filter_map(|heard| {
            let said = Notification::read(heard.line.bytes())?;
            let [best] =
                said.params::<[Best; 1]>().filter(|_| said.method == "blockchain.headers.subscribe")?;
            Some(TipSeen { at: at(visit, heard.at)?, tip: best.tip()? })
        })
        .collect()
}

/// The samples that a visit took, in the order in which it did.
#[must_use]
pub fn samples(visit: &Visit) -> Vec<Sample> {
    let asked: Vec<&Exchange> =
        visit.exchanges.iter().filter(|exchange| matches!(&*exchange.probe, "F1" | "F2")).collect();
    // What was asked in one write was asked at one moment.
    let writes = asked.chunk_by(|one, next| one.sent == next.sent);
    writes
        .filter_map(|write| {
            let of = |probe: &'static str| write.iter().filter(move |exchange| exchange.probe == probe);
            Some(Sample {
                at: at(visit, write.first()?.sent)?,
                fees: of("F1").filter_map(|exchange| estimate(exchange)).collect(),
                histogram: of("F2").find_map(|exchange| histogram(exchange)),
            })
        })
        .collect()
}

fn at(visit: &Visit, since: Seconds) -> Option<Timestamp> {
    visit.started_at.checked_add(Duration::from(since)).ok()
}

fn estimate(exchange: &Exchange) -> Option<Estimate> {
    let request = Notification::read(exchange.request.bytes())?;
    let [target] = request.params::<[u32; 1]>()?;
    let answer = exchange.answer.as_ref().and_then(|reply| Answer::read(reply.response.bytes()));
    let bitcoins: Option<f64> = answer.and_then(|answer| answer.result());
    Some(Estimate { target, feerate: bitcoins.and_then(satoshis) })
}

/// -1 stands for "no estimate"; nobody pays a whole bitcoin for a kilobyte.
fn satoshis(bitcoins: f64) -> Option<u64> {
    let plausible = (0.0..1.0).contains(&bitcoins);
    // Through text, as nothing else turns a float into a whole number without a cast.
    plausible.then(|| format!("{:.0}", bitcoins * SATOSHIS).parse().ok()).flatten()
}

fn histogram(exchange: &Exchange) -> Option<Vec<(f64, u64)>> {
    let answer = Answer::read(exchange.answer.as_ref()?.response.bytes())?;
    let mut bins: Vec<(f64, u64)> = answer.result()?;
    bins.truncate(MOST_BINS);
    Some(bins)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        exchange::{Recorded, Reply},
        visit::{Heard, Unasked, tests::example},
    };

    /// Regtest's genesis block.
    const HEADER: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";

    fn seconds(millis: u64) -> Seconds {
        Duration::from_millis(millis).into()
    }

    fn asked(probe: &'static str, sent: u64, request: &str, response: &str) -> Exchange {
        let recorded = |text: &str| Recorded::new(text.as_bytes(), Recorded::LIMIT);
        let reply = Reply {
            response: recorded(response),
            first_byte: seconds(sent + 5),
            last_byte: seconds(sent + 5),
        };
        Exchange { probe: probe.into(), request: recorded(request), sent: seconds(sent), answer: Some(reply) }
    }

    fn watch(exchanges: Vec<Exchange>, heard: &[(u64, &[u8])]) -> Visit {
        let first: Vec<Heard> = heard
            .iter()
            .map(|(at, line)| Heard { at: seconds(*at), line: Recorded::new(line, Unasked::LIMIT) })
            .collect();
        Visit { exchanges, unasked: Unasked { count: 1, first }, ..example() }
    }

    #[test]
    fn blocks_are_seen_when_they_are_told_to_the_millisecond() {
        let block = format!(
            r#"{{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[{{"hex":"{HEADER}","height":7}}]    }}"#
        );
        let other = br#"{"method":"blockchain.scripthash.subscribe","params":["ab",null]}"#;
        let false_header = br#"{"method":"blockchain.headers.subscribe","params":[{"hex":"00","height":7}]}"#;
        let visit = watch(Vec::new(), &[(1_234, block.as_bytes()), (2_000, other), (3_000, false_header)]);
        let seen = tips(&visit);
        let [seen] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(seen.at.to_string(), "2026-11-24T04:00:01.234Z");
        assert_eq!(seen.tip.height, 7);
        assert_eq!(seen.tip.hash, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
    }

    #[test]
    fn samples_are_what_was_asked_at_one_moment() {
        let fee = |sent, target: u32, value: &str| {
            let request = format!(r#"{{"id":1,"method":"blockchain.estimatefee","params":[{target}]}}"#);
            asked("F1", sent, &request, &format!(r#"{{"id":1,"result":{value}}}"#))
        };
        let bins = |sent, value: &str| asked("F2", sent, "{}", &format!(r#"{{"id":2,"result":{value}}}"#));
        let visit = watch(
            vec![
                fee(10, 2, "0.00012345"),
                asked("C1", 10, "{}", "{}"),
                fee(10, 144, "-1"),
                bins(10, "[[12.5,300],[1,7]]"),
                fee(999, 2, "1.2e-05"),
                fee(999, 5, "\"much\""),
                bins(999, "{}"),
            ],
            &[],
        );
        let estimate = |target, feerate| Estimate { target, feerate };
        let samples = samples(&visit);
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0].at.to_string(), "2026-11-24T04:00:00.01Z");
        assert_eq!(samples[0].fees, [estimate(2, Some(12_345)), estimate(144, None)]);
        assert_eq!(samples[0].histogram, Some(vec![(12.5, 300), (1.0, 7)]));
        assert_eq!(samples[1].fees, [estimate(2, Some(1_200)), estimate(5, None)]);
        assert_eq!(samples[1].histogram, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(any::<u8>(), 0..200), fee in any::<f64>()) {
            let text = String::from_utf8_lossy(&line).into_owned();
            let visit = watch(vec![asked("F1", 1, &text, &text), asked("F2", 1, &text, &text)], &[(1, &line)]);
            prop_assert!(tips(&visit).len() <= 1 && samples(&visit).len() <= 1);
            prop_assert!(satoshis(fee).is_none_or(|satoshis| satoshis <= 100_000_000));
        }
    }
}
