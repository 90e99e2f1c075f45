//! Why what is shared cannot be used at the moment, by what a worker has to do about it.

/// Why what is shared cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FleetError {
    /// Nobody answers, or the connection broke: what was asked may or may not have been done. Ask again.
    #[error("Redis is away: {0}")]
    Away(String),
    /// No memory left: nothing was done. Wait until there is.
    #[error("Redis is full: {0}; give it more memory, or have its visits archived")]
    Full(String),
    /// The stream of visits is as long as it may be: nothing was done. Wait until somebody has read it.
    #[error("{0} visits wait to be read; is the operator running, and the analyzer?")]
    Backlog(u64),
    /// It does not know us. Passwords change: the one in the file may be right in a moment, or Redis may learn it.
    #[error("Redis does not know us: {0}; are user and password in their files those that it has?")]
    Stranger(String),
    /// It will not do what we ask of it, now or later: missing permission, wrong version or settings.
    #[error("Redis refuses: {0}")]
    Refused(String),
    /// Something in it is not what we put there.
    #[error("{key} is not what it should be: {reason}")]
    Spoilt {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

impl FleetError {
    /// The name in labels.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Full(_) => "full",
            Self::Backlog(_) => "backlog",
            Self::Stranger(_) | Self::Refused(_) => "refused",
            Self::Spoilt { .. } => "spoilt",
        }
    }

    /// Whether waiting may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Full(_) | Self::Backlog(_) | Self::Stranger(_))
    }
}
