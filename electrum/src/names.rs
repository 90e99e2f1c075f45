//! Name look-ups. A name is resolved once per visit; the answer is checked and that very address is
//! dialled, so that no second answer can lead anywhere else.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{Name, RData},
};

use crate::endpoint::DnsName;

/// Addresses remembered per name: enough for any honest server, bounded for the others.
const MAX_ADDRESSES: usize = 16;

/// Why a name gave no address.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// The name servers answered, or failed to.
    #[error("{0}")]
    Lookup(String),
    /// There is no address, or none of the kind that is wanted.
    #[error("the name has no such address")]
    NoAddress,
    /// This machine's resolver configuration cannot be read.
    #[error("no name server: {0}; name one with --resolver IP:PORT")]
    NoResolver(String),
}

/// Resolves names, with a cache that lasts as long as the answers say.
#[derive(Clone, Debug)]
pub struct Names(Result<TokioResolver, String>);

impl Names {
    /// The name servers of this machine. A machine without any still scans addresses and, through a
    /// proxy, names.
    #[must_use]
    pub fn system() -> Self {
        Self(
            TokioResolver::builder_tokio()
                .and_then(hickory_resolver::ResolverBuilder::build)
                .map_err(|e| e.to_string()),
        )
    }

    /// One name server of the caller's choice, asked over UDP and TCP.
    #[must_use]
    pub fn at(server: SocketAddr) -> Self {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut name_server.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_name_servers(vec![name_server]);
        let built = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
        Self(built.map_err(|e| e.to_string()))
    }

    /// The addresses of a name, IPv4 before IPv6, in stable order: a round-robin answer must not make
    /// two visits look like visits to two machines.
    ///
    /// # Errors
    /// [`NameError`] where there are none.
    pub async fn addresses(&self, name: &DnsName) -> Result<Vec<IpAddr>, NameError> {
        let resolver = self.resolver()?;
        let mut query = Name::from_ascii(name.as_str()).map_err(|e| NameError::Lookup(e.to_string()))?;
        // Fully qualified: the search domains of this machine are nobody's business.
        query.set_fqdn(true);
        let answer = resolver.lookup_ip(query).await.map_err(|e| NameError::Lookup(e.to_string()))?;
        let mut addresses: Vec<IpAddr> = answer.iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(NameError::NoAddress);
        }
        Ok(addresses)
    }

    /// The name that an address claims for itself (PTR), where it has one that is a sound name.
    pub async fn pointer(&self, address: IpAddr) -> Option<DnsName> {
        let answer = self.0.as_ref().ok()?.reverse_lookup(address).await.ok()?;
        answer.answers().iter().find_map(|record| match &record.data {
            RData::PTR(pointer) => match pointer.0.to_ascii().parse() {
                Ok(crate::Host::Name(name)) => Some(name),
                _ => None,
            },
            _ => None,
        })
    }

    fn resolver(&self) -> Result<&TokioResolver, NameError> {
        self.0.as_ref().map_err(|reason| NameError::NoResolver(reason.clone()))
    }
}
