//! A real Prometheus that scrapes what a site runs, knows the chart's alerts, and answers what its dashboards ask.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use serde_json::{Value, json};

use crate::process::{Process, free, tied};

const DASHBOARDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards");
const ALERTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/electrum-observatory/files/alerts.yaml");
/// What Grafana makes of a scrape interval of a second, and then some: machines are busy.
pub const RATE_INTERVAL: &str = "30s";

/// A Prometheus.
pub struct Monitor {
    _process: Process,
    url: String,
    _folder: tempfile::TempDir,
}

/// What a panel asks.
#[derive(Clone, Debug)]
pub struct Query {
    /// The dashboard and the panel.
    pub panel: String,
    /// In PromQL, with the dashboard's variables.
    expression: String,
}

impl Monitor {
    /// Starts one that scrapes an operator, scanners, and itself, every second.
    ///
    /// # Panics
    /// Where there is no Prometheus.
    #[must_use]
    pub fn start(operator: SocketAddr, scanners: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free();
        let job = |name: &str, targets: &[SocketAddr]| json!({"job_name": name, "static_configs": [{"targets": targets}]});
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [ALERTS],
            "scrape_configs": [
                job("observatory-operator", &[operator]), job("scanner", scanners), job("prometheus", &[address]),
            ],
        });
        // JSON is YAML.
        fs::write(folder.path().join("prometheus.yml"), config.to_string()).expect("written");
        let mut command = tied("prometheus");
        command.arg("--log.level=error");
        command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        Self { _process: Process::start(&mut command), url: format!("http://{address}"), _folder: folder }
    }

    /// The values of the series that a query finds now.
    ///
    /// # Errors
    /// What Prometheus says where it cannot be asked that.
    ///
    /// # Panics
    /// Where there is no promtool.
    pub fn ask(&self, query: &str) -> Result<Vec<String>, String> {
        let asked =
            Command::new("promtool").args(["query", "instant", "--format=json", &self.url, query]).output();
        let asked = asked.expect("promtool");
        if !asked.status.success() {
            return Err(format!("{query}: {}", String::from_utf8_lossy(&asked.stderr).trim()));
        }
        let found: Vec<Value> = serde_json::from_slice(&asked.stdout).map_err(|error| error.to_string())?;
        Ok(found.iter().filter_map(|series| series["value"][1].as_str().map(str::to_owned)).collect())
    }
}

impl Query {
    /// Those of all panels of all dashboards.
    ///
    /// # Panics
    /// Where a dashboard cannot be read.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut paths: Vec<_> =
            fs::read_dir(DASHBOARDS).expect("dashboards").map(|file| file.expect("a file").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "json"));
        paths.sort();
        paths.iter().flat_map(|path| of(path)).collect()
    }

    /// With a value for each variable: a network, a vantage, a server.
    #[must_use]
    pub fn chosen(&self, network: &str, vantage: &str, server: &str) -> String {
        let with = [
            ("$network", network),
            ("$vantage", vantage),
            ("$server", server),
            ("$__rate_interval", RATE_INTERVAL),
        ];
        with.iter().fold(self.expression.clone(), |query, (name, value)| query.replace(name, value))
    }
}

fn of(path: &Path) -> Vec<Query> {
    let board: Value = serde_json::from_slice(&fs::read(path).expect("a dashboard")).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let panels = list(&board["panels"]);
    let of_panel = |panel: &Value| {
        let title = format!("{name}: {}", panel["title"].as_str().unwrap_or_default());
        let expressions = list(&panel["targets"])
            .into_iter()
            .filter_map(|target| Some(target["expr"].as_str()?.to_owned()));
        expressions.map(|expression| Query { panel: title.clone(), expression }).collect::<Vec<_>>()
    };
    panels.iter().flat_map(of_panel).collect()
}
