//! Every request of every capture, put to the simulated server of the same implementation and version. Its answers
//! must be those of the real one, byte for byte but for what depends on the chain; what differs all the same is listed
//! in `listed.json` with the reason, and so in docs/simulator.md.

mod capture;
mod normal;
mod roles;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use anyhow::ensure;
use serde::Deserialize;
use simulator::{
    SimTime,
    chain::{Chain, ChainPlan},
    grammar::{Framing, Grammar, Identity, Library, Session},
    node::{Node, NodePlan, View},
};

use capture::Row;
use roles::Roles;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../analyzer/captures");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/simulator.md");
/// Longest that a replayed session may take, in milliseconds of its own time.
const PATIENCE: u64 = 60_000;

/// A difference that is known.
#[derive(Deserialize)]
struct Listed {
    /// Versions, as files are named; empty: all.
    #[serde(default)]
    versions: Vec<String>,
    /// Probes; a `*` at the end stands for anything.
    probes: Vec<String>,
    reason: String,
}

impl Listed {
    fn covers(&self, version: &str, probe: &str) -> bool {
        let alike = |pattern: &String| match pattern.strip_suffix('*') {
            Some(stem) => probe.starts_with(stem),
            None => probe == pattern || probe.strip_suffix("@max") == Some(pattern),
        };
        (self.versions.is_empty() || self.versions.iter().any(|v| version.starts_with(v.as_str())))
            && self.probes.iter().any(alike)
    }
}

/// What a session answered, and whether it hung up.
#[derive(Debug, PartialEq)]
struct Heard {
    lines: Vec<String>,
    closed: bool,
}

struct Replayed<'a> {
    grammar: &'a Arc<Grammar>,
    identity: Arc<Identity>,
    view: &'a View,
    now: SimTime,
}

impl Replayed<'_> {
    /// Puts the lines of one write to a new session, after a greeting where there was one.
    fn ask(&self, greeting: Option<&str>, requests: &[Vec<u8>]) -> Heard {
        let mut session =
            Session::new(Arc::clone(self.grammar), Arc::clone(&self.identity), Framing::Lines, self.now);
        let mut now = self.now;
        if let Some(greeting) = greeting {
            session.receive(greeting.as_bytes(), self.view, now);
            hear(&mut session, &mut now);
        }
        for request in requests {
            session.receive(request, self.view, now);
        }
        hear(&mut session, &mut now)
    }
}

/// Lets time pass until the session has nothing more to say.
fn hear(session: &mut Session, now: &mut SimTime) -> Heard {
    let (mut bytes, until) = (Vec::new(), now.as_millis() + PATIENCE);
    loop {
        let reaction = session.flush(*now);
        bytes.extend(reaction.writes.concat());
        let closed = reaction.end.is_some();
        match reaction.next.filter(|next| next.as_millis() < until) {
            Some(next) if !closed => *now = next,
            _ => {
                let lines =
                    String::from_utf8_lossy(&bytes).split_inclusive('\n').map(str::to_owned).collect();
                return Heard { lines, closed };
            }
        }
    }
}

fn greeting(row: &Row) -> Option<&'static str> {
    match row.handshake.as_deref()? {
        "1.4" => Some(
            r#"{"jsonrpc": "2.0", "id": 0, "method": "server.version", "params": ["electrum/4.5.5", "1.4"]}"#,
        ),
        _ => Some(
            r#"{"jsonrpc": "2.0", "id": 0, "method": "server.version", "params": ["e", ["1.4", "9.9"]]}"#,
        ),
    }
}

/// How many rows of a version are what.
#[derive(Default)]
struct Count {
    equal: usize,
    listed: usize,
    differing: usize,
    cut: usize,
}

fn world() -> anyhow::Result<(Arc<Chain>, Node)> {
    let plan = ChainPlan {
        blocks: 158,
        ahead: 30,
        histories: vec![1, 2, 3, 10],
        crowd: 20,
        forks: Vec::new(),
        ..ChainPlan::default()
    };
    let chain = Arc::new(Chain::generate(&plan)?);
    Ok((Arc::clone(&chain), Node::new(NodePlan::default(), chain)))
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are what people look at")]
fn answers_are_those_of_the_real_servers() -> anyhow::Result<()> {
    let (chain, node) = world()?;
    let now = SimTime::from_millis(3_600_000);
    let view = node.view(now);
    let library = Library::embedded()?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay/listed.json");
    let listed: Vec<Listed> = serde_json::from_str(&fs::read_to_string(folder)?)?;
    let mut used = vec![false; listed.len()];
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (version, grammar) in library.iter() {
        let rows = capture::read(&Path::new(CAPTURES).join(format!("{version}.jsonl.gz")))?;
        let roles = Roles::learn(&rows, Path::new(CAPTURES), &chain, &view)?;
        let replayed = Replayed { grammar, identity: Arc::new(capture::identity(&rows)?), view: &view, now };
        let count: &mut Count = counts.entry(version.to_owned()).or_default();
        for row in &rows {
            if row.is_cut() {
                count.cut += 1;
                continue;
            }
            let heard = replayed.ask(greeting(row), &roles.ours(&row.lines()));
            let tip = view.height();
            let policy = row.request.contains("relayfee") || row.request.contains("get_info");
            let ours: Vec<String> =
                heard.lines.iter().map(|line| normal::normal(line, &[tip], policy)).collect();
            let theirs: Vec<String> = row
                .answers
                .iter()
                .map(|line| normal::normal(&roles.shown(line), roles.tips(), policy))
                .collect();
            if ours == theirs && heard.closed == row.closed.is_some() {
                count.equal += 1;
                continue;
            }
            match listed.iter().position(|entry| entry.covers(version, &row.probe)) {
                Some(place) => {
                    used[place] = true;
                    count.listed += 1;
                }
                None => {
                    count.differing += 1;
                    wrong.push(format!(
                        "{version} {} <{:?}> {:?}\n  real: {theirs:?} {:?}\n  ours: {ours:?} {}",
                        row.probe,
                        row.handshake,
                        row.request.chars().take(200).collect::<String>(),
                        row.closed,
                        heard.closed
                    ));
                }
            }
        }
    }
    println!("{:24}{:>6}{:>8}{:>10}{:>6}", "version", "equal", "listed", "differing", "cut");
    for (version, Count { equal, listed, differing, cut }) in &counts {
        println!("{version:24}{equal:>6}{listed:>8}{differing:>10}{cut:>6}");
    }
    for entry in listed.iter().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry) {
        wrong.push(format!("listed, but nothing differs: {:?} {:?}", entry.versions, entry.probes));
    }
    ensure!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// The table of the document is made from the list.
#[test]
fn the_document_lists_the_differences() -> anyhow::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay/listed.json");
    let listed: Vec<Listed> = serde_json::from_str(&fs::read_to_string(folder)?)?;
    let versions =
        |entry: &Listed| if entry.versions.is_empty() { "all".to_owned() } else { entry.versions.join(", ") };
    let row = |entry: &Listed| {
        let probes = entry.probes.iter().map(|probe| format!("`{probe}`")).collect::<Vec<_>>().join(", ");
        format!("| {} | {probes} | {} |\n", versions(entry), entry.reason)
    };
    let table =
        format!("| versions | probes | why |\n|---|---|---|\n{}", listed.iter().map(row).collect::<String>());
    ensure!(fs::read_to_string(DOCUMENT)?.contains(&table), "docs/simulator.md should hold:\n\n{table}");
    Ok(())
}
