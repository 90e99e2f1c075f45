//! The custom resources: what people ask for ([`ScanCampaign`], [`ScanExclusion`]) and what they are told
//! ([`ElectrumServer`]).
//!
//! The types are the one source: the YAML beside this crate, `docs/crds.md`, the rules that an API server applies and
//! those that [`lint`](lint::lint) applies without one are all made from them. Nothing here talks to a cluster.

mod belonging;
pub mod campaign;
pub mod conditions;
pub mod exclusion;
pub mod lint;
pub mod reference;
mod rules;
mod schema;
pub mod server;
pub mod span;
pub mod text;
pub mod yaml;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use belonging::{adopts, belongs};
pub use campaign::{ScanCampaign, ScanCampaignSpec, ScanCampaignStatus};
pub use exclusion::{ScanExclusion, ScanExclusionSpec, ScanExclusionStatus};
pub use schema::CONDITION_MESSAGE;
pub use server::{ElectrumServer, ElectrumServerSpec, ElectrumServerStatus};
pub use span::Span;
pub use text::Text;

/// The API group of all of them.
pub const GROUP: &str = "electrumobservatory.org";

/// Their version.
pub const VERSION: &str = "v1alpha1";

/// The definitions, in the order in which people meet them.
#[must_use]
pub fn all() -> [CustomResourceDefinition; 3] {
    [ScanCampaign::crd(), ElectrumServer::crd(), ScanExclusion::crd()]
}
