//! Where servers are, and which of them would not be visited at all. Looks names up if told to, and connects to
//! nobody.

use std::{collections::BTreeMap, fmt};

use electrum::{
    Host,
    dial::{Dialer, RouteError},
};
use futures_util::{StreamExt as _, stream};
use scanner::{
    discovery::{Exclusions, Refusal, Refusals, Server},
    plan::Subject,
};

/// Names that are looked up at once.
const LOOKUPS: usize = 32;

/// Why a server is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    /// Somebody does not want it visited.
    Excluded,
    /// An onion, and no proxy.
    OnionWithoutProxy,
    /// Its address is private or reserved.
    PrivateAddress,
    /// Its name has no address.
    NameUnresolved,
    /// There were enough already.
    TooMany,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Excluded => "excluded",
            Self::OnionWithoutProxy => "onion without --proxy",
            Self::PrivateAddress => "private or reserved address",
            Self::NameUnresolved => "name without an address",
            Self::TooMany => "beyond --max-servers",
        })
    }
}

/// Who would be visited, and who would not.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) subjects: Vec<Subject>,
    pub(super) left_out: BTreeMap<Reason, usize>,
    /// Subjects whose address nobody looked up.
    pub(super) unresolved: usize,
}

/// Finds out where servers are.
pub(super) async fn place(
    servers: Vec<Server>,
    refused: &Refusals,
    dialer: &Dialer,
    exclusions: &Exclusions,
    resolve: bool,
) -> Placed {
    let mut placed = Placed::default();
    for (refusal, reason) in [(Refusal::Onion, Reason::OnionWithoutProxy), (Refusal::Total, Reason::TooMany)]
    {
        placed.leave_out(reason, refused.count(refusal));
    }
    let found = stream::iter(servers).map(|server| async {
        let address = address(server.host(), dialer, exclusions, resolve).await;
        address.map(|address| Subject { server, address })
    });
    // In the order of the servers: equal lists give equal plans.
    let mut found = std::pin::pin!(found.buffered(LOOKUPS));
    while let Some(found) = found.next().await {
        match found {
            Ok(subject) => {
                placed.unresolved += usize::from(subject.address.is_none());
                placed.subjects.push(subject);
            }
            Err(reason) => placed.leave_out(reason, 1),
        }
    }
    placed
}

impl Placed {
    fn leave_out(&mut self, reason: Reason, servers: usize) {
        if servers > 0 {
            *self.left_out.entry(reason).or_default() += servers;
        }
    }
}

/// The address that a visit would go to; none where it is not looked up, or not seen behind a proxy.
async fn address(
    host: &Host,
    dialer: &Dialer,
    exclusions: &Exclusions,
    resolve: bool,
) -> Result<Option<std::net::IpAddr>, Reason> {
    if exclusions.covers_host(host).is_some() {
        return Err(Reason::Excluded);
    }
    if matches!(host, Host::Name(_)) && !resolve {
        return Ok(None);
    }
    let address = match dialer.resolve(host).await.route {
        Ok(route) => route.address(),
        Err(RouteError::Forbidden(_)) => return Err(Reason::PrivateAddress),
        Err(RouteError::Name(_)) => return Err(Reason::NameUnresolved),
        Err(RouteError::Excluded) => return Err(Reason::Excluded),
        Err(RouteError::OnionWithoutProxy) => return Err(Reason::OnionWithoutProxy),
    };
    match address.and_then(|ip| exclusions.covers_address(ip)) {
        Some(_) => Err(Reason::Excluded),
        None => Ok(address),
    }
}
