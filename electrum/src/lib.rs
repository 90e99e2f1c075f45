//! The Electrum protocol as a careful stranger speaks it.
//!
//! Endpoints, the address guard, transports (TCP, TLS, WebSocket, SOCKS5), sessions of
//! newline-framed JSON-RPC with a hard limit on every input, and proofs that need no trust.
//! This crate knows nothing of probes, politeness, archives, Redis or Kubernetes.

pub mod dial;
pub mod endpoint;
pub mod guard;
pub mod limits;
pub mod message;
pub mod meter;
pub mod names;
pub mod network;
pub mod proof;
pub mod session;
pub mod text;
pub mod tls;

pub use endpoint::{Endpoint, Host, Subnet, Transport};
pub use network::Network;
