//! From an endpoint to an open session: resolve once, check, dial that very address.
//!
//! The only way to a connection is a [`Route`], and the only way to a route is through the guard, so
//! no code path can dial an address that was not checked. Nothing here retries or decides when.

mod aside;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_socks::tcp::Socks5Stream;
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{self, protocol::WebSocketConfig},
};
use url::Url;

use crate::{
    endpoint::{Endpoint, Host, Transport},
    guard::{Forbidden, Guard},
    limits::Limits,
    meter::{Meter, Metered},
    names::{NameError, Names},
    session::{BoxStream, Channel, Lines, Session, SessionError},
    tls,
};

/// A SOCKS5 proxy. Names, onions among them, are resolved by the proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

/// The text is no proxy.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a SOCKS5 proxy: write socks5://host:port or socks5://user:password@host:port")]
pub struct ProxyError(String);

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ProxyError(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        let (Some(host), Some(port), "socks5" | "socks5h") = (url.host_str(), url.port(), url.scheme())
        else {
            return Err(refused());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let login = url.password().map(|password| (url.username().to_owned(), password.to_owned()));
        Ok(Self { host, port, login })
    }
}

impl fmt::Debug for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socks5://{}:{}", self.host, self.port)
    }
}

/// A way to a host that passed the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    host: Host,
    /// None where a proxy finds the way.
    address: Option<IpAddr>,
}

impl Route {
    /// The address that will be dialled; none through a proxy.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == (self == Self::V4)
    }
}

/// Where a host leads.
#[derive(Debug)]
pub struct Resolved {
    /// Every address of the name.
    pub addresses: Vec<IpAddr>,
    /// How long the look-up took, where there was one.
    pub elapsed: Option<Duration>,
    /// The way to go, if there is an admissible one.
    pub route: Result<Route, RouteError>,
}

/// Why there is no way to a host.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteError {
    /// The guard refuses every address.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// The name gives no address.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its operator does not want to be visited.
    #[error("excluded")]
    Excluded,
    /// An onion, and no proxy.
    #[error("an onion needs a Tor proxy (--proxy socks5://127.0.0.1:9050)")]
    OnionWithoutProxy,
}

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The port is closed.
    #[error("connection refused")]
    Refused,
    /// The connection was reset before it could be used.
    #[error("connection reset")]
    Reset,
    /// No connection in time, or no route.
    #[error("{0}")]
    Unreachable(String),
    /// The proxy failed, or could not reach the server.
    #[error("proxy: {0}")]
    Proxy(String),
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// No complete handshake in time.
    #[error("no complete {0} handshake in time")]
    OutOfTime(&'static str),
    /// The WebSocket upgrade failed.
    #[error(transparent)]
    WebSocket(SessionError),
}

/// What came of dialling: the facts of each phase that was reached, and a session if all went well.
#[derive(Debug)]
pub struct Dialled {
    /// Time of the TCP or SOCKS connect.
    pub connect: Option<Duration>,
    /// Time of the TLS handshake.
    pub tls_handshake: Option<Duration>,
    /// Time of the WebSocket upgrade.
    pub websocket: Option<Duration>,
    /// What TLS showed.
    pub tls: Option<tls::Facts>,
    /// Bytes over the socket.
    pub meter: Meter,
    /// The session.
    pub session: Result<Session, DialError>,
}

/// Dials endpoints.
#[derive(Clone, Debug)]
pub struct Dialer {
    names: Names,
    guard: Guard,
    proxy: Option<Proxy>,
    tls: tls::Connector,
    limits: Limits,
}

impl Dialer {
    /// Puts the parts together.
    #[must_use]
    pub fn new(names: Names, guard: Guard, proxy: Option<Proxy>, limits: Limits) -> Self {
        Self { names, guard, proxy, tls: tls::Connector::new(), limits }
    }

    /// The limits of a usual session, and of everything else that is done here.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The guard that every route has passed.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// Finds the way to a host: one look-up, of which the first address that passes the guard counts.
    pub async fn resolve(&self, host: &Host) -> Resolved {
        self.resolve_within(host, None).await
    }

    /// The same, where of a name that has addresses of both families only one family counts.
    pub async fn resolve_within(&self, host: &Host, family: Option<Family>) -> Resolved {
        let without_lookup = |route| Resolved { addresses: Vec::new(), elapsed: None, route };
        let route = |address| Route { host: host.clone(), address };
        match host {
            Host::Address(ip) => {
                let address = self.proxy.is_none().then_some(*ip);
                without_lookup(self.guard.check(*ip).map(|()| route(address)).map_err(RouteError::from))
            }
            Host::Onion(_) if self.proxy.is_none() => without_lookup(Err(RouteError::OnionWithoutProxy)),
            Host::Onion(_) => without_lookup(Ok(route(None))),
            Host::Name(name) if self.proxy.is_some() => {
                let checked = self.guard.check_name(name.as_str());
                without_lookup(checked.map(|()| route(None)).map_err(RouteError::from))
            }
            Host::Name(name) => {
                let started = Instant::now();
                let answer = tokio::time::timeout(self.limits.connect, self.names.addresses(name))
                    .await
                    .unwrap_or_else(|_| Err(NameError::Lookup("no answer in time".to_owned())));
                let elapsed = Some(started.elapsed());
                match answer {
                    Ok(addresses) => {
                        let eligible = addresses.iter().filter(|ip| family.is_none_or(|f| f.has(**ip)));
                        let chosen = self.first_admissible(eligible).map(|ip| route(Some(ip)));
                        Resolved { addresses, elapsed, route: chosen }
                    }
                    Err(error) => Resolved { addresses: Vec::new(), elapsed, route: Err(error.into()) },
                }
            }
        }
    }

    fn first_admissible<'a>(
        &self,
        addresses: impl Iterator<Item = &'a IpAddr>,
    ) -> Result<IpAddr, RouteError> {
        let mut refused = RouteError::Name(NameError::NoAddress);
        for ip in addresses {
            match self.guard.check(*ip) {
                Ok(()) => return Ok(*ip),
                Err(reason) => refused = reason.into(),
            }
        }
        Err(refused)
    }

    /// The name that the route's address claims for itself.
    pub async fn pointer(&self, route: &Route) -> Option<String> {
        let address = route.address?;
        let lookup = self.names.pointer(address);
        let name = tokio::time::timeout(Duration::from_secs(3), lookup).await.ok()??;
        Some(name.as_str().to_owned())
    }

    /// Opens a session with an endpoint of the route's host, within limits.
    pub async fn dial(&self, endpoint: &Endpoint, route: &Route, limits: &Limits) -> Dialled {
        let started = Instant::now();
        let meter = Meter::default();
        let mut dialled = Dialled {
            connect: None,
            tls_handshake: None,
            websocket: None,
            tls: None,
            meter: meter.clone(),
            session: Err(DialError::Refused),
        };
        dialled.session = match self.connect(endpoint, route, limits).await {
            Err(error) => Err(error),
            Ok(socket) => {
                dialled.connect = Some(started.elapsed());
                let stream = Metered::new(socket, meter, limits.bytes);
                self.open(endpoint, stream, started + limits.visit, limits, &mut dialled).await
            }
        };
        dialled
    }

    async fn connect(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        limits: &Limits,
    ) -> Result<TcpStream, DialError> {
        let deadline = Instant::now() + limits.connect;
        let port = endpoint.port.get();
        let socket = match (&self.proxy, route.address) {
            (None, Some(ip)) => timeout_at(deadline, TcpStream::connect(SocketAddr::new(ip, port)))
                .await
                .map_err(|_| DialError::Unreachable("no connection in time".to_owned()))?
                .map_err(|e| match e.kind() {
                    io::ErrorKind::ConnectionRefused => DialError::Refused,
                    io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => DialError::Reset,
                    kind => DialError::Unreachable(kind.to_string()),
                })?,
            (Some(proxy), _) => timeout_at(deadline, proxy.connect(&route.host, port))
                .await
                .map_err(|_| DialError::Proxy("no connection in time".to_owned()))?
                .map_err(|e| DialError::Proxy(e.to_string()))?,
            // Routes without an address are made for a proxy only.
            (None, None) => return Err(DialError::Proxy("no proxy".to_owned())),
        };
        // Best effort: without it a pipelined request may wait for an acknowledgement.
        let _ = socket.set_nodelay(true);
        Ok(socket)
    }

    async fn open(
        &self,
        endpoint: &Endpoint,
        stream: Metered<TcpStream>,
        deadline: Instant,
        limits: &Limits,
        dialled: &mut Dialled,
    ) -> Result<Session, DialError> {
        let mut stream: BoxStream = Box::new(stream);
        if endpoint.transport.is_encrypted() {
            let began = Instant::now();
            let handshake = self.tls.connect(&endpoint.host, stream);
            let (facts, encrypted) = timeout_at(began + limits.connect, handshake)
                .await
                .map_err(|_| DialError::OutOfTime("TLS"))?;
            dialled.tls = facts;
            stream = Box::new(encrypted?);
            dialled.tls_handshake = Some(began.elapsed());
        }
        let channel = match endpoint.transport {
            Transport::Tcp | Transport::Tls => Channel::Lines(Lines::new(stream)),
            Transport::Ws | Transport::Wss => {
                let began = Instant::now();
                let upgraded = timeout_at(began + limits.connect, Self::upgrade(endpoint, stream, limits))
                    .await
                    .map_err(|_| DialError::OutOfTime("WebSocket"))?
                    .map_err(|e| DialError::WebSocket(e.into()))?;
                dialled.websocket = Some(began.elapsed());
                Channel::Messages(Box::new(upgraded))
            }
        };
        Ok(Session::new(channel, *limits, deadline))
    }

    async fn upgrade(
        endpoint: &Endpoint,
        stream: BoxStream,
        limits: &Limits,
    ) -> Result<tokio_tungstenite::WebSocketStream<BoxStream>, tungstenite::Error> {
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .max_message_size(Some(limits.line))
            .max_frame_size(Some(limits.line));
        let (socket, _) = client_async_with_config(format!("{endpoint}/"), stream, Some(config)).await?;
        Ok(socket)
    }
}

impl Proxy {
    async fn connect(&self, host: &Host, port: u16) -> Result<TcpStream, tokio_socks::Error> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let host = host.to_string();
        let target = (host.as_str(), port);
        let connected = match &self.login {
            None => Socks5Stream::connect_with_socket(socket, target).await?,
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(socket, target, user, password).await?
            }
        };
        Ok(connected.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_never_show_their_password() {
        let proxy: Proxy = "socks5://me:secret@127.0.0.1:9050".parse().expect("a proxy");
        assert_eq!(format!("{proxy:?}"), "socks5://127.0.0.1:9050");
        assert_eq!(proxy.login, Some(("me".to_owned(), "secret".to_owned())));
        for text in ["127.0.0.1:9050", "http://127.0.0.1:9050", "socks5://host", ""] {
            assert!(text.parse::<Proxy>().is_err(), "{text}");
        }
    }
}
