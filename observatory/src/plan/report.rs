//! A plan in words and tables for people, and as one JSON object for machines.

use std::{collections::BTreeMap, fmt, fmt::Write as _, net::IpAddr};

use analyzer::text::plural;
use comfy_table::Table;
use electrum::{Network, Subnet};
use model::geoip::{Asn, Databases};
use scanner::{
    agenda::Profile,
    plan::{Figure, Load, Plan, Planned},
    sweep::Options,
};
use serde::Serialize;

use super::place::Reason;
use crate::output;

/// ASes that people are shown.
const MOST_ASES: usize = 10;

/// All that there is to tell.
pub(super) struct Report<'a> {
    pub(super) network: Network,
    pub(super) options: Options,
    pub(super) most_servers: usize,
    pub(super) plan: &'a Plan,
    pub(super) left_out: &'a BTreeMap<Reason, usize>,
    pub(super) unresolved: usize,
    pub(super) databases: &'a Databases,
}

/// `plan --json`.
#[derive(Serialize)]
struct Whole<'a> {
    network: Network,
    profile: &'static str,
    servers: usize,
    #[serde(flatten)]
    loads: Loads,
    round_seconds_at_least: f64,
    left_out: &'a BTreeMap<Reason, usize>,
    unresolved: usize,
    left_alone: usize,
    by_server: Vec<Row<ServerKey>>,
    by_subnet: Vec<Row<SubnetKey>>,
    by_as: Vec<Row<Asn>>,
}

/// What some servers bear, and which.
#[derive(Serialize)]
struct Row<K> {
    #[serde(flatten)]
    of: K,
    servers: usize,
    #[serde(flatten)]
    loads: Loads,
}

#[derive(Serialize)]
struct ServerKey {
    server: String,
    address: Option<IpAddr>,
    #[serde(flatten)]
    asn: Option<Asn>,
}

#[derive(Serialize)]
struct SubnetKey {
    subnet: String,
}

#[derive(Clone, Copy, Serialize)]
struct Loads {
    connections_per_round: Figure<u64>,
    e_per_round: Figure<f64>,
    connections_per_day: Figure<u64>,
    e_per_day: Figure<f64>,
}

impl Loads {
    fn new((round, day): (Load, Load)) -> Self {
        Self {
            connections_per_round: round.connections,
            e_per_round: rounded(round.e),
            connections_per_day: day.connections,
            e_per_day: rounded(day.e),
        }
    }
}

/// Hundredths of an E: more would only seem exact.
fn rounded(e: Figure<f64>) -> Figure<f64> {
    let round = |e: f64| (e * 100.0).round() / 100.0;
    Figure { expected: round(e.expected), bound: round(e.bound) }
}

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.server)
    }
}

impl fmt::Display for SubnetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.subnet)
    }
}

impl Report<'_> {
    fn asn(&self, server: &Planned) -> Option<Asn> {
        server.address.and_then(|ip| self.databases.asn(ip))
    }

    /// Rows for groups of servers, the most loaded first.
    fn rows<G: Ord, K>(
        &self,
        group: impl Fn(&Planned) -> Option<G>,
        key: impl Fn(G, &[&Planned]) -> K,
    ) -> Vec<Row<K>> {
        let groups = self.plan.by(group).into_iter();
        let mut rows: Vec<Row<K>> = groups
            .map(|(group, servers)| Row {
                loads: Loads::new(self.plan.together(servers.iter().copied())),
                servers: servers.len(),
                of: key(group, &servers),
            })
            .collect();
        rows.sort_by(|a, b| b.loads.e_per_day.expected.total_cmp(&a.loads.e_per_day.expected));
        rows
    }

    fn by_server(&self) -> Vec<Row<ServerKey>> {
        self.rows(
            |server| Some(server.host.clone()),
            |host, servers| ServerKey {
                server: host.to_string(),
                address: servers.iter().find_map(|server| server.address),
                asn: servers.iter().find_map(|server| self.asn(server)),
            },
        )
    }

    fn by_subnet(&self) -> Vec<Row<SubnetKey>> {
        let subnet = |server: &Planned| server.address.map(|ip| Subnet::from(ip).to_string());
        self.rows(subnet, |subnet, _| SubnetKey { subnet })
    }

    fn by_as(&self) -> Vec<Row<Asn>> {
        self.rows(|server| self.asn(server), |asn, _| asn)
    }

    /// Servers that asked to be left alone, and are.
    fn left_alone(&self) -> usize {
        self.plan.servers.iter().filter(|server| server.round.connections.expected == 0).count()
    }

    fn profile(&self) -> &'static str {
        match self.options.profile {
            Profile::Light => "light",
            Profile::Deep => "deep",
        }
    }

    /// One JSON object.
    ///
    /// # Errors
    /// None in practice: every plan can be written as JSON.
    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        let whole = Whole {
            network: self.network,
            profile: self.profile(),
            servers: self.plan.servers.len(),
            loads: Loads::new(self.plan.together(&self.plan.servers)),
            round_seconds_at_least: self.plan.round_at_least.as_secs_f64().round(),
            left_out: self.left_out,
            unresolved: self.unresolved,
            left_alone: self.left_alone(),
            by_server: self.by_server(),
            by_subnet: self.by_subnet(),
            by_as: self.by_as(),
        };
        Ok(serde_json::to_string(&whole)? + "\n")
    }

    /// Words, a table of ASes where they are known, and one of servers where it is wanted.
    pub(super) fn text(&self, servers: bool) -> String {
        let mut text = self.summary();
        let ases = self.by_as();
        if !ases.is_empty() {
            let more = ases.len().saturating_sub(MOST_ASES);
            let shown = ases.into_iter().take(MOST_ASES);
            let _ = writeln!(text, "{}", table("AS", shown));
            if more > 0 {
                let _ = writeln!(text, "and {more} more ASes.");
            }
        }
        if servers {
            let _ = writeln!(text, "{}", table("server", self.by_server().into_iter()));
        }
        text
    }

    /// Writing to a text cannot fail.
    fn summary(&self) -> String {
        let plan = self.plan;
        let loads = Loads::new(plan.together(&plan.servers));
        let mut text = format!(
            "Plan of a {} scan of {}. Nothing was sent to any server.\n",
            self.profile(),
            self.network
        );
        let _ = writeln!(
            text,
            "{}: {} connections and {:.0} E in the first day, never more than {} and {:.0} E.",
            plural(plan.servers.len(), "server"),
            loads.connections_per_day.expected,
            loads.e_per_day.expected,
            loads.connections_per_day.bound,
            loads.e_per_day.bound,
        );
        let _ = writeln!(
            text,
            "The first round: {} connections and {:.0} E, in {} s at least.",
            loads.connections_per_round.expected,
            loads.e_per_round.expected,
            plan.round_at_least.as_secs(),
        );
        let most = [
            self.by_server().first().map(most_loaded),
            self.by_subnet().first().map(most_loaded),
            self.by_as().first().map(most_loaded),
        ];
        let most: Vec<String> = most.into_iter().flatten().collect();
        if !most.is_empty() {
            let _ = writeln!(text, "Most loaded: {}.", most.join("; "));
        }
        let left_out: Vec<String> =
            self.left_out.iter().map(|(reason, servers)| format!("{servers} {reason}")).collect();
        if !left_out.is_empty() {
            let _ = writeln!(text, "Left out: {}.", left_out.join(", "));
        }
        if self.left_alone() > 0 {
            let _ = writeln!(text, "{} asked to be left alone.", plural(self.left_alone(), "server"));
        }
        if self.unresolved > 0 {
            let _ = writeln!(
                text,
                "Of {} the neighbourhood is not known; --resolve looks names up.",
                plural(self.unresolved, "server")
            );
        }
        if self.options.follow_peers {
            let _ = writeln!(
                text,
                "Servers that these tell of come on top, up to {} in all; --no-peers leaves them out.",
                self.most_servers
            );
        }
        if self.options.profile == Profile::Deep {
            text += "Servers that look like siblings see three more connections of 5 E a pair, for session tickets.\n";
        }
        text
    }
}

fn most_loaded<K: fmt::Display>(row: &Row<K>) -> String {
    let Loads { connections_per_day, e_per_day, .. } = row.loads;
    format!("{} ({} connections, {:.0} E a day)", row.of, connections_per_day.expected, e_per_day.expected)
}

fn table<K: fmt::Display>(what: &str, rows: impl Iterator<Item = Row<K>>) -> Table {
    let mut table = output::table([what, "servers", "connections a day", "at most", "E a day", "at most"]);
    for row in rows {
        let Loads { connections_per_day, e_per_day, .. } = row.loads;
        table.add_row([
            row.of.to_string(),
            row.servers.to_string(),
            connections_per_day.expected.to_string(),
            connections_per_day.bound.to_string(),
            format!("{:.0}", e_per_day.expected),
            format!("{:.0}", e_per_day.bound),
        ]);
    }
    table
}
