//! The program against a real Redis: visits become an archive and the report that `observatory analyze` makes of it,
//! whatever kills it in between. What it does in a cluster is tested with the operator that runs it there.

#[path = "../../fleet/tests/support/mod.rs"]
mod support;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use fleet::{
    Redis,
    pack::{Seen, pack},
};
use futures_util::TryStreamExt as _;
use model::{Archive, Visit};
use support::Server;

const STREAM: &str = "eo:{tests/small}:visits";

/// A campaign whose visits wait in Redis, and where what becomes of them is kept.
struct Setting {
    server: Server,
    folder: tempfile::TempDir,
    visits: Vec<Visit>,
}

impl Setting {
    /// With the visits of a simulated history.
    async fn new() -> Self {
        let setting = Self {
            server: Server::start().await,
            folder: tempfile::tempdir().expect("a folder"),
            visits: Vec::new(),
        };
        let (history, net) = (setting.place("history"), setting.place("net"));
        let mut simulate = Command::new(observatory());
        simulate.args(["simulate", "--scenario", "x9-fee-burn", "--days", "3", "--profile", "deep"]);
        ok(simulate.arg("--archive").arg(&history).arg("--out").arg(&net));
        let history = Archive::open(&history.to_string_lossy()).expect("an archive");
        let visits: Vec<Visit> = history.read().try_collect().await.expect("visits");
        assert!(!visits.is_empty());
        let setting = Self { visits, ..setting };
        setting.campaign("9999d");
        setting
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the campaign's file. Simulated days are long ago.
    fn campaign(&self, kept: &str) {
        let campaign = format!(
            "apiVersion: electrumobservatory.org/v1alpha1\nkind: ScanCampaign\nmetadata: {{name: small, namespace: tests}}\n\
             spec: {{network: regtest, vantages: [{{name: here}}], retention: {{visits: {kept}}}}}\n"
        );
        fs::write(self.place("campaign.yaml"), campaign).expect("written");
    }

    /// Puts visits into the stream as workers do.
    async fn put(&self, redis: &Redis, visits: &[Visit]) {
        let mut seen = Seen::default();
        for visit in visits {
            let packed = pack(visit, &mut seen).expect("packs");
            for (digest, answer) in packed.answers {
                let mut set = redis::cmd("SET");
                set.arg(format!("eo:{{tests/small}}:answer:{digest}")).arg(answer);
                redis.call::<()>(&set).await.expect("keeps");
            }
            let mut add = redis::cmd("XADD");
            add.arg(STREAM).arg("*").arg("v").arg(packed.entry).arg("lane").arg("deep");
            add.arg("doubtful").arg("0").arg("up").arg("1");
            redis.call::<()>(&add).await.expect("adds");
        }
    }

    /// The program, as the pod template has it but for the cluster.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_analyzer"));
        command.arg("run").arg("--campaign").arg(self.place("campaign.yaml"));
        command.args(["--redis", &format!("redis://127.0.0.1:{}", self.server.port())]);
        command.arg("--archive").arg(self.place("archive")).arg("--out").arg(self.place("report"));
        command.args(["--no-cluster", "--json-logs"]);
        command
    }

    async fn archived(&self) -> Vec<Visit> {
        let archive = Archive::open(&self.place("archive").to_string_lossy()).expect("an archive");
        archive.read().try_collect().await.expect("visits")
    }
}

/// The other program, beside this one.
fn observatory() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_analyzer")).with_file_name("observatory");
    assert!(path.is_file(), "there is no {}: cargo build --workspace --bins", path.display());
    path
}

fn ok(command: &mut Command) -> Output {
    let output = command.output().expect("starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Every file of a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = PathBuf::from(path.file_name().expect("a name"));
        if path.is_dir() {
            all.extend(files(&path).into_iter().map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            // What is not finished may be gone by now.
            all.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
    all
}

#[tokio::test]
async fn visits_become_an_archive_and_the_report_that_anybody_makes_of_it() {
    let setting = Setting::new().await;
    let redis = setting.server.redis();
    let (first, second) = setting.visits.split_at(setting.visits.len() / 2);
    setting.put(&redis, first).await;
    ok(&mut setting.program());
    // As if another version had archived the first half.
    let archive = setting.place("archive");
    let notes = || files(&archive).into_keys().filter(|path| path.to_string_lossy().contains(".notes-"));
    assert!(notes().count() > 0, "{:?}", files(&archive).keys());
    notes().for_each(|path| fs::remove_file(archive.join(path)).expect("removed"));
    setting.put(&redis, second).await;

    // One that is killed while it works, wherever it is, leaves nothing that the next one stumbles over.
    let killed = RefCell::new(setting.program().spawn().expect("starts"));
    support::eventually("it is at work, or was too quick", async || {
        let is_unfinished = |path: &PathBuf| path.to_string_lossy().contains(".unfinished-");
        files(&setting.place("report")).keys().any(is_unfinished)
            || killed.borrow_mut().try_wait().expect("known").is_some()
    })
    .await;
    killed.borrow_mut().kill().expect("is killed");
    killed.borrow_mut().wait().expect("ends");
    fs::write(setting.place("report/.unfinished-visits"), "half").expect("written");
    fs::write(setting.place("report/figures/exposure-sparrow-switching.svg"), "old").expect("written");
    fs::remove_file(setting.place("report/groups.json")).expect("removed");
    let said = ok(&mut setting.program());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("the network was analysed") && said.contains("no statuses are written"), "{said}");
    assert_eq!(setting.archived().await, setting.visits, "each once, in their order");
    assert_eq!(2 * notes().count(), files(&archive).len(), "each file of visits has its notes");

    let mut analyze = Command::new(observatory());
    analyze.arg("analyze").arg("--archive").arg(setting.place("archive")).args(["--window", "720h"]);
    ok(analyze.arg("--out").arg(setting.place("other")));
    let (ours, theirs) = (files(&setting.place("report")), files(&setting.place("other")));
    assert!(ours.keys().eq(theirs.keys()), "{:?} and {:?}", ours.keys(), theirs.keys());
    let differing: Vec<_> = ours.keys().filter(|name| ours.get(*name) != theirs.get(*name)).collect();
    assert!(differing.is_empty(), "{differing:?}");

    // What is older than anybody wants to keep goes; the report stays until there is another.
    setting.campaign("30d");
    ok(&mut setting.program());
    assert!(setting.archived().await.is_empty());
    let said = ok(&mut setting.program());
    assert!(String::from_utf8_lossy(&said.stderr).contains("nothing to analyse"), "{said:?}");
    assert_eq!(files(&setting.place("report")), ours);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut setting = Setting { server, folder, visits: Vec::new() };
    let fails = |mut command: Command, code: i32, with: &str| {
        let output = command.output().expect("starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("analyzer: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(with), "{said}");
    };
    fails(setting.program(), 2, "campaign.yaml");
    setting.campaign("90d");
    let mut with = setting.program();
    with.arg("--geoip").arg(setting.place("campaign.yaml"));
    fails(with, 2, "--geoip");
    let held = analyzer::folder::Folder::take(&setting.place("report")).expect("is free");
    fails(setting.program(), 1, "another analysis writes");
    drop(held);
    let mut cluster = setting.program();
    cluster.env("KUBECONFIG", setting.place("none"));
    ok(&mut cluster);
    let mut meant = Command::new(env!("CARGO_BIN_EXE_analyzer"));
    meant.args(cluster.get_args().filter(|argument| *argument != "--no-cluster"));
    meant.env("KUBECONFIG", setting.place("none"));
    fails(meant, 1, "--no-cluster");
    setting.server.kill();
    fails(setting.program(), 1, "Redis is away");
}
