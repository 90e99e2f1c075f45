//! Worlds for tests, and clients of their servers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use simulator::{
    grammar::Library,
    scenario::Scenario,
    serve::{Clock, Listening, listen},
    world::{Days, Truth, World},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

const BOUND: Duration = Duration::from_secs(20);
pub(crate) const ELECTRUM: &str = "electrum/4.8.1";

/// One server of each kind, of two implementations.
pub(crate) const KINDS: &str = include_str!("kinds.toml");

/// A server that upgrades, one that is down at times, a name that changes hands, names that are renewed, and a server
/// with two addresses.
pub(crate) const CHANGES: &str = include_str!("changes.toml");

pub(crate) fn kinds(seed: u64) -> anyhow::Result<World> {
    made(KINDS, seed, Days::default())
}

/// The world of a scenario.
pub(crate) fn made(scenario: &str, seed: u64, days: Days) -> anyhow::Result<World> {
    let grammars = Library::embedded()?;
    Ok(World::lasting(&Scenario::read(scenario, "a test", &grammars)?, seed, None, days, &grammars)?)
}

/// A world that is served.
pub(crate) struct Served {
    pub(crate) truths: Vec<Truth>,
    _listening: Listening,
}

impl Served {
    pub(crate) fn start(world: &World) -> anyhow::Result<Self> {
        let listening = listen(world.endpoints(), Clock::start_at(world.begins(), 1))?;
        Ok(Self { truths: world.truths().cloned().collect(), _listening: listening })
    }

    fn address(&self, group: &str) -> anyhow::Result<Ipv4Addr> {
        Ok(self.truths.iter().find(|truth| truth.group == group).context("a server of that group")?.addresses
            [0])
    }

    /// A client that has greeted a server of a group.
    pub(crate) async fn client(&self, group: &str, name: &str) -> anyhow::Result<Client> {
        Client::greet(self.address(group)?, name).await
    }
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// What the server said to the greeting.
    pub(crate) agent: String,
}

impl Client {
    pub(crate) async fn greet(address: Ipv4Addr, name: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((address, 50_001))).await?;
        let mut client = Self { stream: BufReader::new(stream), agent: String::new() };
        let greeting = client.ask("server.version", json!([name, "1.4"])).await?;
        client.agent = greeting["result"][0].as_str().context("an agent")?.to_owned();
        Ok(client)
    }

    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.answer(method, params, BOUND).await?.context("an answer")
    }

    /// None where no answer comes within a time.
    pub(crate) async fn answer(
        &mut self,
        method: &str,
        params: Value,
        bound: Duration,
    ) -> anyhow::Result<Option<Value>> {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).await?;
        let mut line = String::new();
        match timeout(bound, self.stream.read_line(&mut line)).await {
            Ok(read) => {
                read?;
                Ok(Some(serde_json::from_str(&line)?))
            }
            Err(_) => Ok(None),
        }
    }

    pub(crate) async fn result(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let mut answer = self.ask(method, params).await?;
        ensure!(answer["error"].is_null(), "{method}: {answer}");
        Ok(answer["result"].take())
    }
}
