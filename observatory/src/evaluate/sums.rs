//! An evaluation in parts: what the parts before came to is kept in a file, and each part goes on where the last ended.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::judge::Verdict;
use crate::output::Usage;

/// What parts came to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// How all of them were done.
    pub(super) method: Method,
    /// The first seed that no part had.
    pub(super) next_seed: u64,
    /// By scenario.
    pub(super) verdicts: BTreeMap<String, Verdict>,
}

/// How an evaluation is done: what was done otherwise cannot be added to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Method {
    /// Over sockets, not within the process.
    pub(super) sockets: bool,
    /// By which features and rules, as assessments name them.
    pub(super) model: String,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.sockets { "over sockets" } else { "in process" };
        write!(f, "{how} with {}", self.model)
    }
}

impl Sums {
    /// Those of a file; before the first part there are none, and it will begin at `first_seed`.
    ///
    /// # Errors
    /// Where it cannot be read; [`Usage`] where it is of other scenarios, or was done otherwise.
    pub(super) fn read<'n>(
        path: &Path,
        method: Method,
        first_seed: u64,
        scenarios: impl IntoIterator<Item = &'n str>,
    ) -> anyhow::Result<Self> {
        let empty: BTreeMap<String, Verdict> =
            scenarios.into_iter().map(|name| (name.to_owned(), Verdict::default())).collect();
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { method, next_seed: first_seed, verdicts: empty });
            }
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let read: Self = serde_json::from_slice(&text).with_context(|| {
            format!("{} is damaged or of another version: begin a new one", path.display())
        })?;
        let complaint = |what: &str| Usage(format!("--sums {}: it {what}: begin a new one", path.display()));
        if !read.verdicts.keys().eq(empty.keys()) {
            return Err(complaint("is of other scenarios").into());
        }
        if read.method != method {
            return Err(complaint(&format!("was done {}, and this would be {method}", read.method)).into());
        }
        Ok(read)
    }

    /// Takes in a part, which ended before a seed.
    pub(super) fn add(&mut self, verdicts: BTreeMap<String, Verdict>, next_seed: u64) {
        self.next_seed = next_seed;
        for (name, verdict) in verdicts {
            self.verdicts.entry(name).or_default().add(verdict);
        }
    }

    /// Writes the file, whole or not at all: there may be days in it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let context = || path.display().to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(context)?;
        file.write_all(&serde_json::to_vec(self)?).with_context(context)?;
        file.persist(path).with_context(context)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_go_on_where_the_last_ended() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("sums.json");
        let names = ["n1-passive-logger", "x6-omission"];
        let part = |runs| names.map(|name| (name.to_owned(), Verdict { runs, ..Verdict::default() })).into();
        let method = |sockets, model: &str| Method { sockets, model: model.to_owned() };
        let read = |method| Sums::read(&path, method, 7, names);
        let mut sums = read(method(false, "1")).expect("none yet");
        assert_eq!(sums.next_seed, 7);
        sums.add(part(3), 10);
        sums.write(&path).expect("writes");
        let mut sums = read(method(false, "1")).expect("reads");
        assert_eq!(sums.next_seed, 10, "and not anew at the seventh");
        sums.add(part(2), 12);
        assert!(sums.verdicts.values().all(|verdict| verdict.runs == 5));
        let others = Sums::read(&path, method(false, "1"), 1, ["n1-passive-logger"]);
        for other in [others, read(method(true, "1")), read(method(false, "2"))] {
            let error = other.expect_err("it cannot be added to");
            assert!(error.is::<Usage>(), "{error}");
        }
    }
}
