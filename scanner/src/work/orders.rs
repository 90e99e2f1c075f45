//! What a campaign asks of one vantage, as this program understands it. Pure but for the seeds files that lie beside the
//! campaign's.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crds::{ScanCampaign, campaign};
use electrum::{Endpoint, Network, dial::Proxy, guard::Guard};
use fleet::schedule::{Lane, Scope};

use super::{
    cadence::{Cadence, CadenceError},
    discovery::Seeds,
};
use crate::{
    agenda::Profile,
    caller::ClientName,
    discovery::{Caps, Server, Source, bundled, parse_seeds},
    ledger::{Politeness, Spacings},
    probe::probe,
};

/// Why a campaign cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is no campaign.
    #[error("{path} is no ScanCampaign: {reason}; `observatory lint` says more")]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It has several vantages, or not the one that was named.
    #[error("--vantage: the campaign has {0}")]
    Vantage(String),
    /// A field says something that makes no sense.
    #[error("{field}: {reason}")]
    Field {
        /// Which.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// The timetable makes no sense.
    #[error(transparent)]
    Cadence(#[from] CadenceError),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Orders {
    /// For which campaign, from where.
    pub scope: Scope,
    /// Whose servers.
    pub network: Network,
    /// How much to ask.
    pub profile: Profile,
    /// When.
    pub cadence: Cadence,
    /// In which lanes, the most urgent first.
    pub lanes: Vec<Lane>,
    /// Each server once, and then the end.
    pub once: bool,
    /// How politely.
    pub politeness: Politeness,
    /// Whom to begin with.
    pub seeds: Seeds,
    /// Whether to visit the servers that servers tell of.
    pub follow_peers: bool,
    /// How to introduce ourselves.
    pub name: ClientName,
    /// Through what.
    pub proxy: Option<Proxy>,
    /// Who resolves names, if not this machine's own.
    pub resolver: Option<SocketAddr>,
    /// Who is known to be good.
    pub canaries: Vec<Endpoint>,
    /// Visits at once.
    pub concurrency: usize,
    /// Probes that are not to be made.
    pub disabled: BTreeSet<String>,
}

impl Orders {
    /// Reads a campaign's file, and the seeds files beside it: `seeds-NAME` for a source that names a ConfigMap.
    /// Without a vantage, the campaign's only one.
    ///
    /// # Errors
    /// [`OrdersError`].
    pub fn read(file: &Path, vantage: Option<&str>) -> Result<Self, OrdersError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| OrdersError::File { path: file.to_owned(), error })?;
        let campaign: ScanCampaign =
            crds::yaml::read(&text).map_err(|reason| OrdersError::Form { path: file.to_owned(), reason })?;
        let beside = |name: &str| {
            let path = file.with_file_name(format!("seeds-{name}"));
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Self::of(&campaign, vantage, beside)
    }

    /// What a campaign asks of a vantage; `seeds_of` gives the text of a source that names a ConfigMap, or says why there
    /// is none. A source that cannot be read names nobody, and the others are used: it may be there the next time.
    ///
    /// # Errors
    /// [`OrdersError`].
    pub fn of(
        campaign: &ScanCampaign,
        vantage: Option<&str>,
        seeds_of: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, OrdersError> {
        let spec = &campaign.spec;
        let network = spec.network;
        let vantage = choose(&spec.vantages, vantage)?;
        let discovery = &spec.discovery;
        let mut lists = Vec::new();
        if discovery.bundled_servers {
            lists.push((Source::Bundled(network), bundled(network)));
        }
        for source in &discovery.sources {
            let text = match source.seeds_from {
                Some(_) => seeds_of(&source.name),
                None => Ok(source.seeds.join("\n")),
            };
            match text.and_then(|text| servers(&text, network, &source.name)) {
                Ok(servers) => lists.push((Source::Seeds(source.name.clone()), servers)),
                Err(reason) => tracing::warn!("without the source {}: {reason}", source.name),
            }
        }
        let profile = profile(spec.probes.profile);
        let deep = (profile == Profile::Deep).then_some(Lane::Deep);
        let watch = spec.schedule.watch.then_some(Lane::Watch);
        let lanes: Vec<Lane> = [Lane::Liveness].into_iter().chain(deep).chain(watch).collect();
        let once = spec.mode == campaign::Mode::Once;
        let count = |n: i32| usize::try_from(n).unwrap_or_default();
        let caps = Caps {
            total: count(discovery.max_servers),
            per_source: count(discovery.max_peers_per_server),
            onion: discovery.onion,
            ..Caps::default()
        };
        let guard = if discovery.allow_private { Guard::AllowPrivate } else { Guard::PublicOnly };
        let namespace = campaign.metadata.namespace.as_deref().unwrap_or("default");
        let name = campaign.metadata.name.as_deref().unwrap_or_default();
        Ok(Self {
            scope: Scope { campaign: format!("{namespace}/{name}"), vantage: vantage.name.clone() },
            network,
            profile,
            cadence: Cadence::of(&spec.schedule)?,
            seeds: Seeds { lists, caps, guard, lanes: lanes.clone() },
            lanes: [Lane::Discovery].into_iter().chain(lanes).collect(),
            once,
            politeness: politeness(&spec.politeness.budgets),
            follow_peers: discovery.crawl_peers,
            name: client_name(&spec.politeness, network)?,
            proxy: parsed(vantage.proxy.as_ref(), "proxy", vantage)?,
            resolver: parsed(vantage.resolver.as_ref(), "resolver", vantage)?,
            canaries: vantage
                .canary
                .iter()
                .map(|canary| parsed(Some(canary), "canary", vantage))
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?,
            concurrency: count(vantage.concurrency).max(1),
            disabled: disabled(&spec.probes.disabled)?,
        })
    }
}

fn choose<'a>(
    vantages: &'a [campaign::Vantage],
    name: Option<&str>,
) -> Result<&'a campaign::Vantage, OrdersError> {
    let names = || {
        let names: Vec<&str> = vantages.iter().map(|vantage| &*vantage.name).collect();
        OrdersError::Vantage(match &*names {
            [] => "no vantage".to_owned(),
            names => format!("the vantages {}: name one of them", names.join(", ")),
        })
    };
    match (name, vantages) {
        (None, [only]) => Ok(only),
        (None, _) => Err(names()),
        (Some(name), _) => vantages.iter().find(|vantage| vantage.name == name).ok_or_else(names),
    }
}

fn servers(text: &str, network: Network, source: &str) -> Result<Vec<Server>, String> {
    let seeds = parse_seeds(text, network).map_err(|error| error.to_string())?;
    for problem in seeds.problems.described() {
        tracing::warn!("the source {source}: {problem}");
    }
    Ok(seeds.servers)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: Option<&String>,
    field: &str,
    vantage: &campaign::Vantage,
) -> Result<Option<T>, OrdersError> {
    let parse = |text: &String| {
        text.parse().map_err(|error: T::Err| OrdersError::Field {
            field: format!("spec.vantages[{}].{field}", vantage.name),
            reason: error.to_string(),
        })
    };
    text.map(parse).transpose()
}

fn profile(profile: campaign::Profile) -> Profile {
    match profile {
        campaign::Profile::Light => Profile::Light,
        campaign::Profile::Deep => Profile::Deep,
    }
}

/// Without a greeting there is no conversation, and a probe that does not exist was meant to be another.
fn disabled(probes: &[String]) -> Result<BTreeSet<String>, OrdersError> {
    let complaint = |reason: String| OrdersError::Field { field: "spec.probes.disabled".to_owned(), reason };
    for id in probes {
        match probe(id) {
            None => return Err(complaint(format!("there is no probe {id:?}; docs/probes.md lists them"))),
            Some(_) if id == "H1" => return Err(complaint("every visit begins with H1".to_owned())),
            Some(_) => {}
        }
    }
    Ok(probes.iter().cloned().collect())
}

fn politeness(budgets: &campaign::Budgets) -> Politeness {
    let spacings = Spacings {
        server: budgets.server_spacing.into(),
        subnet: budgets.subnet_spacing.into(),
        system: budgets.as_spacing.into(),
    };
    Politeness::of_fleet(spacings, u32::try_from(budgets.connections).unwrap_or(1))
}

fn client_name(politeness: &campaign::Politeness, network: Network) -> Result<ClientName, OrdersError> {
    let usual = concat!("electrum-observatory/", env!("CARGO_PKG_VERSION"));
    let product = politeness.client_name.as_deref().unwrap_or(usual);
    match politeness.contact.as_deref() {
        Some(contact) => Ok(ClientName::Same(format!("{product} (+{contact})"))),
        None if network == Network::Mainnet => Err(OrdersError::Field {
            field: "spec.politeness.contact".to_owned(),
            reason:
                "mainnet needs one: an e-mail address or a page where the operators of the servers reach you"
                    .to_owned(),
        }),
        None => Ok(ClientName::Same(product.to_owned())),
    }
}

#[cfg(test)]
mod tests;
