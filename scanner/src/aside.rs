//! Connections without a session, each to learn one thing about a server's TLS: how its stack answers an unusual
//! hello (T4), and whether it takes a session ticket (T5). Each is paid for with a permit like any other.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use electrum::{
    Endpoint,
    dial::{DialError, Dialer, Route},
    tls::{Hello, Redemption, StackAnswer, Ticket},
};

use crate::ledger::{CONNECTION_COST, Permit};

/// Tickets that wait to be shown to somebody. They are secrets between a server and us: they stay in memory.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<Endpoint, Ticket>>);

impl Tickets {
    /// Whether there is one of this endpoint.
    #[must_use]
    pub fn has(&self, from: &Endpoint) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(from)
    }

    fn take(&self, from: &Endpoint) -> Option<Ticket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(from)
    }

    fn put(&self, from: &Endpoint, ticket: Ticket) {
        if !ticket.is_spent() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(from.clone(), ticket);
        }
    }
}

/// Says an unusual hello.
pub(crate) async fn hello(
    dialer: &Dialer,
    endpoint: &Endpoint,
    route: &Route,
    permit: &mut Permit,
    hello: Hello,
) -> Result<StackAnswer, DialError> {
    pay(permit);
    dialer.tls_stack(endpoint, route, hello).await
}

/// Gets a ticket. Says whether there was one.
pub(crate) async fn ticket(
    dialer: &Dialer,
    endpoint: &Endpoint,
    route: &Route,
    permit: &mut Permit,
    tickets: &Tickets,
) -> Result<bool, DialError> {
    pay(permit);
    let ticket = dialer.tls_ticket(endpoint, route).await?;
    let any = ticket.is_some();
    if let Some(ticket) = ticket {
        tickets.put(endpoint, ticket);
    }
    Ok(any)
}

/// Shows an endpoint the ticket of another, or its own.
pub(crate) async fn redeem(
    dialer: &Dialer,
    endpoint: &Endpoint,
    route: &Route,
    permit: &mut Permit,
    tickets: &Tickets,
    from: &Endpoint,
) -> Result<Redemption, DialError> {
    let Some(mut ticket) = tickets.take(from) else { return Ok(Redemption::NoTicket) };
    pay(permit);
    let redeemed = dialer.tls_redeem(endpoint, route, &mut ticket).await;
    tickets.put(from, ticket);
    redeemed
}

fn pay(permit: &mut Permit) {
    // The first charge of a permit always fits: a budget below it would buy nothing.
    let _ = permit.charge(CONNECTION_COST);
}
