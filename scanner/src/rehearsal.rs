//! Visits to servers within the process: the agendas, the courses and the records of a scan, and no network. For
//! simulations, which then write the visits that a scan would have written.
//!
//! There is nobody to be polite to, so each visit has a ledger of its own; what it may spend is the same.

use std::{net::SocketAddr, time::Duration};

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

/// Visits a server over a connection; none stands for a server that is not there. The visit began at a time of the
/// simulated world; `lot` decides the ids of its requests.
pub async fn visit<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    caller: &Caller,
    endpoint: &Endpoint,
    agenda: &Agenda,
    at: Timestamp,
    lot: u32,
    connection: Option<Connection<S>>,
) -> Visited {
    let mut visit = caller.begin(endpoint.clone(), agenda, at);
    let (course, objects) = match connection {
        None => (Course::new(Outcome::ConnectionRefused, "connection refused".to_owned()), None),
        Some(connection) => converse(caller, &mut visit, agenda, lot, connection).await,
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
