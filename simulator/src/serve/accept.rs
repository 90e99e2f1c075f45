//! Accepting for many listeners at once.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tracing::debug;

use super::{Clock, Endpoint, Server, Transport, connection};

/// Tasks that accept.
const ACCEPTORS: usize = 4;
/// Connections that may wait to be accepted, for each listener.
const BACKLOG: u32 = 128;
/// How long a listener rests after it could not accept, which is where file descriptors ran out.
const REST: Duration = Duration::from_millis(100);

/// An endpoint at which nobody can listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {error}")]
pub struct ServeError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

/// Endpoints that are listening. Dropping this closes them and all their connections.
#[derive(Debug)]
pub struct Listening {
    addresses: Vec<SocketAddr>,
    _stop: watch::Sender<()>,
}

impl Listening {
    /// The addresses, in the order of the endpoints.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

struct Door {
    listener: TcpListener,
    transport: Transport,
    server: Arc<Server>,
}

/// Listens at all endpoints, and serves whoever comes.
///
/// # Errors
/// [`ServeError`] for the first endpoint at which that is impossible; then nobody listens anywhere.
pub fn listen(endpoints: Vec<Endpoint>, clock: Clock) -> Result<Listening, ServeError> {
    let doors: Result<Vec<Door>, ServeError> = endpoints.into_iter().map(open).collect();
    let doors = doors?;
    let address =
        |door: &Door| door.listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let addresses = doors.iter().map(address).collect();
    let (stop, stopped) = watch::channel(());
    let mut shares: Vec<Vec<Door>> = (0..ACCEPTORS).map(|_| Vec::new()).collect();
    for (place, door) in doors.into_iter().enumerate() {
        shares[place % ACCEPTORS].push(door);
    }
    for share in shares.into_iter().filter(|share| !share.is_empty()) {
        tokio::spawn(accept(share, clock, stopped.clone()));
    }
    Ok(Listening { addresses, _stop: stop })
}

fn open(endpoint: Endpoint) -> Result<Door, ServeError> {
    let Endpoint { address, transport, server } = endpoint;
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let listener = bind().map_err(|error| ServeError { address, error })?;
    Ok(Door { listener, transport, server })
}

async fn accept(doors: Vec<Door>, clock: Clock, mut stopped: watch::Receiver<()>) {
    let mut waiting: FuturesUnordered<_> = doors.into_iter().map(knock).collect();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Only the end of the sender is ever seen.
            _ = stopped.changed() => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            Some((door, knocked)) = waiting.next() => {
                match knocked {
                    Ok(stream) => {
                        let server = Arc::clone(&door.server);
                        connections.spawn(connection::serve(stream, door.transport.clone(), server, clock));
                    }
                    Err(error) => debug!(%error, "cannot accept"),
                }
                waiting.push(knock(door));
            }
        }
    }
}

async fn knock(door: Door) -> (Door, io::Result<TcpStream>) {
    let knocked = door.listener.accept().await.map(|(stream, _)| stream);
    if knocked.is_err() {
        tokio::time::sleep(REST).await;
    }
    (door, knocked)
}
