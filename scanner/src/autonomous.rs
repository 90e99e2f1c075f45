//! In which autonomous system an address is, by a database in MaxMind's format. Politeness counts connections into one;
//! what is not known is not counted.

use std::{fmt, net::IpAddr, path::Path};

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;

/// Autonomous systems by address; by default nothing is known of any.
#[derive(Default)]
pub struct Systems(Vec<Reader<Vec<u8>>>);

/// What MaxMind and DB-IP write.
#[derive(Deserialize)]
struct Record {
    #[serde(alias = "as_number")]
    autonomous_system_number: Option<u32>,
}

impl Systems {
    /// Knows what a database says too, where those before say nothing.
    ///
    /// # Errors
    /// Where the file is no such database.
    pub fn open(&mut self, file: &Path) -> Result<(), MaxMindDbError> {
        Reader::open_readfile(file).map(|reader| self.0.push(reader))
    }

    /// The number of the system that an address is in.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<u32> {
        self.0.iter().find_map(|database| {
            let found = database.lookup(address.to_canonical()).ok()?;
            found.decode::<Record>().ok()??.autonomous_system_number
        })
    }
}

impl fmt::Debug for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Systems").finish_non_exhaustive()
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
        let mut systems = Systems::default();
        systems.open(&file).expect("opens");
        let of = |ip: &str| systems.of(ip.parse().expect("an address"));
        assert_eq!((of("8.8.8.8"), of("::ffff:8.8.8.8")), (Some(64_500), Some(64_500)));
        assert_eq!((of("9.9.9.9"), of("2a00::1")), (None, None));
        assert_eq!(Systems::default().of([8, 8, 8, 8].into()), None);
        std::fs::write(&file, "no database").expect("is written");
        assert!(systems.open(&file).is_err());
    }
}
