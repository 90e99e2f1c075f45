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
    /// Redis could not be used.
    #[error(transparent)]
    Fleet(#[from] fleet::FleetError),
    /// A value could not be written as JSON or YAML.
    #[error("cannot be written: {0}")]
    Unwritable(String),
    /// Several things, none in the way of another.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Error>),
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
    /// Redis could not be used.
    Redis,
    /// This replica may not write.
    NotLeader,
    /// A fault of ours.
    Internal,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Transient,
        Self::Forbidden,
        Self::Refused,
        Self::Taken,
        Self::Redis,
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
            Self::Redis => "redis",
            Self::NotLeader => "not-leader",
            Self::Internal => "internal",
        }
    }

    /// Whether it passes by itself, and says nothing of what was looked after.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Unreachable | Self::Transient | Self::Redis | Self::NotLeader)
    }

    /// After how long it is worth another try, when so many have failed.
    #[must_use]
    pub fn retry(self, failures: u32) -> Duration {
        // Whoever lost the lease may have it again without an election that anybody saw. Permissions, quotas and names
        // are mended elsewhere, and nobody tells us.
        let (least, most) = if self.passes() { (1, 60) } else { (10, 300) };
        Duration::from_secs((least << failures.min(16)).min(most))
    }
}

impl Error {
    /// All of them as one; none if there are none.
    #[must_use]
    pub fn all(mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() > 1 { Some(Self::Several(errors)) } else { errors.pop() }
    }

    /// Whether the API server is not to be asked for anything else now: it does not answer, or this replica may not.
    #[must_use]
    pub fn ends_it(&self) -> bool {
        matches!(self, Self::TimedOut) || matches!(self.class(), Class::Unreachable | Class::NotLeader)
    }

    /// Its kind. Of several the first that somebody has to mend.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Several(errors) => {
                let mut classes = errors.iter().map(Self::class);
                let first = classes.next().unwrap_or(Class::Internal);
                if first.passes() { classes.find(|class| !class.passes()).unwrap_or(first) } else { first }
            }
            Self::TimedOut => Class::Transient,
            Self::NotLeader => Class::NotLeader,
            Self::Taken { .. } => Class::Taken,
            Self::Fleet(_) => Class::Redis,
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
        let after = |failures| Class::Transient.retry(failures).as_secs();
        assert_eq!([0, 1, 2, 5, 6, 40].map(after), [1, 2, 4, 32, 60, 60]);
        assert_eq!(Class::Forbidden.retry(0), Duration::from_secs(10));
        assert_eq!(Class::NotLeader.retry(0), Duration::from_secs(1), "it may be the leader again by then");
    }

    #[test]
    fn of_several_what_somebody_has_to_mend_counts_and_all_are_told() {
        let taken = |name: &str| Error::Taken { kind: "Job".to_owned(), name: name.to_owned() };
        assert!(Error::all(Vec::new()).is_none());
        assert_eq!(Error::all(vec![Error::TimedOut]).map(|one| one.class()), Some(Class::Transient));
        let all = Error::all(vec![Error::TimedOut, taken("a"), taken("b")]).expect("several");
        assert_eq!(all.class(), Class::Taken);
        let told = all.to_string();
        assert!(told.contains("Job a is not") && told.contains("; Job b is not"), "{told}");
    }
}
