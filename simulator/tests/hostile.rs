//! The hostile servers of the scenario do on sockets what their names say: a test against a toothless attacker would
//! prove nothing.

use std::{io::ErrorKind, time::Duration};

use anyhow::{Context as _, ensure};
use simulator::{
    grammar::Library,
    hostile::Mischief,
    scenario,
    serve::{Clock, Listening, listen},
    world::World,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Who says nothing for so long waits with purpose.
const SILENCE: Duration = Duration::from_secs(2);
const GREETING: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"server.version\",\"params\":[\"x\",\"1.4\"]}\n";
const PEERS: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server.peers.subscribe\",\"params\":[]}\n";

struct Served {
    world: World,
    _listening: Listening,
}

impl Served {
    fn start(seed: u64) -> anyhow::Result<Self> {
        let grammars = Library::embedded()?;
        let scenario = scenario::named("hostile", &grammars).context("a scenario")??;
        let world = World::new(&scenario, seed, None, &grammars)?;
        let listening = listen(world.endpoints(), Clock::start_at(world.begins(), 1))?;
        Ok(Self { world, _listening: listening })
    }

    /// What is heard of an answer to this, up to so many bytes; and how the connection was then.
    async fn hear(&self, kind: Mischief, asked: &[u8], most: usize) -> anyhow::Result<(Vec<u8>, End)> {
        let truth = self.world.truths().find(|truth| truth.behaviours == [kind.name()]);
        let mut stream = match TcpStream::connect((truth.context(kind.name())?.addresses[0], 50_001)).await {
            // Who is reset as soon as he is accepted may hear of it while he connects.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok((Vec::new(), End::Reset)),
            connected => connected?,
        };
        // Who was reset while it wrote hears of it in reading.
        let _ = stream.write_all(asked).await;
        let (mut heard, mut bytes) = (Vec::new(), vec![0; 64 * 1_024]);
        while heard.len() < most {
            match timeout(SILENCE, stream.read(&mut bytes)).await {
                Err(_) => return Ok((heard, End::Silent)),
                Ok(Ok(0)) => return Ok((heard, End::Closed)),
                Ok(Ok(count)) => heard.extend_from_slice(&bytes[..count]),
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok((heard, End::Reset));
                }
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        Ok((heard, End::Open))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Silent,
    Closed,
    Reset,
    Open,
}

fn lines(heard: &[u8]) -> usize {
    heard.iter().filter(|byte| **byte == b'\n').count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_as_bad_as_its_name() -> anyhow::Result<()> {
    const MEGABYTE: usize = 1 << 20;
    let served = Served::start(9_400)?;
    ensure!(served.world.truths().filter(|truth| truth.is_honest()).count() == 6);
    let asked = [GREETING, PEERS, GREETING].concat();
    for kind in
        [Mischief::FloodLine, Mischief::FloodAnswers, Mischief::FloodBlanks, Mischief::FloodNotifications]
    {
        let (heard, end) = served.hear(kind, &asked, 4 * MEGABYTE).await?;
        ensure!(end == End::Open && heard.len() >= 4 * MEGABYTE, "{kind:?}: {} bytes, {end:?}", heard.len());
        ensure!((lines(&heard) == 1) == (kind == Mischief::FloodLine), "{kind:?}: {}", lines(&heard));
    }
    for (kind, most) in [
        (Mischief::ResetAccept, 0),
        (Mischief::ResetGreeting, 0),
        (Mischief::ResetInGreeting, 0),
        (Mischief::ResetAfterGreeting, 1),
        (Mischief::ResetInAnswer, 1),
    ] {
        let (heard, end) = served.hear(kind, &asked, MEGABYTE).await?;
        // What was sent before a reset may be lost with it.
        ensure!(
            end == End::Reset && lines(&heard) <= most,
            "{kind:?}: {end:?} after {} lines",
            lines(&heard)
        );
    }
    for kind in [Mischief::TarpitAccept, Mischief::TarpitGreeting] {
        let (heard, end) = served.hear(kind, &asked, MEGABYTE).await?;
        ensure!(end == End::Silent && heard.len() == 1, "{kind:?}: {} bytes, {end:?}", heard.len());
    }
    let (heard, _) = served.hear(Mischief::PeerBomb, &asked, 8 * MEGABYTE).await?;
    ensure!(heard.windows(6).filter(|name| name == b"crowd-").count() == 80_000, "{} bytes", heard.len());
    let (heard, _) = served.hear(Mischief::WrongUtf8, &asked, MEGABYTE).await?;
    ensure!(str::from_utf8(&heard).is_err(), "{heard:?}");
    Ok(())
}
