//! What `observatory scan` can be told.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use electrum::{Endpoint, Network, dial::Proxy, guard::Guard, limits::Limits, names::Names};
use jiff::SignedDuration;
use scanner::agenda;

use crate::output::Usage;

/// Visit Electrum servers, keep what they say in an archive, and print a line for each.
///
/// Without --server and --seeds it starts from the servers that the Electrum wallet ships, and follows
/// what they say about others. Each server is visited politely: at most one connection in ten seconds to
/// a server or its neighbourhood, at most 60 of ElectrumX's cost units (E) a visit, 350 a deep one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory scan --network testnet4
  observatory scan --network mainnet --contact mailto:you@example.org --archive archive
  observatory scan --network mainnet --contact https://example.org/scan --server ssl://electrum.example:50002 --no-peers --json
  observatory scan --network regtest --server tcp://127.0.0.1:50001 --allow-private
  observatory scan --network signet --rounds 6 --interval 10m
  observatory scan --network testnet4 --profile deep --rounds 20 --interval 15m
  observatory scan --network testnet4 --watch 12h")]
pub(crate) struct Arguments {
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
    /// Afterwards, watch every server that answered for so long: when it tells of blocks, and what its node
    /// estimates around them. 20s, 10m, 12h
    #[arg(long, value_name = "DURATION")]
    pub(crate) watch: Option<SignedDuration>,
    /// A name for the place you scan from
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub(crate) vantage: String,
    /// A SOCKS5 proxy, which also resolves names; Tor's reaches onions: socks5://127.0.0.1:9050
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<Proxy>,
    /// Also visit private and loopback addresses, where nobody else's servers are
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// How server operators reach you, shown to every server: an e-mail address or a page. Mainnet needs it
    #[arg(long, value_name = "TEXT")]
    pub(crate) contact: Option<String>,
    /// Visits at once
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) concurrency: NonZeroUsize,
    /// Print one JSON object a line per server instead of a table
    #[arg(long)]
    pub(crate) json: bool,
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
    /// Seconds a visit may take
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) visit_timeout: u32,
    /// The name server to ask instead of this machine's
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Option<SocketAddr>,
}

/// What to ask.
#[derive(Clone, Copy, Debug, ValueEnum)]
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

impl Arguments {
    /// Which addresses may be dialled.
    pub(crate) fn guard(&self) -> Guard {
        if self.allow_private { Guard::AllowPrivate } else { Guard::PublicOnly }
    }

    /// Who resolves names.
    pub(crate) fn names(&self) -> Names {
        self.resolver.map_or_else(Names::system, Names::at)
    }

    /// The hard limits of a visit.
    pub(crate) fn limits(&self) -> Limits {
        let visit = Duration::from_secs(self.visit_timeout.into());
        let limits = Limits::default();
        Limits { visit, connect: limits.connect.min(visit), ..limits }
    }

    /// How we name ourselves to every server: product, version and contact.
    ///
    /// # Errors
    /// [`Usage`] without a contact on mainnet, or with one that is not plain text.
    pub(crate) fn client_name(&self) -> Result<String, Usage> {
        let product = concat!("electrum-observatory/", env!("CARGO_PKG_VERSION"));
        match self.contact.as_deref().map(str::trim) {
            Some(contact) if contact.is_empty() || contact.len() > 100 || !contact.chars().all(|c| matches!(c, ' '..='~')) => {
                Err(Usage("--contact must be plain ASCII text of at most 100 characters".to_owned()))
            }
            Some(contact) => Ok(format!("{product} (+{contact})")),
            None if self.network == Network::Mainnet => Err(Usage(
                "mainnet needs --contact: an e-mail address or a page where the operators of the servers you visit reach you"
                    .to_owned(),
            )),
            None => Ok(product.to_owned()),
        }
    }
}
