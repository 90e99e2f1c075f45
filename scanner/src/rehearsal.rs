//! Visits to servers within the process: the agendas, the courses and the records of a scan, and no network. For
//! simulations, which then write the visits that a scan would have written.
//!
//! There is nobody to be polite to, so each visit has a ledger of its own; what it may spend is the same.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use electrum::{Endpoint, limits::Limits, meter::Meter, session::Session, tls};
use jiff::Timestamp;
use model::{Outcome, Visit, visit::Timings};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    agenda::Agenda,
    caller::{Caller, Listening},
    conversation::{Conversation, Scope, traffic},
    course::Course,
    gate::Gate,
    ledger::{CONNECTION_COST, Ledger, Politeness},
    objects::Objects,
    visit::Visited,
};

/// A connection that was opened without a network.
#[derive(Debug)]
pub struct Connection<S> {
    /// What carries lines to the server and back.
    pub stream: S,
    /// The server's address.
    pub peer: SocketAddr,
    /// What its handshake would have shown.
    pub tls: Option<tls::Facts>,
    /// How long it takes to the server and back.
    pub round_trip: Duration,
}

/// How far one gets on the way to a server.
#[derive(Debug)]
pub enum Reached<S> {
    /// Its name has no address any more.
    NoAddress,
    /// Nobody listens.
    Nobody,
    /// The server.
    Server(Connection<S>),
}

/// Where a visit goes, and when.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What its name resolves to; empty for an address.
    pub addresses: BTreeSet<IpAddr>,
    /// When it begins, by the calendar of the simulated world.
    pub at: Timestamp,
    /// Decides the ids of the requests.
    pub lot: u32,
}

/// Visits a server, as far as one gets.
pub async fn visit<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    caller: &Caller,
    goal: Goal,
    agenda: &Agenda,
    reached: Reached<S>,
) -> Visited {
    let Goal { endpoint, addresses, at, lot } = goal;
    let mut visit = caller.begin(endpoint, agenda, at);
    visit.resolution.addresses = addresses;
    let (course, objects) = match reached {
        Reached::NoAddress => {
            (Course::new(Outcome::NameUnresolved, "the name has no such address".to_owned()), None)
        }
        Reached::Nobody => (Course::new(Outcome::ConnectionRefused, "connection refused".to_owned()), None),
        Reached::Server(connection) => converse(caller, &mut visit, agenda, lot, connection).await,
    };
    visit.outcome = course.outcome;
    visit.detail = course.detail;
    Visited { visit, peers: course.peers, features: course.features, objects }
}

async fn converse<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    caller: &Caller,
    visit: &mut Visit,
    agenda: &Agenda,
    lot: u32,
    connection: Connection<S>,
) -> (Course, Option<Objects>) {
    let Connection { stream, peer, tls, round_trip } = connection;
    let began = Instant::now();
    let ledger = Ledger::new(Politeness::default());
    let host = visit.endpoint.host.clone();
    let permitted = ledger.permit(&host, Some(peer.ip()), agenda.class(), began);
    // A new ledger permits what comes first, and the first charge fits.
    let Some(permit) = permitted.ok().and_then(|mut permit| permit.charge(CONNECTION_COST).then_some(permit))
    else {
        return (Course::new(Outcome::Unreachable, None), None);
    };
    tokio::time::sleep(round_trip).await;
    let connected = began.elapsed();
    if tls.is_some() {
        tokio::time::sleep(round_trip).await;
    }
    let shaken = tls.is_some().then(|| (began.elapsed() - connected).into());
    let scope = Scope::of(agenda, began, Limits::default(), lot);
    let meter = Meter::default();
    let session = Session::over(stream, meter.clone(), scope.limits);
    let conversation = Conversation::over(session, permit, scope);
    visit.peer = Some(peer);
    visit.tls = tls;
    let gate = Gate::new(1);
    let listening = Listening { place: None, gate: &gate };
    let ended = caller.converse(conversation, visit, agenda, began, listening).await;
    let Timings { first_byte, .. } = visit.timings;
    let total = began.elapsed().into();
    visit.timings =
        Timings { connect: Some(connected.into()), tls: shaken, first_byte, total, ..Timings::default() };
    visit.traffic = traffic(&meter);
    ended
}
