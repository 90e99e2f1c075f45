//! A connection to Redis or Valkey: one server, one behind Sentinel, or a cluster. Runs commands and scripts, and makes
//! the connection again when it broke; repeats nothing by itself, since what was asked may have been done.
//! Users and passwords come from files, which are read at each connecting, and get into no message.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo as _, RedisConnectionInfo, RedisResult, ScriptInvocation, TlsCertificates, TlsMode,
    aio::MultiplexedConnection,
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    FleetError,
    address::{Address, Topology},
    told::{is_broken, told},
};

/// Who we are to Redis, and whom we take it to be.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// A file with the name of the user; none for the default user.
    pub user_file: Option<PathBuf>,
    /// A file with the password; none where Redis wants none.
    pub password_file: Option<PathBuf>,
    /// A file with the certificates, PEM, of those who may certify Redis; none for those whom browsers trust.
    pub ca_file: Option<PathBuf>,
}

/// Redis or Valkey. Clones share a connection.
#[derive(Clone)]
pub struct Redis {
    way: Arc<Way>,
    timeout: Duration,
    link: Arc<Mutex<Link>>,
}

/// The connection there is, or when and why there was none the last time.
#[derive(Default)]
struct Link {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, FleetError)>,
}

struct Way {
    address: Address,
    credentials: Credentials,
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

const CONNECTING: Duration = Duration::from_secs(3);
const ANSWERING: Duration = Duration::from_secs(5);

impl Redis {
    /// Redis at an address, for which see [`Address`]. Connects when it is first asked something.
    ///
    /// # Errors
    ///
    /// [`FleetError::Refused`] where the address is none.
    pub fn open(address: &str, credentials: Credentials) -> Result<Self, FleetError> {
        let way = Way { address: address.parse()?, credentials };
        Ok(Self { way: Arc::new(way), timeout: ANSWERING, link: Arc::default() })
    }

    /// The same Redis over a connection of its own, on which an answer may take so long: for reads that block.
    #[must_use]
    pub fn patient(&self, timeout: Duration) -> Self {
        Self { way: Arc::clone(&self.way), timeout, link: Arc::default() }
    }

    /// Runs a script. It must touch keys of one slot only, and name one of them.
    ///
    /// # Errors
    ///
    /// Every [`FleetError`] but `Backlog`.
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, FleetError> {
        let link = self.link().await?;
        let answer = match link.as_ref().clone() {
            Connection::One(mut one) => script.invoke_async(&mut one).await,
            Connection::Cluster(mut cluster) => script.invoke_async(&mut cluster).await,
        };
        self.judged(&link, answer).await
    }

    /// Does a command.
    ///
    /// # Errors
    ///
    /// Every [`FleetError`] but `Backlog`.
    pub async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, FleetError> {
        let link = self.link().await?;
        let answer = match link.as_ref().clone() {
            Connection::One(mut one) => command.query_async(&mut one).await,
            Connection::Cluster(mut cluster) => command.query_async(&mut cluster).await,
        };
        self.judged(&link, answer).await
    }

    /// Whether it is new enough, and keeps what it is given.
    ///
    /// # Errors
    ///
    /// [`FleetError::Refused`], with what to do, where it is not; every other but `Backlog`.
    pub async fn check(&self) -> Result<(), FleetError> {
        let link = self.link().await?;
        let info = redis::cmd("INFO");
        let answer = match link.as_ref().clone() {
            Connection::One(mut one) => info.query_async::<String>(&mut one).await.map(|text| vec![text]),
            Connection::Cluster(mut cluster) => info
                .query_async::<HashMap<String, String>>(&mut cluster)
                .await
                .map(|nodes| nodes.into_values().collect()),
        };
        self.judged(&link, answer).await?.iter().try_for_each(|node| suitable(node))
    }

    async fn judged<T>(&self, link: &Arc<Connection>, answer: RedisResult<T>) -> Result<T, FleetError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                if is_broken(&error) {
                    let mut kept = self.link.lock().await;
                    if kept.connection.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, link)) {
                        kept.connection = None;
                    }
                }
                Err(told(&error))
            }
        }
    }

    /// The connection there is, or a new one: many may ask, one connects, and where that fails it failed for all who
    /// waited. Otherwise each would wait for all before it, where nobody answers.
    async fn link(&self) -> Result<Arc<Connection>, FleetError> {
        let asked = Instant::now();
        let mut kept = self.link.lock().await;
        if let Some(link) = &kept.connection {
            return Ok(Arc::clone(link));
        }
        if let Some((_, error)) = kept.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let connecting = tokio::time::timeout(CONNECTING, self.way.connect(self.timeout)).await;
        match connecting.unwrap_or_else(|_| Err(FleetError::Away("nobody answers in 3 s".to_owned()))) {
            Ok(connection) => {
                let link = Arc::new(connection);
                kept.connection = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                kept.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl Way {
    async fn connect(&self, timeout: Duration) -> Result<Connection, FleetError> {
        let user = self.credentials.user_file.as_deref().map(read).transpose()?;
        let password = self.credentials.password_file.as_deref().map(read).transpose()?;
        let root = self.credentials.ca_file.as_deref().map(read).transpose()?.map(String::into_bytes);
        let certificates = TlsCertificates { client_tls: None, root_cert: root };
        let single = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(timeout));
        match &self.address.topology {
            Topology::Single { database } => {
                let settings = settings(user.as_deref(), password.as_deref()).set_db(*database);
                let address = self
                    .addresses()
                    .next()
                    .ok_or_else(|| FleetError::Refused("it has no host".to_owned()))?;
                let info = information(address, settings)?;
                let client = if self.address.tls {
                    Client::build_with_tls(info, certificates)
                } else {
                    Client::open(info)
                };
                let client = client.map_err(|e| told(&e))?;
                let one = client.get_multiplexed_async_connection_with_config(&single).await;
                one.map(Connection::One).map_err(|e| told(&e))
            }
            Topology::Sentinel { master, database } => {
                let builder =
                    SentinelClientBuilder::new(self.addresses(), master, SentinelServerType::Master);
                let mut builder = builder.map_err(|e| told(&e))?.set_client_to_redis_db(*database);
                if let Some(user) = user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if self.address.tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates);
                }
                let mut client = builder.build().map_err(|e| told(&e))?;
                let one = client.get_async_connection_with_config(&single).await;
                one.map(Connection::One).map_err(|e| told(&e))
            }
            Topology::Cluster => {
                let settings = settings(user.as_deref(), password.as_deref());
                let nodes = self.addresses().map(|address| information(address, settings.clone()));
                let mut builder = ClusterClientBuilder::new(nodes.collect::<Result<Vec<_>, _>>()?)
                    .connection_timeout(CONNECTING)
                    .response_timeout(timeout)
                    .retries(1);
                if self.address.tls {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                let client = builder.build().map_err(|e| told(&e))?;
                client.get_async_connection().await.map(Connection::Cluster).map_err(|e| told(&e))
            }
        }
    }

    fn addresses(&self) -> impl Iterator<Item = ConnectionAddr> {
        self.address.hosts.iter().cloned().map(|(host, port)| {
            if self.address.tls {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host, port)
            }
        })
    }
}

fn settings(user: Option<&str>, password: Option<&str>) -> RedisConnectionInfo {
    let settings = RedisConnectionInfo::default();
    let settings = user.into_iter().fold(settings, RedisConnectionInfo::set_username);
    password.into_iter().fold(settings, RedisConnectionInfo::set_password)
}

fn information(address: ConnectionAddr, settings: RedisConnectionInfo) -> Result<ConnectionInfo, FleetError> {
    Ok(address.into_connection_info().map_err(|e| told(&e))?.set_redis_settings(settings))
}

fn read(path: &Path) -> Result<String, FleetError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(FleetError::Stranger(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// What INFO says of a node.
fn suitable(info: &str) -> Result<(), FleetError> {
    let value = |name: &str| {
        info.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    };
    let version = value("redis_version").unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    if (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < (6, 2) {
        return Err(FleetError::Refused(format!(
            "it is version {version:?}; at least 6.2 is needed, or Valkey"
        )));
    }
    match value("maxmemory_policy") {
        Some("noeviction") => Ok(()),
        policy => Err(FleetError::Refused(format!(
            "it may throw away what it is given (maxmemory-policy {}); set maxmemory-policy noeviction",
            policy.unwrap_or("unknown"),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_nobody_answers_all_who_wait_are_told_so_at_once() {
        let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("redis://{}", mute.local_addr().expect("its address"));
        let redis = Redis::open(&address, Credentials::default()).expect("an address");
        let began = Instant::now();
        let ping = redis::cmd("PING");
        let asking = (0..20).map(|_| redis.call::<String>(&ping));
        for answer in futures_util::future::join_all(asking).await {
            let error = answer.expect_err("nobody answers");
            assert!(matches!(error, FleetError::Away(_)), "{error}");
        }
        // One waits for an answer in vain, and in the worst case a second one that asked in the meantime.
        assert!(began.elapsed() < 3 * CONNECTING, "{:?}", began.elapsed());
    }

    #[test]
    fn old_versions_and_eviction_are_refused() {
        let info = |version: &str, policy: &str| {
            suitable(&format!(
                "# Server\r\nredis_version:{version}\r\n\r\n# Memory\r\nmaxmemory_policy:{policy}\r\n"
            ))
        };
        info("6.2.0", "noeviction").expect("new enough");
        info("7.2.4", "noeviction").expect("what Valkey calls itself");
        assert!(info("6.0.16", "noeviction").expect_err("old").to_string().contains("6.2"));
        assert!(
            info("7.0.15", "allkeys-lru")
                .expect_err("evicts")
                .to_string()
                .contains("set maxmemory-policy noeviction")
        );
        suitable("").expect_err("says nothing");
    }
}
