//! Session tickets: a secret that one server gives us, to see whether another knows it too.
//!
//! A server seals the state of a session into a ticket with a key of its own. Who can open the ticket has
//! that key, or the same memory: one process behind two names, one configuration on two machines. The
//! converse does not hold, since some servers open only what was sealed for the same certificate.
//!
//! rustls binds tickets to the name, the verifier and the configuration they came with, so that none is
//! ever shown to a stranger. Showing it to a stranger is the whole point here: a [`Ticket`] keeps its
//! configuration, and no name is sent to either server. Tickets stay in memory and are written nowhere.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{
    ClientConfig, HandshakeKind, NamedGroup,
    client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::{ServerName, UnixTime},
    time_provider::TimeProvider,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Connector, TlsError, nameless, verifier::Record};

/// How long we wait for a ticket after a handshake of TLS 1.3, and for a server to take our goodbye.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long after the first ticket another may come.
const SIBLINGS: Duration = Duration::from_millis(200);

/// Tickets of one handshake that are kept; servers send one or two.
const MAX_TICKETS: usize = 4;

/// What became of a ticket at some server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redemption {
    /// The server opened it and went on with the session: it shares the key, or the memory, with the
    /// server that gave it.
    Resumed,
    /// It was offered, and the server made a new session instead. It means something only if the server
    /// that gave the ticket still takes one of the same handshake.
    Refused,
    /// There was none left to offer.
    NoTicket,
}

/// What one server gave us to resume a session with. TLS 1.3 gives tickets for one use each, often two.
pub struct Ticket {
    config: Arc<ClientConfig>,
    record: Record,
    wallet: Arc<Wallet>,
}

impl Ticket {
    /// Whether there is nothing left to offer.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        let held = self.wallet.lock();
        held.tls12.is_none() && held.tls13.is_empty()
    }
}

impl fmt::Debug for Ticket {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("spent", &self.is_spent()).finish_non_exhaustive()
    }
}

impl Connector {
    /// Shakes hands for the sake of a ticket; none if the server gives none within two seconds.
    pub(crate) async fn ticket<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
    ) -> Result<Option<Ticket>, TlsError> {
        let record = Record::default();
        let wallet = Arc::new(Wallet::default());
        let mut config = self.config(record.clone()).map_err(|error| TlsError::from(&error))?;
        config.resumption = Resumption::store(wallet.clone());
        config.time_provider = Arc::new(Stopped(UnixTime::now()));
        let mut ticket = Ticket { config: Arc::new(config), record, wallet };
        let mut stream = ticket.connect(stream).await?;
        ticket.wait(&mut stream).await;
        ticket.wallet.lock().closed = true;
        goodbye(stream).await;
        Ok((!ticket.is_spent()).then_some(ticket))
    }
}

impl Ticket {
    /// Offers the ticket, which must not be spent, to whoever is at the other end.
    pub(crate) async fn redeem<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        stream: S,
    ) -> Result<Redemption, TlsError> {
        let stream = self.connect(stream).await?;
        let resumed = match stream.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Resumed) => Redemption::Resumed,
            _ => Redemption::Refused,
        };
        goodbye(stream).await;
        Ok(resumed)
    }

    async fn connect<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        stream: S,
    ) -> Result<TlsStream<S>, TlsError> {
        let connected = TlsConnector::from(self.config.clone()).connect(nameless(), stream).await;
        let recorded = std::mem::take(&mut *self.record.lock());
        connected.map_err(|error| recorded.refusal.unwrap_or_else(|| error.into()))
    }

    /// TLS 1.3 sends tickets when the handshake is over, amidst the data.
    async fn wait<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut TlsStream<S>) {
        let mut reading = pin!(async {
            let mut unasked = [0; 1024];
            while stream.read(&mut unasked).await.is_ok_and(|read| read > 0) {}
        });
        let arrival = async {
            tokio::select! {
                () = self.wallet.filled.notified() => true,
                () = &mut reading => false,
            }
        };
        // Whether any came is seen in the wallet.
        if timeout(PATIENCE, arrival).await == Ok(true) {
            let _ = timeout(SIBLINGS, reading).await;
        }
    }
}

async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(mut stream: TlsStream<S>) {
    // Of no interest: the server may be gone.
    let _ = timeout(PATIENCE, stream.shutdown()).await;
}

/// The tickets of one handshake. rustls puts them in and takes them out.
#[derive(Debug, Default)]
struct Wallet {
    held: Mutex<Held>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Held {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Vec<Tls13ClientSessionValue>,
    /// Whether nothing more may come in: tickets from where this one is redeemed are not what it is about.
    closed: bool,
}

impl Wallet {
    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it holds the lock; if it did, the tickets are still good.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, put: impl FnOnce(&mut Held)) {
        let mut held = self.lock();
        if !held.closed {
            put(&mut held);
            self.filled.notify_one();
        }
    }
}

impl ClientSessionStore for Wallet {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.put(|held| held.tls12 = Some(session));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.lock().tls12.clone()
    }

    /// rustls forgets a session that did one server no good. It may still be good for another.
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.put(|held| {
            if held.tls13.len() < MAX_TICKETS {
                held.tls13.push(ticket);
            }
        });
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().tls13.pop()
    }
}

/// A clock that stands still: rustls does not offer an expired ticket and does not say so. Here the
/// server decides, and the control shows whether it still takes its own.
#[derive(Debug)]
struct Stopped(UnixTime);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}
