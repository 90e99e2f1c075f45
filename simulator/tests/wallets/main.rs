//! Wallets that other people wrote, at servers of every grammar: what they check is the protocol, the chain and its
//! proofs, and none of it was written with this simulator in mind. Each is given the published test key without what
//! signs, and must find the balance that the chain holds for it.

mod crates;
mod electrum;
mod network;
mod rpc;

use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::{
    electrum::{Daemon, Holdings},
    network::{Network, Place},
};

/// Daemons that run at a time: some start while others wait for their servers.
const DAEMONS: usize = 6;
/// Clients of crates: ElectrumX 1.18 and newer hold short answers back for up to a second, so one that asks question
/// after question waits and does nothing else.
const CLIENTS: usize = 18;

/// Visits all servers with a wallet, and prints what came of it.
#[expect(clippy::print_stdout, reason = "the table is what people look at")]
fn everywhere(
    client: &str,
    at_once: usize,
    visit: impl Fn(&Network, &Place) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let network = Network::start()?;
    let share = network.places.len().div_ceil(at_once);
    let visited = |place: &Place| {
        let begin = Instant::now();
        let result = visit(&network, place).with_context(|| format!("{client} at {place}"));
        println!("{client:16}{place:32}{:>6.1} s  {}", begin.elapsed().as_secs_f64(), result.is_ok());
        result
    };
    let results: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let visited = &visited;
        let visitor = |places| scope.spawn(move || <[Place]>::iter(places).map(visited).collect::<Vec<_>>());
        let visitors: Vec<_> = network.places.chunks(share).map(visitor).collect();
        visitors.into_iter().flat_map(|visitor| visitor.join().expect("a visitor")).collect()
    });
    let failed: Vec<String> =
        results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

#[test]
fn electrum_finds_the_balance() -> anyhow::Result<()> {
    everywhere("Electrum", DAEMONS, |network, place| {
        let wallet = network.chain.test_wallet();
        let daemon = Daemon::start(place)?;
        daemon.watch(&wallet.vpub)?;
        daemon.await_holdings(&Holdings { balance: wallet.balance, proven: wallet.transactions })?;
        daemon.await_height(network.chain.plan().blocks + 1)
    })
}

#[test]
fn electrum_client_finds_the_balance() -> anyhow::Result<()> {
    everywhere("electrum-client", CLIENTS, |network, place| crates::electrum_client(&network.chain, place))
}

#[test]
fn bdk_finds_the_balance() -> anyhow::Result<()> {
    everywhere("bdk", CLIENTS, |network, place| crates::bdk(&network.chain, place))
}
