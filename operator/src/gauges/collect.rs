//! Tells Prometheus what statuses say of servers, when it asks: so it is never behind, and nothing is kept in between. Only
//! the replica that leads tells; of two that do each server would be there twice. Decides nothing else.

use std::collections::HashMap;

use crds::{ElectrumServer, ScanCampaign, server::Location};
use kube::runtime::reflector::Store;
use prometheus::{
    core::{Collector, Desc},
    proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use super::{Scope, Told, told};
use crate::{leader::Fence, watch::Guarded};

/// Series of servers.
pub struct Gauges {
    fence: Fence,
    campaigns: Store<Guarded<ScanCampaign>>,
    servers: Store<Guarded<ElectrumServer>>,
    most_series: usize,
    info: Desc,
    up: Desc,
    score: Desc,
    groups: Desc,
    untold: Desc,
}

impl Gauges {
    /// Of the campaigns and servers that are watched, within so many series.
    ///
    /// # Errors
    /// A fault of ours: names that cannot be.
    pub fn new(
        fence: Fence,
        campaigns: Store<Guarded<ScanCampaign>>,
        servers: Store<Guarded<ElectrumServer>>,
        most_series: usize,
    ) -> Result<Self, prometheus::Error> {
        let desc = |name: &str, help: &str, more: &[&str]| {
            let labels = [&["campaign", "network"], more].concat().into_iter().map(str::to_owned).collect();
            Desc::new(format!("electrum_{name}"), help.to_owned(), labels, HashMap::new())
        };
        let known = ["server", "software", "country", "latitude", "longitude", "level", "group"];
        Ok(Self {
            fence,
            campaigns,
            servers,
            most_series,
            info: desc("server_info", "What is known of a server.", &known)?,
            up: desc("server_up", "Whether a server answers, by the verdict of the vantages.", &["server"])?,
            score: desc("server_suspicion_score", "How suspicious a server is: 0 to 100.", &["server"])?,
            groups: desc("group_servers", "Servers in a group that the evidence links.", &["group"])?,
            untold: desc("servers_untold", "Servers without series, as the series budget is spent.", &[])?,
        })
    }

    fn families(&self, told: &Told<'_>) -> Vec<MetricFamily> {
        let servers = || told.servers.iter();
        let known = servers().map(|each| {
            let degrees = |spot: Location| [spot.lat, spot.lon].map(|each| format!("{each:.1}"));
            let [latitude, longitude] = each.location.map(degrees).unwrap_or_default();
            let more =
                [&each.server, each.software, each.country, &latitude, &longitude, each.level, each.group];
            sample(&self.info, &each.scope, &more, 1)
        });
        let up = servers()
            .filter_map(|each| Some(sample(&self.up, &each.scope, &[&each.server], each.up?.into())));
        let scores =
            servers().filter_map(|each| Some(sample(&self.score, &each.scope, &[&each.server], each.score?)));
        let groups = told
            .groups
            .iter()
            .map(|((scope, group), members)| sample(&self.groups, scope, &[group], *members));
        let untold = told.untold.iter().map(|(scope, number)| sample(&self.untold, scope, &[], *number));
        vec![
            family(&self.info, known),
            family(&self.up, up),
            family(&self.score, scores),
            family(&self.groups, groups),
            family(&self.untold, untold),
        ]
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.info, &self.up, &self.score, &self.groups, &self.untold]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if self.fence.until().is_err() {
            return Vec::new();
        }
        let (campaigns, servers) = (self.campaigns.state(), self.servers.state());
        let campaigns: Vec<_> = campaigns.iter().filter_map(|guarded| guarded.0.as_ref().ok()).collect();
        let servers = servers.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        self.families(&told(&campaigns, servers, self.most_series))
    }
}

/// Vectors of gauges would keep all of it a second time.
fn family(desc: &Desc, samples: impl Iterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(samples.collect());
    family
}

fn sample(desc: &Desc, scope: &Scope, more: &[&str], value: i32) -> Metric {
    let values = [scope.campaign.as_str(), scope.network].into_iter().chain(more.iter().copied());
    let pair = |(name, value): (&String, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.clone());
        pair.set_value(value.to_owned());
        pair
    };
    let mut gauge = Gauge::default();
    gauge.set_value(value.into());
    let mut metric = Metric::default();
    metric.set_label(desc.variable_labels.iter().zip(values).map(pair).collect());
    metric.set_gauge(gauge);
    metric
}
