//! What a scan is about: the arguments that decide who is visited, what is asked and how often. `scan` does it,
//! `plan` says what it would be.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use electrum::{Endpoint, Network, dial::Proxy, guard::Guard, names::Names};
use jiff::SignedDuration;
use scanner::{
    agenda,
    discovery::{Caps, Exclusions, Frontier, Refusals, Server, Source, bundled, parse_seeds},
    sweep::Options,
};

use crate::output::{self, Usage};

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// mainnet, testnet, testnet4, signet, mutinynet or regtest
    #[arg(long, value_name = "NET")]
    pub(crate) network: Network,
    /// A file of servers: Electrum's servers.json, or one server a line
    #[arg(long, value_name = "FILE")]
    pub(crate) seeds: Vec<PathBuf>,
    /// A server: ssl://host:port, tcp://…, ws://…, wss://…, host:port:s or host:port:t
    #[arg(long, value_name = "URL")]
    pub(crate) server: Vec<Endpoint>,
    /// Where visits are kept: a directory or a URL. A second scan appends
    #[arg(long, value_name = "DIR|URL", default_value = "archive")]
    pub(crate) archive: String,
    /// What to ask
    #[arg(long, value_enum, default_value = "light")]
    pub(crate) profile: Profile,
    /// What every server is asked about, instead of what is found on its chain (docs/probes.md has the format)
    #[arg(long, value_name = "FILE")]
    pub(crate) objects: Option<PathBuf>,
    /// How many times everybody is visited
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) rounds: NonZeroU32,
    /// From the beginning of one round to the next: 90s, 10m, 1h
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub(crate) interval: SignedDuration,
    /// A SOCKS5 proxy, which also resolves names; Tor's reaches onions: socks5://127.0.0.1:9050
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<Proxy>,
    /// Also visit private and loopback addresses, where nobody else's servers are
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Visits at once
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) concurrency: NonZeroUsize,
    /// Do not visit the servers that servers tell of
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// Servers at most
    #[arg(long, value_name = "N", default_value = "20000")]
    pub(crate) max_servers: NonZeroUsize,
    /// Somebody who is not to be visited: a host, a domain (.example.org), an address or a network
    #[arg(long, value_name = "RULE")]
    pub(crate) exclude: Vec<String>,
    /// A file of such rules, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) exclusions: Vec<PathBuf>,
    /// The name server to ask instead of this machine's
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Option<SocketAddr>,
}

/// What to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Who is there, which chain, how fast: at most 60 E a visit
    Light,
    /// Everything, a few errors a visit among it: at most 350 E, and a quarter of an hour between such visits to
    /// one server. Twenty rounds ask the whole catalogue
    Deep,
}

impl From<Profile> for agenda::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Light => Self::Light,
            Profile::Deep => Self::Deep,
        }
    }
}

impl Scope {
    /// A deep round to each server of a list on this machine, as a demonstration needs it, which has a name server for it.
    pub(crate) fn on_this_machine(seeds: PathBuf, archive: String, resolver: SocketAddr) -> Self {
        Self {
            network: Network::Regtest,
            seeds: vec![seeds],
            server: Vec::new(),
            archive,
            profile: Profile::Deep,
            objects: None,
            rounds: NonZeroU32::MIN,
            interval: SignedDuration::ZERO,
            proxy: None,
            allow_private: true,
            concurrency: NonZeroUsize::MIN.saturating_add(63),
            no_peers: false,
            max_servers: NonZeroUsize::MIN.saturating_add(19_999),
            exclude: Vec::new(),
            exclusions: Vec::new(),
            resolver: Some(resolver),
        }
    }

    /// Which addresses may be dialled.
    pub(crate) fn guard(&self) -> Guard {
        if self.allow_private { Guard::AllowPrivate } else { Guard::PublicOnly }
    }

    /// Who resolves names.
    pub(crate) fn names(&self) -> Names {
        self.resolver.map_or_else(Names::system, Names::at)
    }

    /// How to sweep.
    ///
    /// # Errors
    /// [`Usage`] for an interval that is none.
    pub(crate) fn options(&self) -> Result<Options, Usage> {
        let interval = self.interval.try_into();
        Ok(Options {
            profile: self.profile.into(),
            rounds: self.rounds.get(),
            interval: interval.map_err(|_| Usage("--interval cannot be negative".to_owned()))?,
            concurrency: self.concurrency.get(),
            follow_peers: !self.no_peers,
            guard: self.guard(),
        })
    }

    /// The servers to begin with, and how many were turned away.
    ///
    /// # Errors
    /// [`Usage`] for files that cannot be read, or where nobody is left.
    pub(crate) fn frontier(&self) -> Result<(Frontier, Refusals), Usage> {
        let network = self.network;
        let mut frontier = Frontier::new(Caps {
            onion: self.proxy.is_some(),
            total: self.max_servers.get(),
            ..Caps::default()
        });
        let mut refusals = Refusals::default();
        let mut admit = |source: &Source, servers: Vec<Server>| {
            // What a person names is admitted whatever its address is, so that its refusal shows in the table.
            refusals.merge(&frontier.admit(source, servers, |_| true).refused);
        };
        for path in &self.seeds {
            let complaint = |e: &dyn std::fmt::Display| Usage(format!("--seeds {}: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|e| complaint(&e))?;
            let seeds = parse_seeds(&text, network).map_err(|e| complaint(&e))?;
            for problem in seeds.problems.described() {
                output::note(&format!("{}: {problem}", path.display()));
            }
            admit(&Source::Seeds(path.display().to_string()), seeds.servers);
        }
        admit(&Source::CommandLine, self.server.iter().cloned().map(Into::into).collect());
        if self.seeds.is_empty() && self.server.is_empty() {
            admit(&Source::Bundled(network), bundled(network));
        }
        if frontier.is_empty() {
            return Err(Usage(format!(
                "nobody to visit: name servers of {network} with --server or --seeds"
            )));
        }
        Ok((frontier, refusals))
    }

    /// Who is not to be visited.
    ///
    /// # Errors
    /// [`Usage`] for rules that cannot be read.
    pub(crate) fn exclusions(&self) -> Result<Exclusions, Usage> {
        let mut text = self.exclude.join("\n");
        for path in &self.exclusions {
            let listed = std::fs::read_to_string(path)
                .map_err(|e| Usage(format!("--exclusions {}: {e}", path.display())))?;
            text = format!("{text}\n{listed}");
        }
        let (exclusions, problems) = Exclusions::parse(&text).map_err(|e| Usage(e.to_string()))?;
        // A wish that cannot be read would protect nobody: better not to scan at all.
        match problems.described().first() {
            Some(problem) => Err(Usage(format!("exclusions, {problem}"))),
            None => Ok(exclusions),
        }
    }
}
