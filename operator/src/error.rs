//! What can go wrong while a resource is looked after, and what is done about it.

use std::time::Duration;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or was not there.
    #[error(transparent)]
    Api(#[from] Box<kube::Error>),
    /// The API server did not answer in time.
    #[error("the API server did not answer in time")]
    TimedOut,
    /// This replica may not write (any more).
    #[error("another replica holds the lease")]
    NotLeader,
    /// An object by the name that ours should have belongs to somebody else.
    #[error("{kind} {name} is not this campaign's: delete it, or rename the campaign or the vantage")]
    Taken {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A value could not be written as JSON or YAML.
    #[error("cannot be written: {0}")]
    Unwritable(String),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

/// The kinds of errors, as a metric's label knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The API server could not be reached.
    Unreachable,
    /// It was slow, busy or broken, or somebody else wrote at the same time.
    Transient,
    /// It did not allow it.
    Forbidden,
    /// It did not take what it was given.
    Refused,
    /// A name is taken.
    Taken,
    /// This replica may not write.
    NotLeader,
    /// A fault of ours.
    Internal,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Unreachable,
        Self::Transient,
        Self::Forbidden,
        Self::Refused,
        Self::Taken,
        Self::NotLeader,
        Self::Internal,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Transient => "transient",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Taken => "taken",
            Self::NotLeader => "not-leader",
            Self::Internal => "internal",
        }
    }

    /// After how long it is worth another try, when so many have failed; never where only a change can help.
    #[must_use]
    pub fn retry(self, failures: u32) -> Option<Duration> {
        let doubling = |least: u64, most: u64| {
            let seconds = least.saturating_mul(1_u64.checked_shl(failures.min(16)).unwrap_or(u64::MAX));
            Some(Duration::from_secs(seconds.min(most)))
        };
        match self {
            Self::Unreachable | Self::Transient => doubling(1, 60),
            // Permissions, quotas and names are mended elsewhere, and nobody tells us.
            Self::Forbidden | Self::Refused | Self::Taken | Self::Internal => doubling(10, 300),
            Self::NotLeader => None,
        }
    }
}

impl Error {
    /// Its kind.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::TimedOut => Class::Transient,
            Self::NotLeader => Class::NotLeader,
            Self::Taken { .. } => Class::Taken,
            Self::Unwritable(_) => Class::Internal,
            Self::Api(error) => match &**error {
                kube::Error::Api(status) if status.is_forbidden() => Class::Forbidden,
                kube::Error::Api(status) if status.is_conflict() => Class::Transient,
                kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
                    Class::Refused
                }
                kube::Error::Api(_) => Class::Transient,
                kube::Error::HyperError(_) | kube::Error::Service(_) => Class::Unreachable,
                _ => Class::Internal,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer_and_never_end() {
        let after = |failures| Class::Transient.retry(failures).expect("again").as_secs();
        assert_eq!([0, 1, 2, 5, 6, 40].map(after), [1, 2, 4, 32, 60, 60]);
        assert_eq!(Class::Forbidden.retry(0), Some(Duration::from_secs(10)));
        assert_eq!(Class::NotLeader.retry(0), None);
    }
}
