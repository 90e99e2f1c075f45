//! What `observatory scan` can be told.

use std::time::Duration;

use clap::Args;
use electrum::{Network, limits::Limits};
use jiff::SignedDuration;
use scanner::caller::ClientName;

use crate::{output::Usage, scope::Scope};

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
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Afterwards, watch every server that answered for so long: when it tells of blocks, and what its node
    /// estimates around them. 20s, 10m, 12h
    #[arg(long, value_name = "DURATION")]
    pub(crate) watch: Option<SignedDuration>,
    /// A name for the place you scan from
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub(crate) vantage: String,
    /// How server operators reach you, shown to every server: an e-mail address or a page. Mainnet needs it
    #[arg(long, value_name = "TEXT")]
    pub(crate) contact: Option<String>,
    /// Tell each server a page of its own, the contact's with a query: whoever opens it has read that server's log
    #[arg(long)]
    canary: bool,
    /// Print one JSON object a line per server instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds a visit may take
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) visit_timeout: u32,
}

impl Arguments {
    /// A scan as it is without further arguments.
    pub(crate) fn of(scope: Scope) -> Self {
        Self {
            scope,
            watch: None,
            vantage: "local".to_owned(),
            contact: None,
            canary: false,
            json: false,
            visit_timeout: 60,
        }
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
    pub(crate) fn client_name(&self) -> Result<ClientName, Usage> {
        let product = product();
        match self.contact.as_deref().map(str::trim) {
            Some(contact) if contact.is_empty() || contact.len() > 100 || !contact.chars().all(|c| matches!(c, ' '..='~')) => {
                Err(Usage("--contact must be plain ASCII text of at most 100 characters".to_owned()))
            }
            Some(page) if self.canary => match page.starts_with("https://") && !page.contains(['?', '#']) {
                true => Ok(ClientName::Canary { product, page: page.to_owned() }),
                false => Err(Usage("--canary needs a --contact that is a page: https://…, without a query".to_owned())),
            },
            None if self.canary => Err(Usage("--canary needs the page that --contact names".to_owned())),
            Some(contact) => Ok(ClientName::Same(format!("{product} (+{contact})"))),
            None if self.scope.network == Network::Mainnet => Err(Usage(
                "mainnet needs --contact: an e-mail address or a page where the operators of the servers you visit reach you"
                    .to_owned(),
            )),
            None => Ok(ClientName::Same(product)),
        }
    }
}

/// How we name ourselves where nobody needs to reach us.
pub(crate) fn product() -> String {
    concat!("electrum-observatory/", env!("CARGO_PKG_VERSION")).to_owned()
}
