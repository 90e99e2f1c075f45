//! Where Redis is, as people write it. Opens nothing, and knows no password: those are in files.

use std::str::FromStr;

use crate::FleetError;

/// Where Redis is: `redis://HOST:PORT/DB`, `redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DB`,
/// `redis+cluster://HOST:PORT,HOST:PORT`; with `rediss` in front all of it over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) tls: bool,
    pub(crate) topology: Topology,
}

/// What is at the hosts of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    Single { database: i64 },
    Sentinel { master: String, database: i64 },
    Cluster,
}

impl FromStr for Address {
    type Err = FleetError;

    fn from_str(text: &str) -> Result<Self, FleetError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused("has no scheme"))?;
        let (program, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match program {
            "redis" => false,
            "rediss" => true,
            _ => return Err(refused("begins with neither redis nor rediss")),
        };
        if rest.contains('@') {
            return Err(refused("holds a user or password, which belong into files"));
        }
        if rest.contains(['?', '#']) {
            return Err(refused("has options, and there are none"));
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if kind == "sentinel" { 26_379 } else { 6_379 };
        let hosts = hosts.split(',').map(|host| host_and_port(host, port)).collect::<Result<Vec<_>, _>>()?;
        let topology = match kind {
            "" if hosts.len() > 1 => {
                return Err(refused("names many hosts; say redis+sentinel or redis+cluster"));
            }
            "" => Topology::Single { database: database(path)? },
            "cluster" if path.is_empty() => Topology::Cluster,
            "cluster" => return Err(refused("names a database, and a cluster has but one")),
            "sentinel" => {
                let (master, path) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(refused("lacks the name of the master after the hosts"));
                }
                Topology::Sentinel { master: master.to_owned(), database: database(path)? }
            }
            _ => return Err(refused("is neither of one server, nor of Sentinel, nor of a cluster")),
        };
        Ok(Self { hosts, tls, topology })
    }
}

fn host_and_port(text: &str, port: u16) -> Result<(String, u16), FleetError> {
    let url = url::Url::parse(&format!("redis://{text}")).map_err(|_| refused("holds a bad host"))?;
    let host = match url.host() {
        Some(url::Host::Domain(name)) => name.to_owned(),
        Some(url::Host::Ipv4(ip)) => ip.to_string(),
        Some(url::Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(refused("lacks a host")),
    };
    Ok((host, url.port().unwrap_or(port)))
}

fn database(path: &str) -> Result<i64, FleetError> {
    match path {
        "" => Ok(0),
        _ => path.parse::<u16>().map(i64::from).map_err(|_| refused("ends in what is no database")),
    }
}

/// Without the address itself: somebody may have put a password into it.
fn refused(why: &str) -> FleetError {
    FleetError::Refused(format!(
        "its URL {why}; write redis://HOST:PORT, redis+sentinel://HOST:PORT,…/MASTER or redis+cluster://HOST:PORT,…"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().expect(text)
    }

    #[test]
    fn each_topology_has_its_form() {
        let single = address("redis://127.0.0.1:7000/3");
        assert_eq!(single.hosts, [("127.0.0.1".to_owned(), 7_000)]);
        assert_eq!((single.tls, single.topology), (false, Topology::Single { database: 3 }));
        let sentinel = address("rediss+sentinel://a,[::1]:5/main");
        assert_eq!(sentinel.hosts, [("a".to_owned(), 26_379), ("::1".to_owned(), 5)]);
        assert_eq!(
            (sentinel.tls, sentinel.topology),
            (true, Topology::Sentinel { master: "main".to_owned(), database: 0 })
        );
        let cluster = address("redis+cluster://a:1,b");
        assert_eq!(cluster.hosts, [("a".to_owned(), 1), ("b".to_owned(), 6_379)]);
        assert_eq!(cluster.topology, Topology::Cluster);
    }

    #[test]
    fn what_is_wrong_is_said_and_not_repeated() {
        for wrong in [
            "localhost",
            "http://a",
            "redis://",
            "redis://u:secret@a",
            "redis://a,b",
            "redis://a/x",
            "redis://a?secret=1",
            "redis+sentinel://a",
            "redis+cluster://a/1",
            "redis+ring://a",
            "redis://a:secret",
        ] {
            let error = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(error.contains("its URL") && !error.contains("secret"), "{wrong}: {error}");
        }
    }
}
