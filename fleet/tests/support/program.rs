//! The programs through which a fleet may share its work, as `make redis` installs them. A test that is to hold for all of
//! them does not end well where one is missing.

use std::{path::Path, process::Command};

/// A program that speaks as Redis does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// Redis as Debian has it: 7 or newer.
    Debian,
    /// Redis 6.2, the oldest that is new enough.
    Oldest,
    /// Valkey 9.
    Valkey,
}

impl Program {
    pub(crate) fn command(self) -> Command {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/redis/bin");
        match self {
            Self::Debian => Command::new("redis-server"),
            Self::Oldest => Command::new(installed.join("redis-server")),
            Self::Valkey => Command::new(installed.join("valkey-server")),
        }
    }

    /// Whether it is this one that says so of itself (INFO). Valkey also says which Redis it is like.
    pub(crate) fn is(self, info: &str) -> bool {
        let version = |name: &str| {
            let version = info.lines().find_map(|line| line.strip_prefix(name))?;
            let mut numbers = version.split('.').map(|number| number.trim().parse::<u32>().ok());
            Some((numbers.next()??, numbers.next()??))
        };
        match (self, version("valkey_version:"), version("redis_version:")) {
            (Self::Debian, None, Some((major, _))) => major >= 7,
            (Self::Oldest, None, Some(version)) => version == (6, 2),
            (Self::Valkey, Some((major, _)), _) => major == 9,
            _ => false,
        }
    }
}

/// Makes a test of each case for each program.
macro_rules! on_each_program {
    (in $module:ident, $program:ident, $($case:ident),*) => {
        mod $module {
            $(#[tokio::test] async fn $case() { super::$case(crate::support::Program::$program).await; })*
        }
    };
    ($($case:ident),* $(,)?) => {
        on_each_program!(in debian, Debian, $($case),*);
        on_each_program!(in oldest, Oldest, $($case),*);
        on_each_program!(in valkey, Valkey, $($case),*);
    };
}
