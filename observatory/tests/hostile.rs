//! What bad servers can do to the observatory: nothing. The real program meets all of them at once,
//! next to honest ones, and must come to the right end with each, in bounded time and memory.

mod support;

use std::{collections::HashMap, sync::Arc, time::Duration};

use electrum::{Endpoint, Transport};
use serde_json::{Value, json};
use support::{
    bytes_under,
    chain::Chain,
    command::scan,
    dns::{NameServer, Record},
    honest::{Honest, peer_row},
    hostile::{Cut, Handshake, Hostile, HostileSocket, Lie},
    loopback,
    wire::{self, Listening},
};

/// Everything at once, in a debug build, on a machine with other things to do.
const BOUND: Duration = Duration::from_secs(120);
const MOST_MEMORY_KIB: u64 = 200 * 1_024;
const MOST_ARCHIVE_BYTES: u64 = 32 << 20;

/// The outcome that each bad server must come to. Where two are given both tell the truth.
fn expected(hostile: Hostile) -> &'static [&'static str] {
    match hostile {
        Hostile::Lie(lie) => match lie {
            Lie::GuessedIdsThenSilence | Lie::NullResults | Lie::BareNumbers => &["not-electrum"],
            // Which of two members of one name counts is not settled by any standard.
            Lie::RepeatedMembers => &["answered", "not-electrum"],
            Lie::ExcessiveUsage | Lie::ExcessiveUsageLater => &["told-to-stop"],
            Lie::GuessedIdsThenHonesty
            | Lie::BareStringErrors
            | Lie::MalformedHosts
            | Lie::MalformedPeers
            | Lie::MalformedHeaders
            | Lie::LongBanner => &["answered"],
        },
        Hostile::Cut(cut) => match cut {
            Cut::AcceptThenClose => &["closed"],
            Cut::Silence | Cut::SilenceAfterVersion => &["timed-out"],
            Cut::Http | Cut::Ssh => &["not-electrum"],
        },
        Hostile::Handshake(handshake) => match handshake {
            Handshake::Garbage | Handshake::PlainHttp => &["tls-failed"],
            Handshake::Silence => &["timed-out"],
            Handshake::Close | Handshake::Reset => &["tls-failed", "closed"],
            Handshake::OldVersion => &["tls-unsupported"],
            // The alert does not say which version would have done.
            Handshake::ProtocolVersionAlert => &["tls-unsupported", "tls-failed"],
            Handshake::MegabyteCertificate | Handshake::EndlessCertificate => {
                &["tls-failed", "limit-exceeded"]
            }
        },
        Hostile::Socket(socket) => match socket {
            HostileSocket::Refused => &["not-electrum", "closed"],
            HostileSocket::EndlessHeaders => &["limit-exceeded", "not-electrum"],
            HostileSocket::HugeFrame | HostileSocket::EndlessFragments | HostileSocket::PingFlood => {
                &["limit-exceeded"]
            }
            // Nothing is no JSON either.
            HostileSocket::EmptyMessages => &["limit-exceeded", "not-electrum"],
        },
    }
}

/// Good and bad servers side by side.
struct Scene {
    chain: Arc<Chain>,
    bad: Vec<(Hostile, Listening)>,
    honest: Vec<Listening>,
    /// An honest one that is known by its name.
    named: Listening,
    /// Honest ones that are found through the peers of another only.
    hidden: Vec<Listening>,
    /// Others that are found there. Nobody may be led to them: their range is excluded, however it
    /// is written.
    excluded: Vec<Listening>,
    /// A port that nobody listens on.
    closed: Endpoint,
    names: NameServer,
}

impl Scene {
    async fn start() -> anyhow::Result<Self> {
        use Transport::{Tcp, Tls, Ws, Wss};
        let chain = Arc::new(Chain::mine(120));
        let reference = Arc::new(Honest::new(&chain));
        let mut bad = Vec::new();
        for (number, kind) in (0..).zip(Hostile::all()) {
            bad.push((kind, kind.start(loopback(21, number), &reference).await?));
        }
        let named = Honest::new(&chain).start(loopback(22, 900), &[Tcp]).await?;
        let (mut honest, mut hidden, mut excluded) = (Vec::new(), Vec::new(), Vec::new());
        let kinds = [&[Tcp][..], &[Tls], &[Ws], &[Wss], &[Tcp, Tls]];
        for (number, transports) in (1..22).zip(kinds.into_iter().cycle()) {
            honest.push(Honest::new(&chain).start(loopback(22, number), transports).await?);
        }
        for (number, transport) in (100..).zip([Tcp, Tls]) {
            hidden.push(Honest::new(&chain).start(loopback(22, number), &[transport]).await?);
        }
        for number in 0..2 {
            excluded.push(Honest::new(&chain).start(loopback(66, number), &[Tcp]).await?);
        }
        let mut peers: Vec<Value> = hidden.iter().map(|server| peer_row(&server.endpoints)).collect();
        peers.push(peer_row(&excluded[0].endpoints));
        let port = excluded[1].port();
        peers.push(json!([excluded[1].host(), "inward.example.net", ["v1.4", format!("t{port}")]]));
        honest.push(Honest::new(&chain).with_peers(peers).start(loopback(22, 0), &[Tcp]).await?);

        let names = NameServer::start(HashMap::from([
            ("honest.example.net".to_owned(), Record::Addresses(vec![loopback(22, 900).into()])),
            ("inward.example.net".to_owned(), Record::Addresses(vec![loopback(66, 1).into()])),
            ("mute.example.net".to_owned(), Record::Silent),
        ]))
        .await?;
        let closed = wire::endpoint(&wire::bind(loopback(22, 901)).await?, Tcp)?;
        Ok(Self { chain, bad, honest, named, hidden, excluded, closed, names })
    }

    fn seeds(&self) -> anyhow::Result<Vec<Endpoint>> {
        let servers = self.honest.iter().chain(self.bad.iter().map(|(_, server)| server));
        let mut seeds: Vec<Endpoint> = servers.flat_map(|server| server.endpoints.clone()).collect();
        seeds.push(self.closed.clone());
        seeds.push(wire::tcp("honest.example.net", self.named.port())?);
        seeds.push(wire::tcp("nobody.example.net", 50001)?);
        seeds.push(wire::tcp("mute.example.net", 50001)?);
        Ok(seeds)
    }

    /// What each server's row must say, and does not.
    fn complaints(&self, rows: &HashMap<String, Value>) -> Vec<String> {
        let good = self.honest.iter().chain(&self.hidden).map(Listening::host);
        let good: Vec<String> = good.chain(["honest.example.net".to_owned()]).collect();
        let bad = self.bad.iter().map(|(kind, server)| (format!("{kind:?}"), server.host(), expected(*kind)));
        let one = |name: &str, host: &str, outcomes| (name.to_owned(), host.to_owned(), outcomes);
        let cases =
            bad.chain(good.iter().map(|host| one("an honest server", host, &["answered"][..]))).chain([
                one("a closed port", &self.closed.host.to_string(), &["connection-refused"]),
                one("an unknown name", "nobody.example.net", &["name-unresolved"]),
                one("a mute name server", "mute.example.net", &["name-unresolved", "timed-out"]),
            ]);
        let mut complaints = Vec::new();
        for (name, host, outcomes) in cases {
            match rows.get(&host) {
                None => complaints.push(format!("{name}: no row")),
                Some(row) if row["outcome"].as_str().is_some_and(|o| outcomes.contains(&o)) => {}
                Some(row) => complaints.push(format!("{name}: expected {outcomes:?}: {row}")),
            }
        }
        let tip = json!({ "height": self.chain.height(), "hash": self.chain.tip().to_string() });
        let tip_of = |host: &str| rows.get(host).map_or(&Value::Null, |row| &row["tip"]);
        for host in good.iter().filter(|host| *tip_of(host) != tip) {
            complaints.push(format!("{host}: tip {}", tip_of(host)));
        }
        for (kind, server) in &self.bad {
            let believed = tip_of(&server.host());
            if matches!(kind, Hostile::Lie(Lie::MalformedHeaders)) && !believed.is_null() {
                complaints.push(format!("{kind:?} was believed: {believed}"));
            }
        }
        complaints
    }

    /// Who should have been met and was not, and the other way round.
    fn miscounted(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (kind, server) in &self.bad {
            let accepts = server.meter.accepts();
            let said_stop = matches!(kind, Hostile::Lie(Lie::ExcessiveUsage | Lie::ExcessiveUsageLater));
            if accepts == 0 || said_stop && accepts > 1 {
                complaints.push(format!("{kind:?} was met {accepts} times"));
            }
        }
        for server in self.excluded.iter().filter(|server| server.meter.accepts() > 0) {
            complaints.push(format!("{} is excluded and was visited", server.host()));
        }
        complaints
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figure of docs/performance.md")]
async fn all_bad_servers_at_once_are_survived_and_told_apart() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let folder = tempfile::tempdir()?;
    let resolver = scene.names.address.to_string();
    let options = ["--visit-timeout", "15", "--concurrency", "128", "--exclude", "127.66.0.0/16"];
    let more = [&["--json", "--allow-private", "--resolver", &resolver], &options[..]].concat();
    let run = scan(folder.path(), &scene.seeds()?, &more, BOUND).await?;

    let mut complaints = scene.complaints(&run.by_server()?);
    complaints.extend(scene.miscounted());
    complaints.extend(run.control_characters());
    println!(
        "{} servers at once, {} of them hostile: {} KiB of memory at the most",
        scene.seeds()?.len(),
        scene.bad.len(),
        run.peak_kib
    );
    if run.peak_kib > MOST_MEMORY_KIB {
        complaints.push(format!("{} KiB of memory", run.peak_kib));
    }
    let archived = bytes_under(&folder.path().join("archive"))?;
    if archived == 0 || archived > MOST_ARCHIVE_BYTES {
        complaints.push(format!("an archive of {archived} bytes"));
    }
    run.without(&complaints)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_server_says_steers_the_terminal() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(12));
    let reference = Arc::new(Honest::new(&chain));
    let honest = Honest::new(&chain).start(loopback(23, 0), &[Transport::Tcp]).await?;
    let mut servers = honest.endpoints.clone();
    let mut bad = Vec::new();
    for (number, kind) in (1..).zip([
        Hostile::Lie(Lie::MalformedPeers),
        Hostile::Lie(Lie::LongBanner),
        Hostile::Handshake(Handshake::Garbage),
        Hostile::Cut(Cut::Http),
        Hostile::Cut(Cut::Ssh),
    ]) {
        let server = kind.start(loopback(23, number), &reference).await?;
        servers.extend(server.endpoints.clone());
        bad.push(server);
    }
    let names = NameServer::start(HashMap::new()).await?;
    let folder = tempfile::tempdir()?;
    let resolver = names.address.to_string();
    let more = ["--allow-private", "--visit-timeout", "15", "--resolver", &resolver];
    let run = scan(folder.path(), &servers, &more, BOUND).await?;

    let mut complaints = run.control_characters();
    let shown = String::from_utf8_lossy(&run.stdout).into_owned();
    for server in bad.iter().chain([&honest]) {
        if !shown.contains(&server.host()) {
            complaints.push(format!("{} is not shown", server.host()));
        }
    }
    if shown.lines().any(|line| line.trim_start().starts_with("forged")) {
        complaints.push("a server wrote a line of its own".to_owned());
    }
    if shown.contains('\u{202e}') || run.complaint().contains('\u{202e}') {
        complaints.push("a server turned the reading direction".to_owned());
    }
    if run.stdout.len() + run.stderr.len() > 256 * 1_024 {
        complaints.push("a server filled the screen".to_owned());
    }
    run.without(&complaints)
}
