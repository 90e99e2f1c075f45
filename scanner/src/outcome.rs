//! Which outcome each kind of failure is. Total functions over closed error types: a new error does not
//! compile until it has an outcome.

use electrum::{
    dial::{DialError, RouteError},
    message::MessageError,
    session::SessionError,
    tls::TlsError,
};
use model::Outcome;

/// The outcome where there is no way to a host.
#[must_use]
pub fn of_route(error: &RouteError) -> Outcome {
    match error {
        RouteError::Forbidden(_) | RouteError::Excluded | RouteError::OnionWithoutProxy => {
            Outcome::AddressRefused
        }
        RouteError::Name(_) => Outcome::NameUnresolved,
    }
}

/// The outcome where no session came about.
#[must_use]
pub fn of_dial(error: &DialError) -> Outcome {
    match error {
        DialError::Refused => Outcome::ConnectionRefused,
        DialError::Reset => Outcome::Closed,
        DialError::Unreachable(_) => Outcome::Unreachable,
        DialError::Proxy(_) => Outcome::ProxyFailed,
        DialError::Tls(TlsError::TooLarge | TlsError::TooManyBytes(_)) => Outcome::LimitExceeded,
        DialError::Tls(_) => Outcome::TlsFailed,
        DialError::OutOfTime(_) => Outcome::TimedOut,
        DialError::WebSocket(error) => of_session(error),
    }
}

/// The outcome where a session ended before its time.
#[must_use]
pub fn of_session(error: &SessionError) -> Outcome {
    match error {
        SessionError::Closed | SessionError::Broken(_) => Outcome::Closed,
        SessionError::OutOfTime => Outcome::TimedOut,
        SessionError::LineTooLong(_)
        | SessionError::TooManyBytes(_)
        | SessionError::TooManyUnasked(_)
        | SessionError::Message(MessageError::TooDeep(_)) => Outcome::LimitExceeded,
        SessionError::Message(MessageError::NotUtf8 | MessageError::NotJsonRpc(_))
        | SessionError::WebSocket(_) => Outcome::NotElectrum,
    }
}
