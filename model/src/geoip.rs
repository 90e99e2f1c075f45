//! Whose network an address is in, in which country, and where on earth, by databases in MaxMind's format. Their makers name the same
//! things differently; what is not known is no error.

use std::{fmt, net::IpAddr, path::PathBuf};

use electrum::text::printable;
use maxminddb::{MaxMindDbError, Reader};
use serde::{Deserialize, Serialize};

use crate::assessment::Address;

/// Most characters of the name of an organization.
const LONGEST_NAME: usize = 60;

/// A file is no such database.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}", file = file.display())]
pub struct DatabaseError {
    file: PathBuf,
    reason: MaxMindDbError,
}

/// An autonomous system: a network under one administration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Asn {
    /// Its number.
    #[serde(rename = "asn")]
    pub number: u32,
    /// Who runs it, as the database says; printable.
    pub organization: Option<String>,
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.organization {
            Some(name) => write!(f, "AS{} {name}", self.number),
            None => write!(f, "AS{}", self.number),
        }
    }
}

/// A spot on earth, to a tenth of a degree, which is eleven kilometres: no database knows of an address any better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    latitude: f64,
    longitude: f64,
}

impl Location {
    /// Of degrees north and east; none where there is no such spot.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        // No zero is less than another.
        let tenths = |degrees: f64| (degrees * 10.0).round() / 10.0 + 0.0;
        let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        is_on_earth.then(|| Self { latitude: tenths(latitude), longitude: tenths(longitude) })
    }

    /// Degrees north of the equator, from -90 to 90.
    #[must_use]
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich, from -180 to 180.
    #[must_use]
    pub fn longitude(&self) -> f64 {
        self.longitude
    }
}

/// Databases, of which the first that knows counts. By default there are none.
#[derive(Default)]
pub struct Databases(Vec<Reader<Vec<u8>>>);

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").field("files", &self.0.len()).finish_non_exhaustive()
    }
}

impl Databases {
    /// Reads them.
    ///
    /// # Errors
    /// For a file that is no such database.
    pub fn open(files: &[PathBuf]) -> Result<Self, DatabaseError> {
        let open = |file: &PathBuf| {
            Reader::open_readfile(file).map_err(|reason| DatabaseError { file: file.clone(), reason })
        };
        files.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// The network that an address is in.
    #[must_use]
    pub fn asn(&self, address: IpAddr) -> Option<Asn> {
        self.records(address).find_map(Record::asn)
    }

    /// The country that it is in, by ISO 3166.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Option<String> {
        self.records(address).find_map(|record| record.country?.code())
    }

    /// Where on earth it is, by a database of cities.
    #[must_use]
    pub fn location(&self, address: IpAddr) -> Option<Location> {
        self.records(address).find_map(|record| {
            let spot = record.location?;
            Location::new(spot.latitude?, spot.longitude?)
        })
    }

    /// Whose network it is in, and in which country.
    #[must_use]
    pub fn place(&self, ip: IpAddr) -> Address {
        let asn = self.asn(ip);
        Address {
            ip,
            country: self.country(ip),
            organisation: asn.as_ref().and_then(|asn| asn.organization.clone()),
            asn: asn.map(|asn| asn.number),
        }
    }

    fn records(&self, address: IpAddr) -> impl Iterator<Item = Record> {
        self.0
            .iter()
            .filter_map(move |database| database.lookup(address.to_canonical()).ok()?.decode().ok()?)
    }
}

/// What MaxMind, DB-IP and IPinfo write.
#[derive(Deserialize)]
struct Record {
    #[serde(alias = "autonomous_system_number", alias = "as_number")]
    asn: Option<Number>,
    #[serde(alias = "autonomous_system_organization", alias = "as_organization", alias = "as_name")]
    name: Option<String>,
    #[serde(alias = "country_code")]
    country: Option<Country>,
    location: Option<Spot>,
}

#[derive(Deserialize)]
struct Spot {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// `{"iso_code": "DE"}` or `"DE"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Country {
    Record {
        #[serde(default)]
        iso_code: Option<String>,
    },
    Text(String),
}

impl Country {
    fn code(self) -> Option<String> {
        let code = match self {
            Self::Record { iso_code } => iso_code?,
            Self::Text(text) => text,
        };
        (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
    }
}

/// `15169`, `"15169"` or `"AS15169"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u32),
    Text(String),
}

impl Record {
    fn asn(self) -> Option<Asn> {
        let number = match self.asn? {
            Number::Number(number) => number,
            Number::Text(text) => text.trim_start_matches("AS").parse().ok()?,
        };
        let organization = self.name.filter(|name| !name.is_empty());
        Some(Asn { number, organization: organization.map(|name| printable(&name, LONGEST_NAME)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_knows_is_known_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("asn.mmdb");
        let mut writer = mmdb_writer::Writer::new("ASN");
        let record = std::collections::BTreeMap::from([("autonomous_system_number", 64_500_u32)]);
        writer.insert("8.8.8.0/24".parse::<ipnet::IpNet>().expect("a network"), &record).expect("goes in");
        std::fs::write(&file, writer.to_bytes().expect("writes")).expect("is written");
        let databases = Databases::open(std::slice::from_ref(&file)).expect("opens");
        let of = |ip: &str| databases.place(ip.parse().expect("an address")).asn;
        assert_eq!((of("8.8.8.8"), of("::ffff:8.8.8.8")), (Some(64_500), Some(64_500)));
        assert_eq!((of("9.9.9.9"), of("2a00::1")), (None, None));
        assert_eq!(Databases::default().asn([8, 8, 8, 8].into()), None);
        std::fs::write(&file, "no database").expect("is written");
        assert!(Databases::open(&[file]).expect_err("is none").to_string().contains("asn.mmdb: "));
    }

    #[test]
    fn a_city_is_where_it_is_to_a_tenth_of_a_degree_or_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("city.mmdb");
        let mut writer = mmdb_writer::Writer::new("GeoLite2-City");
        for (network, latitude, longitude) in
            [("8.8.8.0/24", 47.366_67, -8.55), ("9.9.9.0/24", 91.0, 0.0), ("7.7.7.0/24", f64::NAN, 0.0)]
        {
            let spot = std::collections::BTreeMap::from([("latitude", latitude), ("longitude", longitude)]);
            let record = std::collections::BTreeMap::from([("location", spot)]);
            writer.insert(network.parse::<ipnet::IpNet>().expect("a network"), &record).expect("goes in");
        }
        std::fs::write(&file, writer.to_bytes().expect("writes")).expect("is written");
        let databases = Databases::open(&[file]).expect("opens");
        let of = |ip: &str| databases.location(ip.parse().expect("an address"));
        assert_eq!(of("8.8.8.8"), Location::new(47.4, -8.6));
        assert_eq!(of("8.8.8.8").map(|spot| (spot.latitude(), spot.longitude())), Some((47.4, -8.6)));
        assert_eq!([of("9.9.9.9"), of("7.7.7.7"), of("1.1.1.1")], [None; 3]);
    }
}
