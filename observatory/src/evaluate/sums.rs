//! An evaluation in parts: what the parts before came to is kept in a file, and each part goes on where the last ended.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::judge::Verdict;
use crate::output::Usage;

/// What parts came to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// The first seed that no part had.
    pub(super) next_seed: u64,
    /// By scenario.
    pub(super) verdicts: BTreeMap<String, Verdict>,
}

impl Sums {
    /// Those of a file; before the first part there are none, and it will begin at `first_seed`.
    ///
    /// # Errors
    /// Where it cannot be read; [`Usage`] where it is of other scenarios.
    pub(super) fn read<'n>(
        path: &Path,
        first_seed: u64,
        scenarios: impl IntoIterator<Item = &'n str>,
    ) -> anyhow::Result<Self> {
        let empty: BTreeMap<String, Verdict> =
            scenarios.into_iter().map(|name| (name.to_owned(), Verdict::default())).collect();
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { next_seed: first_seed, verdicts: empty });
            }
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let read: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: delete it, and begin anew", path.display()))?;
        if !read.verdicts.keys().eq(empty.keys()) {
            return Err(Usage(format!("--sums {}: it is of other scenarios", path.display())).into());
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

    /// Writes the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec(self)?).with_context(|| path.display().to_string())
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
        let mut sums = Sums::read(&path, 7, names).expect("none yet");
        assert_eq!(sums.next_seed, 7);
        sums.add(part(3), 10);
        sums.write(&path).expect("writes");
        let mut sums = Sums::read(&path, 7, names).expect("reads");
        assert_eq!(sums.next_seed, 10, "and not anew at the seventh");
        sums.add(part(2), 12);
        assert!(sums.verdicts.values().all(|verdict| verdict.runs == 5));
        let others = Sums::read(&path, 1, ["n1-passive-logger"]).expect_err("other scenarios");
        assert!(others.is::<Usage>(), "{others}");
    }
}
