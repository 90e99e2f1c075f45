//! Whose network an address is in, and in which country, by databases in MaxMind's format. Their makers name the same
//! things differently; what is not known is no error.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use electrum::text::printable;
use maxminddb::Reader;
use serde::{Deserialize, Serialize};

use crate::output::Usage;

/// Most characters of the name of an organization.
const LONGEST_NAME: usize = 60;

/// An autonomous system: a network under one administration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Asn {
    /// Its number.
    #[serde(rename = "asn")]
    pub(crate) number: u32,
    /// Who runs it, as the database says.
    pub(crate) organization: Option<String>,
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.organization {
            Some(name) => write!(f, "AS{} {name}", self.number),
            None => write!(f, "AS{}", self.number),
        }
    }
}

/// Databases, of which the first that knows counts.
#[derive(Debug)]
pub(crate) struct Databases(Vec<Reader<Vec<u8>>>);

impl Databases {
    /// Reads them.
    ///
    /// # Errors
    /// [`Usage`] for a file that is no such database.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Usage> {
        let open = |path: &PathBuf| {
            Reader::open_readfile(Path::new(path))
                .map_err(|e| Usage(format!("--geoip {}: {e}", path.display())))
        };
        paths.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// The network that an address is in.
    pub(crate) fn asn(&self, address: IpAddr) -> Option<Asn> {
        self.records(address).find_map(Record::asn)
    }

    /// The country that it is in, by ISO 3166.
    pub(crate) fn country(&self, address: IpAddr) -> Option<String> {
        self.records(address).find_map(|record| record.country?.code())
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
