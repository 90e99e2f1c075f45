//! How a campaign finds servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// How servers are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Discovery {
    /// Begin with the servers that the Electrum wallet ships for the network.
    pub bundled_servers: bool,
    /// Begin with these servers as well, each source by a name of its own, which says in the archive who told of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sources: Vec<SeedSource>,
    /// Also visit the servers that servers tell of (`server.peers.subscribe`).
    pub crawl_peers: bool,
    /// Most servers in all, and most ElectrumServers that the operator creates. Those that people name come first.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_servers: i32,
    /// Most servers that one server may introduce, over all its lists together. Bounds what one liar can make up.
    #[schemars(range(min = 0, max = 10_000))]
    pub max_peers_per_server: i32,
    /// Also visit onion services, from those vantages that have a Tor proxy; at least one must.
    pub onion: bool,
    /// Also visit private and loopback addresses, where nobody else's servers are. On regtest only.
    pub allow_private: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            bundled_servers: true,
            sources: Vec::new(),
            crawl_peers: true,
            max_servers: 20_000,
            max_peers_per_server: 500,
            onion: false,
            allow_private: false,
        }
    }
}

/// Servers to begin with: a list that stands here, or one in a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rules::seeds_or_seeds_from(),
]))]
pub struct SeedSource {
    /// What the source is called: lower-case letters, digits and `-`.
    #[schemars(length(min = 1, max = 20), regex(pattern = rules::LABEL))]
    pub name: String,
    /// The servers, one an entry: `ssl://example.org:50002`, `tcp://`, `ws://`, `wss://`, `example.org:50002:s`,
    /// `example.org:50001:t`, or a bare host, which stands for the network's default ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 300), regex(pattern = r"^\S+$")))]
    pub seeds: Vec<String>,
    /// The key of a ConfigMap that holds a list: one server a line, with comments after `#`, or Electrum's own
    /// `servers.json`. Changes of the list are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds_from: Option<ConfigMapKey>,
}

/// A key of a ConfigMap in the campaign's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKey {
    /// The name of the ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub config_map: String,
    /// The key in it.
    #[serde(default = "ConfigMapKey::usual_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

impl ConfigMapKey {
    fn usual_key() -> String {
        "seeds.txt".to_owned()
    }
}
