//! Accepting for many listeners at once.
//!
//! While a server is down its listeners are closed, so that connections are refused as they are by a machine without
//! one, and they are bound anew when it is back. What a listener holds is closed with it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tracing::debug;

use super::{Clock, Endpoint, Presence, Tenant, Transport, connection, distance::Distant};
use crate::{SimTime, chance::mixed};

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
    address: SocketAddr,
    /// None while the server is down.
    listener: Option<TcpListener>,
    transport: Transport,
    server: Arc<dyn Tenant>,
}

/// Somebody who came through a door, which stays as it is until a moment.
struct Guest {
    stream: TcpStream,
    from: SocketAddr,
    until: Option<SimTime>,
}

/// Listens at all endpoints, and serves whoever comes.
///
/// # Errors
/// [`ServeError`] for the first endpoint at which that is impossible; then nobody listens anywhere.
pub fn listen(endpoints: Vec<Endpoint>, clock: Clock) -> Result<Listening, ServeError> {
    let doors: Result<Vec<Door>, ServeError> =
        endpoints.into_iter().map(|endpoint| open(endpoint, clock.now())).collect();
    let doors = doors?;
    let addresses = doors.iter().map(|door| door.address).collect();
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

fn open(endpoint: Endpoint, now: SimTime) -> Result<Door, ServeError> {
    let Endpoint { address, transport, server } = endpoint;
    let mut door = Door { address, listener: None, transport, server };
    if door.server.presence(now).up {
        door.bind().map_err(|error| ServeError { address, error })?;
    }
    Ok(door)
}

impl Door {
    fn bind(&mut self) -> io::Result<()> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        let listener = socket.listen(BACKLOG)?;
        self.address = listener.local_addr()?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Waits for somebody to come. None where the server goes down or comes back first.
    async fn admit(&mut self, clock: Clock) -> io::Result<Option<Guest>> {
        let Presence { up, until } = self.server.presence(clock.now());
        if !up {
            self.listener = None;
            wait(clock, until).await;
            return Ok(None);
        }
        if self.listener.is_none() {
            self.bind()?;
        }
        let Some(listener) = &self.listener else { return Ok(None) };
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, from) = accepted?;
                Ok(Some(Guest { stream, from, until }))
            }
            () = wait(clock, until), if until.is_some() => Ok(None),
        }
    }

    /// Serves somebody as long as the server stays what it is.
    fn serve(&self, guest: Guest, clock: Clock) -> Option<impl Future<Output = ()> + Send + 'static> {
        let now = clock.now();
        let server = Arc::new(self.server.answering(self.address.ip(), now)?);
        let draw = mixed(now.as_millis(), guest.from.port().into());
        let stream = Distant::new(guest.stream, Arc::clone(&self.server), clock, draw);
        let served = connection::serve(stream, self.transport.clone(), server, clock);
        Some(async move {
            tokio::select! {
                () = served => {}
                () = wait(clock, guest.until) => {}
            }
        })
    }
}

/// Waits for a moment of the world; without one, for ever.
async fn wait(clock: Clock, moment: Option<SimTime>) {
    match moment {
        Some(moment) => tokio::time::sleep(clock.until(moment)).await,
        None => std::future::pending().await,
    }
}

async fn accept(doors: Vec<Door>, clock: Clock, mut stopped: watch::Receiver<()>) {
    let mut waiting: FuturesUnordered<_> = doors.into_iter().map(|door| knock(door, clock)).collect();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Only the end of the sender is ever seen.
            _ = stopped.changed() => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            Some((door, knocked)) = waiting.next() => {
                match knocked {
                    Ok(Some(guest)) => if let Some(served) = door.serve(guest, clock) {
                        connections.spawn(served);
                    },
                    Ok(None) => {}
                    Err(error) => debug!(%error, "cannot accept"),
                }
                waiting.push(knock(door, clock));
            }
        }
    }
}

async fn knock(mut door: Door, clock: Clock) -> (Door, io::Result<Option<Guest>>) {
    let knocked = door.admit(clock).await;
    if knocked.is_err() {
        tokio::time::sleep(REST).await;
    }
    (door, knocked)
}
