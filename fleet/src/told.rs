//! What an error of the Redis client means for a worker. Decides nothing else.

use redis::{ErrorKind, RedisError};

use crate::FleetError;

/// Codes that mean: not now.
const AWAY: [&str; 12] = [
    "LOADING",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "MASTERDOWN",
    "READONLY",
    "BUSY",
    "NOREPLICAS",
    "UNBLOCKED",
    "NOGOODSLAVE",
    "NOMASTERLINK",
];

/// Codes that mean: say who you are, with a password that I know.
const STRANGERS: [&str; 2] = ["NOAUTH", "WRONGPASS"];

/// What an error means. Redis's own words are kept; it never repeats a password.
pub(crate) fn told(error: &RedisError) -> FleetError {
    let text: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
    match error.kind() {
        ErrorKind::AuthenticationFailed => FleetError::Stranger(text),
        ErrorKind::InvalidClientConfig | ErrorKind::Client => FleetError::Refused(text),
        // rustls refuses a certificate by an I/O error. Waiting makes it no better.
        ErrorKind::Io if text.contains("certificate") => FleetError::Refused(text),
        ErrorKind::Io
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel => FleetError::Away(text),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            FleetError::Spoilt { key: "an answer of Redis".to_owned(), reason: text }
        }
        _ => by_code(error.code().unwrap_or_default(), text),
    }
}

/// Redis 6 wraps what a command of a script was told into an error of its own, so that the code is amid the text.
fn by_code(code: &str, text: String) -> FleetError {
    let says = |word: &str| code == word || text.contains(&format!("-{word} "));
    if says("OOM") || says("MISCONF") {
        FleetError::Full(text)
    } else if STRANGERS.iter().any(|word| says(word)) {
        FleetError::Stranger(text)
    } else if AWAY.iter().any(|word| says(word)) {
        FleetError::Away(text)
    } else if says("WRONGTYPE") {
        FleetError::Spoilt { key: "a key".to_owned(), reason: text }
    } else {
        FleetError::Refused(text)
    }
}

/// Whether the connection is of no use any more: it broke, leads to who is not the master now, or to who does not know us
/// any more.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound)
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "NOAUTH" | "WRONGPASS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        let of = |code: &str, text: &str| by_code(code, text.to_owned());
        assert!(matches!(of("OOM", "command not allowed"), FleetError::Full(_)));
        assert!(matches!(of("MISCONF", "cannot save"), FleetError::Full(_)));
        assert!(matches!(
            of(
                "ERR",
                "Error running script: @user_script:5: -OOM command not allowed when used memory > 'maxmemory'."
            ),
            FleetError::Full(_)
        ));
        assert!(matches!(of("LOADING", ""), FleetError::Away(_)));
        assert!(matches!(of("NOAUTH", ""), FleetError::Stranger(_)));
        assert!(matches!(of("NOPERM", ""), FleetError::Refused(_)));
        assert!(matches!(of("WRONGTYPE", ""), FleetError::Spoilt { .. }));
    }
}
