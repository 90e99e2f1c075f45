//! What a worker tells Prometheus. docs/metrics.md lists all of it. Counters and histograms add up over workers; of gauges
//! take the greatest. Labels have values from closed lists, but for `server`, which [`series`](self::series) bounds.

mod series;

use electrum::Network;
use fleet::schedule::{Lane, LaneStatus};
use model::{Purpose, Visit, facts::Facts};
use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder, core::Collector,
};

use self::series::Series;
pub use self::series::label;
use super::health::Condition;
use crate::discovery::Refusals;

/// Seconds. A handshake over a continent has a tenth, a slow answer several.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
const PHASES: [&str; 5] = ["dns", "connect", "tls", "first_byte", "total"];

/// Everything that is told.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    series: Series,
    visits: IntCounterVec,
    durations: HistogramVec,
    tips: IntGaugeVec,
    expiries: GaugeVec,
    lag: GaugeVec,
    depth: IntGaugeVec,
    held: IntGauge,
    claims: IntCounterVec,
    stale: IntCounter,
    unreported: IntCounter,
    redis_errors: IntCounterVec,
    skipped: IntCounter,
    bytes: IntCounterVec,
    spent: prometheus::Counter,
    condition: IntGaugeVec,
    known: IntGauge,
    refused: IntCounterVec,
    canaries: IntCounterVec,
}

impl Metrics {
    /// All at nothing. At most so many series belong to single servers; what is beyond is told of `other`.
    ///
    /// # Errors
    /// Where two metrics have one name.
    pub fn new(network: Network, vantage: &str, most_series: usize) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let shared = |name: &str, help: &str| {
            Opts::new(name, help).const_label("network", network.to_string()).const_label("vantage", vantage)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(shared(name, help), labels).and_then(|metric| register(&registry, metric))
        };
        let counter = |name: &str, help: &str| {
            IntCounter::with_opts(shared(name, help)).and_then(|metric| register(&registry, metric))
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(shared(name, help), labels).and_then(|metric| register(&registry, metric))
        };
        let gauge = |name: &str, help: &str| {
            IntGauge::with_opts(shared(name, help)).and_then(|metric| register(&registry, metric))
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            GaugeVec::new(shared(name, help), labels).and_then(|metric| register(&registry, metric))
        };
        let durations = HistogramOpts::from(shared(
            "electrum_visit_duration_seconds",
            "How long each phase of a visit took: dns, connect, tls, first_byte, total",
        ));
        let durations = HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["server", "phase"])?;
        let spent = shared("electrum_cost_spent_total", "What visits cost servers, in ElectrumX's units (E)");
        let series = Series::new(
            most_series,
            gauge("electrum_series", "Series that belong to single servers")?,
            counter(
                "electrum_servers_folded_total",
                "Servers told of as `other`, as the series budget is spent",
            )?,
        );
        Ok(Self {
            series,
            visits: counters(
                "electrum_visits_total",
                "Visits by lane and how they ended",
                &["server", "lane", "outcome"],
            )?,
            durations: register(&registry, durations)?,
            tips: gauges(
                "electrum_tip_height",
                "The height of the latest block a server told of",
                &["server"],
            )?,
            expiries: seconds(
                "electrum_certificate_not_after_seconds",
                "When a server's certificate ends, in Unix time",
                &["server"],
            )?,
            lag: seconds(
                "electrum_schedule_lag_seconds",
                "How long the longest due subject has been due",
                &["lane"],
            )?,
            depth: gauges("electrum_schedule_due", "Subjects that are due and not claimed", &["lane"])?,
            held: gauge("electrum_claims_held", "Claims that this worker holds")?,
            claims: counters("electrum_claims_total", "Claims by lane", &["lane"])?,
            stale: counter(
                "electrum_stale_total",
                "Reports and settlements that were refused as the claim was over",
            )?,
            unreported: counter(
                "electrum_visits_unreported_total",
                "Visits made and not reported: their claim was over, or Redis stayed away until the worker ended",
            )?,
            redis_errors: counters("electrum_redis_errors_total", "Errors of Redis by class", &["class"])?,
            skipped: counter(
                "electrum_visits_skipped_total",
                "Visits that were refused a permit, or that there was no point in making",
            )?,
            bytes: counters("electrum_traffic_bytes_total", "Bytes over sockets to servers", &["direction"])?,
            spent: register(&registry, prometheus::Counter::with_opts(spent)?)?,
            condition: gauges(
                "electrum_worker_condition",
                "1 for what the worker is in, 0 for the others",
                &["condition"],
            )?,
            known: gauge(
                "electrum_servers_known",
                "Servers on the schedule, when this worker last looked for more",
            )?,
            refused: counters(
                "electrum_listings_refused_total",
                "Servers that somebody told of and that were turned away",
                &["reason"],
            )?,
            canaries: counters(
                "electrum_canary_visits_total",
                "Visits to canaries by how they ended",
                &["outcome"],
            )?,
            registry,
        })
    }

    /// A visit was made.
    pub fn visited(&self, visit: &Visit, lane: Lane) {
        let server = self.series.label(&visit.endpoint.host);
        self.visits.with_label_values(&[&server, lane.name(), visit.outcome.name()]).inc();
        let timings = &visit.timings;
        let first_byte = timings.first_byte;
        let total = (!matches!(visit.purpose, Purpose::Watch)).then_some(timings.total);
        let phases = [timings.dns, timings.connect, timings.tls, first_byte, total];
        for (phase, took) in PHASES.into_iter().zip(phases) {
            if let Some(took) = took {
                self.durations.with_label_values(&[&server, phase]).observe(took.as_millis() / 1_000.0);
            }
        }
        for (direction, bytes) in [("read", visit.traffic.read), ("written", visit.traffic.written)] {
            self.bytes.with_label_values(&[direction]).inc_by(bytes);
        }
        self.spent.inc_by(visit.cost.max(0.0));
        // Of those told of as one, the last to be visited would speak for all.
        if server == series::OTHER {
            return;
        }
        if let Some(tip) = Facts::of(visit).tip {
            self.tips.with_label_values(&[&server]).set(i64::from(tip.height));
        }
        let certificate = visit.tls.as_ref().and_then(|facts| facts.chain.first());
        if let Some(certificate) = certificate.and_then(|der| electrum::tls::describe(der.as_ref()).ok()) {
            let not_after = certificate.not_after.as_second();
            #[expect(clippy::cast_precision_loss, reason = "seconds are exact for 285 million years")]
            self.expiries.with_label_values(&[&server]).set(not_after as f64);
        }
    }

    /// A claim was taken.
    pub(crate) fn claimed(&self, lane: Lane) {
        self.claims.with_label_values(&[lane.name()]).inc();
    }

    /// The worker holds so many claims.
    pub(crate) fn holds(&self, held: usize) {
        self.held.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// The worker is in this condition.
    pub(crate) fn stands(&self, condition: Condition) {
        for one in Condition::ALL {
            self.condition.with_label_values(&[one.name()]).set(i64::from(one == condition));
        }
    }

    /// A report or a settlement was refused.
    pub(crate) fn stale(&self) {
        self.stale.inc();
    }

    /// A visit was lost.
    pub(crate) fn unreported(&self) {
        self.unreported.inc();
    }

    /// Redis failed.
    pub(crate) fn redis_failed(&self, class: &str) {
        self.redis_errors.with_label_values(&[class]).inc();
    }

    /// A visit was not made.
    pub(crate) fn skipped(&self) {
        self.skipped.inc();
    }

    /// A canary was visited.
    pub(crate) fn canary(&self, visit: &Visit) {
        self.canaries.with_label_values(&[visit.outcome.name()]).inc();
    }

    /// Discovery went round.
    pub(crate) fn discovered(&self, known: usize, refused: &Refusals) {
        self.known.set(i64::try_from(known).unwrap_or(i64::MAX));
        for (reason, times) in refused.iter() {
            self.refused.with_label_values(&[reason.name()]).inc_by(times as u64);
        }
    }

    /// The schedule was looked at.
    pub(crate) fn looked(&self, lanes: &[LaneStatus]) {
        for status in lanes {
            let lane = [status.lane.name()];
            self.lag.with_label_values(&lane).set(status.lag.as_secs_f64());
            self.depth.with_label_values(&lane).set(i64::try_from(status.due).unwrap_or(i64::MAX));
        }
    }

    /// Everything in Prometheus' text form.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> Result<M, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests;
