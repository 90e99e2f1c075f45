//! What a value means, where its form is right: whether the time zone exists, the server can be one, cron is cron.

use std::{fmt::Display, net::SocketAddr, str::FromStr};

use croner::parser::{CronParser, Seconds};
use electrum::{Endpoint, Host, dial::Proxy};
use ipnet::IpNet;
use jiff::tz::TimeZoneDatabase;

use super::Complaint;
use crate::{ElectrumServerSpec, ScanCampaignSpec, ScanExclusionSpec};

/// A field, and what is wrong with it, if anything.
fn about(field: impl Into<String>, verdict: Result<(), String>) -> Option<Complaint> {
    verdict.err().map(|message| Complaint::new(field, message))
}

fn each<'a>(
    field: &str,
    texts: &'a [String],
    verdict: impl Fn(&'a str) -> Result<(), String>,
) -> Vec<Complaint> {
    let numbered = texts.iter().enumerate();
    numbered.filter_map(|(n, text)| about(format!("{field}[{n}]"), verdict(text))).collect()
}

pub(super) fn of_campaign(spec: &ScanCampaignSpec, probe: &dyn Fn(&str) -> bool) -> Vec<Complaint> {
    let mut found = Vec::new();
    found.extend(about("spec.schedule.timeZone", time_zone(&spec.schedule.time_zone)));
    found.extend(about("spec.analysis.timeZone", time_zone(&spec.analysis.time_zone)));
    found.extend(about("spec.analysis.schedule", cron(&spec.analysis.schedule)));
    found.extend(each("spec.probes.disabled", &spec.probes.disabled, |id| {
        if probe(id) { Ok(()) } else { Err(format!("{id:?} is no probe: their ids are in docs/probes.md")) }
    }));
    for (n, source) in spec.discovery.sources.iter().enumerate() {
        found.extend(each(&format!("spec.discovery.sources[{n}].seeds"), &source.seeds, seed));
    }
    for (n, vantage) in spec.vantages.iter().enumerate() {
        let field = |name: &str| format!("spec.vantages[{n}].{name}");
        found.extend(each(&field("canary"), &vantage.canary, reads::<Endpoint>));
        if let Some(proxy) = &vantage.proxy {
            found.extend(about(field("proxy"), reads::<Proxy>(proxy)));
        }
        if let Some(resolver) = &vantage.resolver {
            let verdict = reads::<SocketAddr>(resolver);
            found.extend(about(field("resolver"), verdict.map_err(|e| format!("{e}: write 9.9.9.9:53"))));
        }
    }
    found
}

pub(super) fn of_server(spec: &ElectrumServerSpec) -> Vec<Complaint> {
    let verdict = match spec.host.parse::<Host>() {
        Err(error) => Err(error.to_string()),
        Ok(host) if host.to_string() != spec.host => Err(format!("write it as {host}")),
        Ok(_) => Ok(()),
    };
    about("spec.host", verdict).into_iter().collect()
}

pub(super) fn of_exclusion(spec: &ScanExclusionSpec) -> Vec<Complaint> {
    let mut found = each("spec.hosts", &spec.hosts, reads::<Host>);
    found.extend(each("spec.domains", &spec.domains, |text| match text.parse() {
        Ok(Host::Name(_)) => Ok(()),
        Ok(Host::Address(_) | Host::Onion(_)) => Err(format!("{text:?} is no domain: name it under hosts")),
        Err(error) => Err(error.to_string()),
    }));
    found.extend(each("spec.cidrs", &spec.cidrs, reads::<IpNet>));
    found
}

fn reads<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

fn seed(text: &str) -> Result<(), String> {
    // A host first: `2001:db8::1` would pass for host, port and transport.
    reads::<Host>(text).or_else(|_| reads::<Endpoint>(text))
}

fn time_zone(name: &str) -> Result<(), String> {
    // The bundled ones, so that a machine's own do not matter.
    let known = TimeZoneDatabase::bundled().get(name).map(drop);
    known.map_err(|_| format!("{name:?} is no time zone: write its IANA name, as in Europe/Zurich"))
}

fn cron(text: &str) -> Result<(), String> {
    // Kubernetes knows the names of days and months, and none of the letters that others have added to cron.
    let letters = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let named = letters.clone().all(|word| word.len() == 3);
    let parsed = CronParser::builder().seconds(Seconds::Disallowed).build().parse(text);
    match parsed {
        Ok(_) if named => Ok(()),
        Ok(_) => Err(format!("{text:?} has letters that Kubernetes' cron does not know")),
        Err(error) => Err(format!("{text:?} is no cron schedule: {error}")),
    }
}
