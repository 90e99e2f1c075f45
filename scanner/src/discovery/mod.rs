//! Which servers to visit, and where each was learnt from.
//!
//! Everything here is pure: text and bytes in, servers out. Nothing opens a file, looks a name up or
//! connects. What strangers say is bounded before it is believed: lists are read up to a limit, and
//! the [`Frontier`] admits no more from them than its [`Caps`] allow.
//!
//! ```text
//! bundled lists, seeds files ──► seeds ─┐
//! server.peers.subscribe ──────► peers ─┴─► Listing ─► Frontier::admit ─► new and changed servers
//! ```
//!
//! [`Exclusions`] are asked by whoever visits, before any look-up and once more for each address a
//! look-up gives, and not by the frontier: they change while a campaign runs, and a server that asked
//! to be left alone stays known, so that it is seen to be left alone.

pub mod admission;
pub mod exclusions;
pub mod features;
pub mod frontier;
pub mod peers;
pub mod seeds;
pub mod server;
pub mod text;

pub use admission::{Admission, Caps, Refusal, Refusals};
pub use exclusions::{Exclusion, Exclusions, InForce, MAX_EXCLUSIONS_BYTES, Rule, RuleError};
pub use features::own_websockets;
pub use frontier::{Frontier, GossipEdge};
pub use peers::{PeerList, PeerRow, PeersError, parse_peers};
pub use seeds::{SeedError, Seeds, bundled, bundled_endpoints, parse_seeds};
pub use server::{Listing, Server, Source};
pub use text::{Problem, Problems, TooLong};
