//! `servers.parquet` and `servers.csv`: one row a server.

use std::net::{IpAddr, Ipv6Addr};

use electrum::Endpoint;
use model::{
    Assessment,
    assessment::{Address, TlsSummary, VersionRange},
};

use super::{Column, Value};
use crate::{figures::Member, measures::Measures};

/// One server, as a table has it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// What is concluded of it.
    pub assessment: &'a Assessment,
    /// What it counts in the figures, and as what.
    pub member: &'a Member,
    /// What else was measured of it.
    pub measures: &'a Measures,
}

impl<'a> Row<'a> {
    /// The columns of `servers.parquet` and `servers.csv`.
    pub const COLUMNS: [Column<Self>; 37] = [
        Column { name: "server", value: Value::Text(|row| Some(row.assessment.server.clone())) },
        Column { name: "reachable", value: Value::Flag(|row| Some(row.assessment.reachable)) },
        Column { name: "claimed", value: Value::Text(|row| row.assessment.implementation.claimed.clone()) },
        Column { name: "identified", value: Value::Text(|row| Some(row.version()?.name.clone())) },
        Column { name: "identified_min", value: Value::Text(|row| Some(row.version()?.min.clone())) },
        Column { name: "identified_max", value: Value::Text(|row| row.version()?.max.clone()) },
        Column {
            name: "confidence",
            value: Value::Number(|row| Some(row.assessment.implementation.confidence)),
        },
        Column { name: "level", value: Value::Text(|row| Some(row.assessment.level.name().to_owned())) },
        Column { name: "score", value: Value::Whole(|row| Some(row.assessment.score.into())) },
        Column {
            name: "indicators",
            value: Value::Text(|row| joined(row.assessment.findings.iter().map(|finding| finding.indicator))),
        },
        Column { name: "operator", value: Value::Text(|row| Some(row.member.operator.clone())) },
        Column { name: "adverts", value: Value::Whole(|row| Some(row.member.adverts.into())) },
        Column { name: "buckets", value: Value::Number(|row| Some(row.member.buckets)) },
        Column { name: "selection", value: Value::Number(|row| Some(row.member.selection)) },
        Column { name: "group", value: Value::Text(|row| Some(row.assessment.group.as_ref()?.id.clone())) },
        Column {
            name: "group_posterior",
            value: Value::Number(|row| Some(row.assessment.group.as_ref()?.posterior)),
        },
        Column { name: "endpoints", value: Value::Text(|row| joined(row.endpoints())) },
        Column {
            name: "addresses",
            value: Value::Text(|row| {
                joined(row.assessment.addresses.iter().map(|address| row.shown(address.ip)))
            }),
        },
        Column { name: "residential", value: Value::Flag(|row| Some(row.measures.residential)) },
        Column { name: "asn", value: Value::Whole(|row| Some(row.place()?.asn?.into())) },
        Column { name: "organisation", value: Value::Text(|row| row.place()?.organisation.clone()) },
        Column { name: "country", value: Value::Text(|row| row.place()?.country.clone()) },
        Column {
            name: "protocol_min",
            value: Value::Text(|row| Some(row.member.protocol.as_ref()?[0].clone())),
        },
        Column {
            name: "protocol_max",
            value: Value::Text(|row| Some(row.member.protocol.as_ref()?[1].clone())),
        },
        Column { name: "tls_version", value: Value::Text(|row| row.tls()?.version.clone()) },
        Column { name: "spki_sha256", value: Value::Text(|row| Some(row.tls()?.spki_sha256.clone())) },
        Column { name: "self_signed", value: Value::Flag(|row| Some(row.tls()?.self_signed)) },
        Column { name: "not_before", value: Value::Time(|row| Some(row.tls()?.not_before)) },
        Column { name: "not_after", value: Value::Time(|row| Some(row.tls()?.not_after)) },
        Column { name: "first_seen", value: Value::Time(|row| row.measures.first_seen) },
        Column { name: "last_seen", value: Value::Time(|row| row.measures.last_seen) },
        Column { name: "availability", value: Value::Number(|row| row.member.availability) },
        Column { name: "latency_ms", value: Value::Number(|row| row.member.latency_ms) },
        Column {
            name: "latency_p95_ms",
            value: Value::Number(|row| Some(row.measures.latency_p95?.as_secs_f64() * 1e3)),
        },
        Column { name: "signs", value: Value::Whole(|row| row.assessment.signs.len().try_into().ok()) },
        Column { name: "visits", value: Value::Whole(|row| row.assessment.visits.try_into().ok()) },
        Column { name: "features", value: Value::Text(|row| Some(row.assessment.features.to_string())) },
    ];

    fn place(&self) -> Option<&'a Address> {
        self.assessment.addresses.first()
    }

    fn version(&self) -> Option<&'a VersionRange> {
        self.assessment.implementation.identified.as_ref()
    }

    fn tls(&self) -> Option<&'a TlsSummary> {
        self.assessment.tls.as_ref()
    }

    /// Where it was visited, without addresses that strangers are not shown.
    fn endpoints(&self) -> impl Iterator<Item = &'a Endpoint> {
        let endpoints = self.assessment.endpoints.iter();
        endpoints.filter(move |endpoint| endpoint.host.address().is_none_or(|ip| self.is_shown(ip)))
    }

    /// Whether strangers are shown an address whole: that of a home only if it is by this address that the server is
    /// listed.
    fn is_shown(&self, ip: IpAddr) -> bool {
        !self.measures.residential || self.assessment.server == ip.to_string()
    }

    /// An address as strangers are shown it: only the network where they are not shown all of it.
    #[must_use]
    pub fn shown(&self, ip: IpAddr) -> String {
        if self.is_shown(ip) {
            return ip.to_string();
        }
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        }
    }

    /// A statement as strangers are shown it: a host in it may be an address.
    #[must_use]
    pub fn discreet(&self, statement: &str) -> String {
        let shown = |word: &str| word.parse().map_or_else(|_| word.to_owned(), |ip| self.shown(ip));
        statement.split(' ').map(shown).collect::<Vec<_>>().join(" ")
    }
}

/// A list in one text.
fn joined<T: ToString>(words: impl IntoIterator<Item = T>) -> Option<String> {
    Some(words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use electrum::Network;
    use model::Visit;

    use super::*;
    use crate::{
        assess::assess,
        attribution::Context,
        server::join,
        signs::Signs,
        survey::Survey,
        tables::csv,
        testing::{answers, dossiers, knowledge},
    };

    /// A server at one address, as its row has it after visits to these.
    fn row(endpoints: &[&str], pointer: &str, read: impl Fn(Row<'_>)) {
        let visit = |endpoint: &&str| -> Visit {
            let mut visit = answers(endpoint, 0, &[("H1", r#"["ElectrumX 1.20.0","1.4"]"#)]);
            visit.resolution.addresses = ["203.0.113.5".parse().expect("an address")].into();
            visit.resolution.pointer = Some(pointer.to_owned());
            visit.peer = "203.0.113.5:50002".parse().ok();
            visit
        };
        let dossiers = dossiers(&endpoints.iter().map(visit).collect::<Vec<_>>());
        let context = Context { previous: &[], system: &|_| None };
        let survey = Survey::of(Network::Regtest, join(&dossiers), &knowledge(), &context);
        let place = |ip| Address { ip, asn: None, organisation: None, country: None };
        let assessments = assess(&survey, place, &Signs::embedded().expect("signs"));
        let [assessment] = &assessments[..] else { panic!("{assessments:?}") };
        let (member, measures) = (Member::default(), Measures::of(&survey.servers[0]));
        read(Row { assessment, member: &member, measures: &measures });
    }

    #[test]
    fn the_address_of_a_home_behind_a_name_is_shown_nowhere() {
        const NAMED: [&str; 2] = ["ssl://a.example:50002", "ssl://203.0.113.5:50002"];
        let text = |row: Row<'_>| String::from_utf8(csv(&Row::COLUMNS, &[row]).expect("writes"));
        row(&NAMED, "dsl-5.example", |row| {
            let text = text(row).expect("text");
            assert!(text.contains("ssl://a.example:50002,203.0.113.0/24,true"), "{text}");
            assert!(!text.contains("203.0.113.5"), "{text}");
            assert_eq!(row.discreet("At 203.0.113.5 it is."), "At 203.0.113.0/24 it is.");
        });
        row(&NAMED, "vps5.example", |row| {
            let text = text(row).expect("text");
            assert!(
                text.contains("ssl://203.0.113.5:50002") && text.contains(",203.0.113.5,false"),
                "{text}"
            );
        });
        row(&NAMED[1..], "dsl-5.example", |row| {
            let text = text(row).expect("text");
            assert!(text.contains("ssl://203.0.113.5:50002,203.0.113.5,true"), "{text}");
        });
    }
}
