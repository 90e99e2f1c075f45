//! How a campaign behaves towards servers that are not ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Span;

/// Who we say we are, and what we may ask of others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Politeness {
    /// Where an operator of a server can reach a person who stops the scan: an address of mail or a web page. Every
    /// server is told, as part of the client's name. Required on mainnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 100), regex(pattern = r"^[!-~]+( [!-~]+)*$"))]
    pub contact: Option<String>,
    /// The name that servers are greeted with, before the contact. By default `electrum-observatory` and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[!-~]+( [!-~]+)*$"))]
    pub client_name: Option<String>,
    /// The least time between connections, over all scanners and vantages together.
    pub budgets: Budgets,
}

/// The least time between connections. They may be longer than these floors and never shorter, but on regtest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Budgets {
    /// Between two connections to one server. At least `10s`; on regtest `0s`.
    pub server_spacing: Span,
    /// Between two connections into one /24 (IPv4) or /48 (IPv6). At least `10s`; on regtest `0s`.
    pub subnet_spacing: Span,
    /// Between two connections into one autonomous system. At least `200ms`; on regtest `0s`.
    pub as_spacing: Span,
    /// Most connections to one server at once.
    #[schemars(range(min = 1, max = 2))]
    pub connections: i32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            server_spacing: Span::from_secs(10),
            subnet_spacing: Span::from_secs(10),
            as_spacing: Span::from_secs(1),
            connections: 2,
        }
    }
}
