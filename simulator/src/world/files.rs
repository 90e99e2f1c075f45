//! A world written down: `seeds.txt` for whoever scans it, `truth.json` for whoever judges that, and two databases
//! in MaxMind's format that say where its addresses are.

use std::{
    fs, io,
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use ipnet::IpNet;
use mmdb_writer::Writer;
use serde::Serialize;

use super::{Member, World, country::country};
use crate::chain::ChainPlan;

/// Why a world could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nowhere to write.
    #[error("{path}: {error}")]
    Write {
        /// Where.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The truth cannot be put as JSON.
    #[error("truth.json: {0}")]
    Json(#[from] serde_json::Error),
    /// A database cannot be made.
    #[error("a database of addresses: {0}")]
    Database(#[from] mmdb_writer::Error),
}

#[derive(Serialize)]
struct Asn<'a> {
    autonomous_system_number: u32,
    autonomous_system_organization: &'a str,
}

#[derive(Serialize)]
struct Geo<'a> {
    country: Country<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Country<'a> {
    iso_code: &'a str,
}

#[derive(Serialize)]
struct Location {
    latitude: f64,
    longitude: f64,
}

/// Writes `seeds.txt`, `truth.json`, `geo.mmdb` and `asn.mmdb` into a folder, which is made.
///
/// # Errors
/// [`FilesError`].
pub fn write(world: &World, folder: &Path) -> Result<(), FilesError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| FilesError::Write { path: path.display().to_string(), error })
    };
    fs::create_dir_all(folder)
        .map_err(|error| FilesError::Write { path: folder.display().to_string(), error })?;
    put("seeds.txt", seeds(world).as_bytes())?;
    put("truth.json", truth(world)?.as_bytes())?;
    put(
        "geo.mmdb",
        &database(world, "GeoLite2-City", |member| {
            let code = &member.place().country;
            let town = country(code);
            let town = town.map(|town| Location { latitude: town.latitude, longitude: town.longitude });
            Geo { country: Country { iso_code: code }, location: town }
        })?,
    )?;
    put(
        "asn.mmdb",
        &database(world, "GeoLite2-ASN", |member| Asn {
            autonomous_system_number: member.place().asn,
            autonomous_system_organization: &member.place().organization,
        })?,
    )
}

/// Every endpoint of those who are there when the world begins, one a line.
fn seeds(world: &World) -> String {
    let there = world.members().iter().filter(|member| !member.hosts(world.begins()).is_empty());
    there.flat_map(|member| &member.truth().endpoints).map(|endpoint| format!("{endpoint}\n")).collect()
}

/// What is in `truth.json`: a list with one server a line.
///
/// # Errors
/// None in practice: every truth can be written.
pub fn truth(world: &World) -> Result<String, serde_json::Error> {
    let lines: Vec<String> = world.truths().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

fn database<'w, R: Serialize>(
    world: &'w World,
    kind: &str,
    record: impl Fn(&'w Member) -> R,
) -> Result<Vec<u8>, mmdb_writer::Error> {
    // The time of making it would differ from one run to the next.
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(ChainPlan::default().start.into());
    let mut writer = Writer::builder(kind).build_epoch(made).build();
    for member in world.members() {
        for address in member.addresses() {
            writer.insert(IpNet::from(IpAddr::from(*address)), &record(member))?;
        }
    }
    writer.to_bytes()
}
