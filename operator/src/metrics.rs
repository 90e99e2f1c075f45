//! What is counted. Labels are names from closed lists: how many series there are does not depend on what strangers do.
//! What is told of single servers comes from [`gauges`](crate::gauges).

use std::time::Duration;

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector, process_collector::ProcessCollector,
};

use crate::error::Class;

/// Everything that is counted. Clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    errors: IntCounterVec,
    seconds: HistogramVec,
    running: IntGaugeVec,
    watch_errors: IntCounterVec,
    writes: IntCounterVec,
    leader: IntGauge,
    malformed: IntGaugeVec,
    visits: IntCounterVec,
    lag: GaugeVec,
    waiting: IntGaugeVec,
}

impl Metrics {
    /// None counted yet.
    ///
    /// # Errors
    /// A fault of ours: two metrics of one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(format!("operator_{name}"), help), labels)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(format!("operator_{name}"), help), labels)
        };
        let seconds =
            HistogramOpts::new("operator_reconcile_seconds", "How long a resource was looked after.")
                .buckets(vec![0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0]);
        let metrics = Self {
            registry: Registry::new(),
            reconciles: counter(
                "reconciles_total",
                "Times that resources were looked after.",
                &["controller", "outcome"],
            )?,
            errors: counter("errors_total", "What went wrong then, by its kind.", &["controller", "class"])?,
            seconds: HistogramVec::new(seconds, &["controller"])?,
            running: gauges("reconciles_running", "Resources that are being looked after.", &["controller"])?,
            watch_errors: counter(
                "watch_errors_total",
                "Watches that broke; each is begun again.",
                &["watch"],
            )?,
            writes: counter("writes_total", "Writes that were begun.", &["verb"])?,
            leader: IntGauge::new("operator_leader", "Whether this replica is the one that writes.")?,
            malformed: gauges("malformed_resources", "Resources that could not be read.", &["kind"])?,
            visits: counter("ingested_visits_total", "Visits that were read.", &["campaign"])?,
            lag: GaugeVec::new(
                Opts::new("operator_ingest_lag_seconds", "How long the visit that was read last had waited."),
                &["campaign"],
            )?,
            waiting: gauges(
                "visits_waiting",
                "Visits that wait to be read, or to be archived.",
                &["campaign"],
            )?,
        };
        let all: [Box<dyn Collector>; 12] = [
            Box::new(metrics.reconciles.clone()),
            Box::new(metrics.errors.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.running.clone()),
            Box::new(metrics.watch_errors.clone()),
            Box::new(metrics.writes.clone()),
            Box::new(metrics.leader.clone()),
            Box::new(metrics.malformed.clone()),
            Box::new(metrics.visits.clone()),
            Box::new(metrics.lag.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(ProcessCollector::for_self()),
        ];
        all.into_iter().try_for_each(|each| metrics.registry.register(each))?;
        Ok(metrics)
    }

    /// Tells of something else too, that is collected when it is asked for.
    ///
    /// # Errors
    /// A fault of ours: two metrics of one name.
    pub fn also(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(collector)
    }

    /// Somebody begins to look after a resource; counted until dropped.
    #[must_use]
    pub fn begins(&self, controller: &'static str) -> Running {
        let gauge = self.running.with_label_values(&[controller]);
        gauge.inc();
        Running(gauge)
    }

    /// A resource was looked after.
    pub fn reconciled(&self, controller: &'static str, took: Duration, failed: Option<Class>) {
        let outcome = if failed.is_some() { "error" } else { "ok" };
        self.reconciles.with_label_values(&[controller, outcome]).inc();
        self.seconds.with_label_values(&[controller]).observe(took.as_secs_f64());
        if let Some(class) = failed {
            self.errors.with_label_values(&[controller, class.name()]).inc();
        }
    }

    /// A watch broke.
    pub fn watch_broke(&self, watch: &'static str) {
        self.watch_errors.with_label_values(&[watch]).inc();
    }

    /// So many resources of a kind cannot be read.
    pub fn malformed(&self, kind: &'static str, number: usize) {
        self.malformed.with_label_values(&[kind]).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    pub(crate) fn wrote(&self, verb: &'static str) {
        self.writes.with_label_values(&[verb]).inc();
    }

    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// So many visits of a campaign were read; the last of them had waited so long.
    pub(crate) fn ingested(&self, campaign: &str, visits: usize, waited: Option<Duration>) {
        self.visits.with_label_values(&[campaign]).inc_by(visits as u64);
        self.lag.with_label_values(&[campaign]).set(waited.unwrap_or_default().as_secs_f64());
    }

    /// So many visits of a campaign wait to be read, or to be archived.
    pub(crate) fn waiting(&self, campaign: &str, visits: u64) {
        self.waiting.with_label_values(&[campaign]).set(i64::try_from(visits).unwrap_or(i64::MAX));
    }

    /// Something went wrong that is tried again.
    pub(crate) fn failed(&self, controller: &'static str, class: Class) {
        self.errors.with_label_values(&[controller, class.name()]).inc();
    }

    /// The visits of a campaign are not read here any more.
    pub(crate) fn ingest_ended(&self, campaign: &str) {
        // Nothing may have been told of it.
        let _ = self.visits.remove_label_values(&[campaign]);
        let _ = self.lag.remove_label_values(&[campaign]);
        let _ = self.waiting.remove_label_values(&[campaign]);
    }

    /// In Prometheus' text format.
    ///
    /// # Errors
    /// A fault of ours: series that clash.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Something that runs.
pub struct Running(IntGauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_once() {
        let metrics = Metrics::new().expect("no name twice");
        for class in Class::ALL {
            metrics.reconciled("campaign", Duration::from_millis(20), Some(class));
        }
        metrics.reconciled("campaign", Duration::from_millis(20), None);
        metrics.watch_broke("servers");
        metrics.wrote("apply");
        metrics.leads(true);
        metrics.malformed("ScanCampaign", 2);
        let running = metrics.begins("campaign");
        let text = metrics.text().expect("no series clash");
        for line in [
            "operator_reconciles_total{controller=\"campaign\",outcome=\"error\"} 8",
            "operator_errors_total{class=\"not-leader\",controller=\"campaign\"} 1",
            "operator_reconcile_seconds_count{controller=\"campaign\"} 9",
            "operator_reconciles_running{controller=\"campaign\"} 1",
            "operator_leader 1",
            "operator_malformed_resources{kind=\"ScanCampaign\"} 2",
        ] {
            assert_eq!(text.lines().filter(|each| *each == line).count(), 1, "{line}\n{text}");
        }
        drop(running);
        assert!(
            metrics.text().expect("text").contains("operator_reconciles_running{controller=\"campaign\"} 0")
        );
    }
}
