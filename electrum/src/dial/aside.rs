//! Connections beside the session, each to learn one thing about a server's TLS. Every call but one that
//! says otherwise opens one connection, which costs the server as much as any other.

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{DialError, Dialer, Route};
use crate::{
    Endpoint,
    meter::{Meter, Metered},
    tls,
};

impl Dialer {
    /// Asks an endpoint what TLS it speaks, with a hello so old that every server understands it. For
    /// servers with which [`Dialer::dial`] found no common ground.
    ///
    /// # Errors
    /// [`DialError`], or what the server said instead.
    pub async fn tls_offer(
        &self,
        endpoint: &Endpoint,
        route: &Route,
    ) -> Result<Result<tls::Offer, tls::OfferError>, DialError> {
        let stream = self.stream(endpoint, route).await?;
        self.in_time(tls::offer(&endpoint.host, stream)).await
    }

    /// Says an unusual hello to an endpoint and notes the answer.
    ///
    /// # Errors
    /// [`DialError`] if there is no connection, or no answer in time.
    pub async fn tls_stack(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        hello: tls::Hello,
    ) -> Result<tls::StackAnswer, DialError> {
        let stream = self.stream(endpoint, route).await?;
        self.in_time(tls::stack(hello, &endpoint.host, stream)).await
    }

    /// Gets a session ticket from an endpoint; none if it gives none.
    ///
    /// # Errors
    /// [`DialError`] if there is no connection, or no complete handshake in time.
    pub async fn tls_ticket(
        &self,
        endpoint: &Endpoint,
        route: &Route,
    ) -> Result<Option<tls::Ticket>, DialError> {
        let stream = self.stream(endpoint, route).await?;
        Ok(self.in_time(self.tls.ticket(stream)).await??)
    }

    /// Offers a ticket to an endpoint, be it the one that gave it or another. Does not connect if the
    /// ticket is spent.
    ///
    /// # Errors
    /// [`DialError`] if there is no connection, or no complete handshake in time; neither says anything
    /// about the ticket.
    pub async fn tls_redeem(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        ticket: &mut tls::Ticket,
    ) -> Result<tls::Redemption, DialError> {
        if ticket.is_spent() {
            return Ok(tls::Redemption::NoTicket);
        }
        let stream = self.stream(endpoint, route).await?;
        Ok(self.in_time(ticket.redeem(stream)).await??)
    }

    async fn stream(&self, endpoint: &Endpoint, route: &Route) -> Result<Metered<TcpStream>, DialError> {
        let socket = self.connect(endpoint, route, &self.limits).await?;
        Ok(Metered::new(socket, Meter::default(), self.limits.bytes))
    }

    async fn in_time<T>(&self, talk: impl Future<Output = T>) -> Result<T, DialError> {
        let deadline = Instant::now() + self.limits.connect;
        timeout_at(deadline, talk).await.map_err(|_| DialError::OutOfTime("TLS"))
    }
}
